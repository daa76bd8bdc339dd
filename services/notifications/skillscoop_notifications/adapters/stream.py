"""Live streams: who listens in this process, and how what is said to them is written as server-sent events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from skillscoop_chassis.identity import Actor
from skillscoop_messages.database import Database
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from skillscoop_notifications.repository import feed
from skillscoop_notifications.usecases.stream import Start, news_for

LOG = logging.getLogger(__name__)

KEEP_ALIVE = timedelta(seconds=15)
WATCH_EVERY = timedelta(milliseconds=500)
AT_ONCE = 200
STREAMS_OF_ONE_USER = 20
WRITE_SECONDS = 30.0
"""How long a listener may leave what was written untaken."""
WATCHED_AT_ONCE = 1_000


@dataclass(eq=False, slots=True)
class Listener:
    """One open stream: up to which position its user was told, and the bell that says there is more."""

    user_id: str
    position: int
    bell: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """The streams open in this process. Holds no news: these are in the database, a bell only says to look there."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self._somebody = asyncio.Event()

    def count(self, user_id: str) -> int:
        """How many streams a user has open here."""
        return len(self._listeners.get(user_id, ()))

    def ring(self, users: Iterable[str]) -> None:
        """Something new was committed for these users."""
        for user in users:
            for listener in self._listeners.get(user, ()):
                listener.bell.set()

    @contextmanager
    def listening(self, user_id: str, position: int) -> Iterator[Listener]:
        """A listener for the block."""
        listener = Listener(user_id, position)
        self._listeners.setdefault(user_id, set()).add(listener)
        self._somebody.set()
        try:
            yield listener
        finally:
            left = self._listeners[user_id]
            left.discard(listener)
            if not left:
                del self._listeners[user_id]
            if not self._listeners:
                self._somebody.clear()

    async def look(self, database: Database) -> None:
        """Ring for everybody here to whom another process said something, with one query for all of them."""
        users = sorted(self._listeners)
        for first in range(0, len(users), WATCHED_AT_ONCE):
            async with database.read() as tx:
                known = await feed.positions_of(tx, users[first : first + WATCHED_AT_ONCE])
            for user, position in known.items():
                for listener in self._listeners.get(user, ()):
                    if position > listener.position:
                        listener.bell.set()

    @asynccontextmanager
    async def watching(self, database: Database) -> AsyncIterator[None]:
        """Look twice a second during the block, as long as somebody listens: workers are processes of their own."""
        task = asyncio.create_task(self._watch(database), name="notifications.watch_streams")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self, database: Database) -> None:
        while True:
            await self._somebody.wait()
            try:
                await self.look(database)
            # Streams stay open while the database is away, and go on when it is back.
            except Exception as error:
                LOG.warning("streams cannot be looked after: %s", type(error).__name__)
            await asyncio.sleep(WATCH_EVERY.total_seconds())


def event_block(event: str, position: int, data: str) -> bytes:
    """One server-sent event. `data` is JSON on one line."""
    return f"id: {position}\nevent: {event}\ndata: {data}\n\n".encode()


class _Stalled(Exception):
    """The listener took nothing of what was written, or the stream had to end while it waited for that."""


class _Writer:
    """Writes to one listener, who may stop reading at any moment: no write outlasts the stream's own ends.

    Raises _Stalled when a write took WRITE_SECONDS, the token expired, or one of `ends` came before it was taken.
    """

    def __init__(self, send: Send, ends: list[asyncio.Task[Any]], over: float) -> None:
        self.ends = ends
        self._send = send
        self._over = over

    async def write(self, body: bytes) -> None:
        """Write one piece."""
        piece = asyncio.ensure_future(self._send({"type": "http.response.body", "body": body, "more_body": True}))
        patience = min(WRITE_SECONDS, max(0.0, self._over - asyncio.get_running_loop().time()))
        try:
            await asyncio.wait([piece, *self.ends], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not piece.done():
                # What is read at once is not cut off by an end that came in the same moment.
                await asyncio.sleep(0)
        finally:
            taken = piece.done()
            if not taken:
                piece.cancel()
                await asyncio.gather(piece, return_exceptions=True)
        if not taken:
            raise _Stalled
        piece.result()


class LiveStream(Response):
    """The answer to `GET /v1/stream`: what is said to one user from `start` on.

    Ends after `seconds`, when `stopping` is set, when the listener has gone or stopped reading, or when the database
    cannot be read; in each case a listener comes back with the last id it saw and misses nothing.
    """

    media_type = "text/event-stream"

    def __init__(
        self, hub: Hub, database: Database, actor: Actor, start: Start, *, seconds: float, stopping: asyncio.Event
    ) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._database = database
        self._actor = actor
        self._start = start
        self._seconds = seconds
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Talk until one of the ends."""
        over = asyncio.get_running_loop().time() + self._seconds
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        ends: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._stopping.wait()),
            asyncio.create_task(_gone(receive)),
        ]
        try:
            with self._hub.listening(self._actor.id, self._start.position) as listener:
                await self._talk(listener, _Writer(send, ends, over), over)
        except (OSError, _Stalled):
            # Nobody takes what was written, so there is no use in writing the end of it.
            return
        except Exception as error:
            # The listener comes back and resumes; only errors that are not the database's absence are news.
            if not self._database.is_away(error):
                LOG.exception("a stream ended early")
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        with suppress(OSError):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _talk(self, listener: Listener, writer: _Writer, over: float) -> None:
        loop, ends = asyncio.get_running_loop(), writer.ends
        await writer.write(b": connected\n\n")
        if self._start.reset:
            await writer.write(event_block("reset", self._start.position, "{}"))
        while not any(end.done() for end in ends) and loop.time() < over:
            listener.bell.clear()
            if await self._tell_all(listener, writer):
                continue
            left = over - loop.time()
            if left <= 0:
                return
            patience = min(left, KEEP_ALIVE.total_seconds())
            bell = asyncio.create_task(listener.bell.wait())
            try:
                done, _ = await asyncio.wait([bell, *ends], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            finally:
                bell.cancel()
            if not done and left > patience:
                await writer.write(b": still here\n\n")

    async def _tell_all(self, listener: Listener, writer: _Writer) -> bool:
        """Write what is new for the listener; whether there may be more."""
        async with self._database.read() as tx:
            rows, reached, more = await news_for(tx, self._actor, listener.position, AT_ONCE)
        if rows:
            blocks = b"".join(event_block(row["event"], row["position"], row["data"]) for row in rows)
            await writer.write(blocks)
        listener.position = reached
        return more


async def _gone(receive: Receive) -> None:
    """Return when the listener has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
