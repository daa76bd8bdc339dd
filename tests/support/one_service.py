"""One service alone on a stage: real database and HTTP, with the others' events spoken by the test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from skillscoop_chassis.migrations import migrate
from skillscoop_chassis.service import Service
from skillscoop_messages.clock import shifted_clocks
from skillscoop_messages.consumer import Consumer
from skillscoop_messages.envelope import Envelope, decode, encode
from skillscoop_messages.events.base import Event
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.scheduler import Scheduler
from skillscoop_messages.transport.base import RawMessage
from skillscoop_messages.transport.simulated import SimulatedTransport

from tests.support.identity import Issuer

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class OneService:
    """The service, what it said so far, and the test's hands on its clock, its transport and its HTTP."""

    service: Service
    client: httpx2.AsyncClient
    issuer: Issuer
    elapsed: list[timedelta]
    said: list[Envelope[Any]] = field(default_factory=list)
    sequences: dict[str, int] = field(default_factory=dict)

    async def hear(self, event: Event, sequence: int | None = None, *, times: int = 1) -> None:
        """Deliver an event of another service to every queue of ours that wants it, `times` times.

        Without `sequence` it is the next one of its root.
        """
        following = sequence or self.sequences.get(event.subject, 0) + 1
        self.sequences[event.subject] = max(following, self.sequences.get(event.subject, 0))
        envelope = Envelope(
            id=new_message_id(),
            source=f"/services/{event.type.split('.', 1)[0]}",
            type=event.type,
            subject=event.subject,
            time=self.service.clocks.business(),
            sequence=following,
            correlation_id=new_message_id(),
            causation_id=None,
            traceparent=None,
            data=event,
        )
        raw = RawMessage(envelope.id, event.type, event.subject, encode(envelope))
        wanted = [one for one in self.service.subscribers if event.type in SUBSCRIPTIONS[one.name].types]
        assert wanted, f"{self.service.name} does not listen to {event.type}"
        consumer = Consumer(self.service.database, self.service.transport, self.service.subscribers, SUBSCRIPTIONS)
        for _ in range(times):
            for subscriber in wanted:
                await consumer.take(subscriber, [raw])

    async def pass_time(self, **duration: float) -> None:
        """Let business time pass (`days=7`) and everything ring that is due then."""
        self.elapsed[0] += timedelta(**duration)
        await self.ring()

    async def ring(self) -> None:
        """Ring the timers that are due and try kept messages again."""
        await Scheduler(self.service.database, self.service.timers, self.service.subscribers).run_due()

    def heard(self, *kinds: type[Event]) -> list[Any]:
        """What the service said so far, of these kinds only where some are given."""
        return [one.data for one in self.said if not kinds or isinstance(one.data, kinds)]

    async def call(
        self,
        user: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        roles: tuple[str, ...] = (),
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """One request of `user` (empty: without a token); `key` is the Idempotency-Key."""
        sent = dict(headers or {})
        if user:
            sent |= self.issuer.headers(user, roles)
        if key:
            sent["Idempotency-Key"] = key
        if body is not None:
            more["content"] = json.dumps(body)
            sent["Content-Type"] = "application/json"
        return await self.client.request(method, path, headers=sent, **more)


@asynccontextmanager
async def on_stage(
    build: Callable[..., Service], settings: Any, issuer: Issuer, database_url: str, jwks: Path, **more: Any
) -> AsyncIterator[OneService]:
    """Migrate a fresh database, build the service on it and open a client; nothing runs by itself."""
    elapsed = [timedelta(0)]
    clocks = shifted_clocks(lambda: elapsed[0])
    known = settings(database_url=database_url, bus_url="simulated://", jwks_file=jwks, environment="test", **more)
    service = build(known, clocks=clocks, transport=SimulatedTransport(1, SUBSCRIPTIONS.values()))
    migrate(database_url, ROOT / "services" / service.name / "migrations")
    assert service.app is not None
    transport = httpx2.ASGITransport(app=service.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
        stage = OneService(service, client, issuer, elapsed)
        service.database.after_flush = lambda raws: stage.said.extend(decode(raw.body) for raw in raws)
        try:
            yield stage
        finally:
            await service.database.close()
