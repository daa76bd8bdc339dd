"""The notifications service on both databases, with hands on its mail and its streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from skillscoop_messages.consumer import Consumer
from skillscoop_messages.envelope import Envelope, encode
from skillscoop_messages.events.base import Event
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport.base import RawMessage
from skillscoop_notifications.adapters.emails import Email
from skillscoop_notifications.adapters.mail import Outcome, Sent
from skillscoop_notifications.main import build
from skillscoop_notifications.settings import NotificationsSettings

from tests.support.identity import Issuer
from tests.support.one_service import OneService, on_stage


@dataclass
class Mailbox:
    """Every e-mail that left; `answers` are given first, one for each attempt."""

    emails: list[Email] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)

    async def take(self, email: Email) -> Outcome:
        outcome = self.answers.pop(0) if self.answers else Sent()
        if isinstance(outcome, Sent):
            self.emails.append(email)
        return outcome

    def to(self, address: str) -> list[str]:
        """The subjects of what an address got."""
        return [email.subject for email in self.emails if email.to == address]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def stage(database_url: str, keys: Issuer, jwks_file: Path, mailbox: Mailbox) -> AsyncIterator[OneService]:
    """The service, once on SQLite and once on PostgreSQL."""
    build_it = partial(build, mailer=mailbox.take)
    async with on_stage(build_it, NotificationsSettings, keys, database_url, jwks_file) as one:
        yield one


def envelope(event: Event, sequence: int, time: datetime) -> Envelope[Any]:
    """An event as its owner would send it."""
    return Envelope(
        id=new_message_id(),
        source=f"/services/{event.type.split('.', 1)[0]}",
        type=event.type,
        subject=event.subject,
        time=time,
        sequence=sequence,
        correlation_id=new_message_id(),
        causation_id=None,
        traceparent=None,
        data=event,
    )


async def deliver(stage: OneService, envelopes: Sequence[Envelope[Any]]) -> None:
    """Put these into every queue of ours that wants them, each queue's share as one batch."""
    consumer = Consumer(stage.service.database, stage.service.transport, stage.service.subscribers, SUBSCRIPTIONS)
    for subscriber in stage.service.subscribers:
        wanted = [one for one in envelopes if one.type in SUBSCRIPTIONS[subscriber.name].types]
        if wanted:
            await consumer.take(
                subscriber, [RawMessage(one.id, one.type, one.data.subject, encode(one)) for one in wanted]
            )


async def send_mail(stage: OneService) -> None:
    """Let everything leave that is due."""
    await stage.service.outside["mail"].run_due(stage.service.database)


@dataclass
class Listening:
    """One open stream, read as a browser would."""

    status: int = 0
    text: str = ""
    ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _hang_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[tuple[str, int, Any]]:
        """What was said so far: (event, id, data)."""
        found = []
        for block in self.text.split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if fields:
                found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
        return found

    async def until(self, count: int) -> list[tuple[str, int, Any]]:
        """The events, once there are `count`; a test that waits in vain fails."""
        async with asyncio.timeout(20):
            while len(self.events) < count:
                self._news.clear()
                await self._news.wait()
        return self.events

    async def until_open(self) -> None:
        """Return when the stream has begun."""
        async with asyncio.timeout(20):
            while not self.text and not self.ended:
                self._news.clear()
                await self._news.wait()

    async def until_ended(self) -> None:
        """Return when the service ended it."""
        async with asyncio.timeout(20):
            while not self.ended:
                self._news.clear()
                await self._news.wait()

    async def receive(self) -> dict[str, Any]:
        """The listener sends nothing and hangs up at the end."""
        await self._hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """What the service says."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.text += message.get("body", b"").decode()
            self.ended = self.ended or not message.get("more_body", False)
        self._news.set()


@asynccontextmanager
async def listening(
    stage: OneService, user: str | None, query: str = "", *, last_id: int | None = None, **claims: Any
) -> AsyncIterator[Listening]:
    """Open a stream for the block; leaving hangs up."""
    headers = stage.issuer.headers(user, **claims) if user else {}
    if last_id is not None:
        headers["Last-Event-ID"] = str(last_id)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/stream",
        "raw_path": b"/v1/stream",
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("here", 80),
        "client": ("127.0.0.1", 1),
    }
    one = Listening()
    assert stage.service.app is not None
    task = asyncio.create_task(stage.service.app(scope, one.receive, one.send))
    try:
        await one.until_open()
        yield one
    finally:
        one._hang_up.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)


def shifted(moment: datetime, **by: float) -> datetime:
    """A moment a little later or earlier."""
    return moment + timedelta(**by)
