"""A listener who stops reading: the stream ends all the same, and gives its place back."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from skillscoop_chassis.identity import Actor
from skillscoop_notifications.adapters import stream
from skillscoop_notifications.adapters.stream import Hub, LiveStream
from skillscoop_notifications.usecases.stream import Start

from tests.integration.notifications.story import BEN, TraceContext
from tests.support.one_service import OneService


class Reader:
    """The other end of a connection: it takes `takes` pieces, keeps what they said, and reads nothing after them."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.heard = b""
        self.full = asyncio.Event()

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("nothing is ever sent")

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if self.takes == 0:
            self.full.set()
            await asyncio.Event().wait()
        self.takes -= 1
        self.heard += message.get("body", b"")


@pytest.mark.parametrize("end", ["deadline", "expiry", "stop"])
async def test_a_reader_who_stopped_reading_holds_no_place(
    stage: OneService, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Given a stream whose reader takes nothing any more
    When a write takes too long, the token expires, or the process is asked to end
    Then the stream ends and its place is free.
    """
    monkeypatch.setattr(stream, "WRITE_SECONDS", 0.05 if end == "deadline" else 600.0)
    hub, stopping, reader = Hub(), asyncio.Event(), Reader(takes=2)
    seconds = 0.2 if end == "expiry" else 600.0
    await stage.hear(TraceContext().funded())
    live = LiveStream(
        hub, stage.service.database, Actor(BEN), Start(0, reset=False), seconds=seconds, stopping=stopping
    )
    async with asyncio.timeout(20):
        running = asyncio.create_task(live({"type": "http"}, reader.receive, reader.send))
        await reader.full.wait()
        if end == "stop":
            stopping.set()
        await running
    assert hub.count(BEN) == 0


async def test_a_stream_tells_nothing_after_its_token(stage: OneService) -> None:
    """Given a token that has expired and something to say
    When the stream begins
    Then it ends without saying it.
    """
    await stage.hear(TraceContext().funded())
    reader = Reader(takes=100)
    live = LiveStream(
        Hub(), stage.service.database, Actor(BEN), Start(0, reset=False), seconds=-1.0, stopping=asyncio.Event()
    )
    async with asyncio.timeout(20):
        await live({"type": "http"}, reader.receive, reader.send)
    assert b"event: " not in reader.heard
