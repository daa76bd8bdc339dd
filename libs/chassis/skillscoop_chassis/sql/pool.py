"""A small pool of open connections: taking one costs nothing, and at most `size` are open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.util import greenlet_spawn

from skillscoop_chassis.sql.causes import NoAnswer
from skillscoop_chassis.sql.execution import Checkout, Run, Statements
from skillscoop_chassis.sql.sessions import CLOSE_SECONDS, OPEN_SECONDS, WAIT_SECONDS

T = TypeVar("T")


class Pool:
    """Connections of one engine. The one used last is taken first, so its prepared statements stay warm.

    Connections are not tested before use: one that lost its server fails its first statement, and then the idle ones
    are let go too, for they lost the same server. `deadline` is how many seconds an answer may take.
    """

    def __init__(self, engine: sa.Engine, size: int, run: Callable[[Any], Run], deadline: float | None = None) -> None:
        self._engine = engine
        self._run = run
        self._deadline = deadline
        self._statements = Statements(engine)
        self._idle: list[Checkout] = []
        self._free = asyncio.Semaphore(size)
        self._closed = False
        self._late: set[asyncio.Future[None]] = set()

    async def take(self) -> Checkout:
        """A connection. Raises sqlalchemy.exc.TimeoutError when none gets free within 5 seconds."""
        if self._free.locked():
            try:
                await asyncio.wait_for(self._free.acquire(), WAIT_SECONDS)
            except TimeoutError as error:
                raise sa.exc.TimeoutError("no connection got free") from error
        else:
            await self._free.acquire()
        if self._idle:
            return self._idle.pop()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                connection = await greenlet_spawn(self._engine.connect)
        except TimeoutError as error:
            self._free.release()
            raise NoAnswer("the server does not answer") from error
        except BaseException:
            self._free.release()
            raise
        driver = connection.connection.driver_connection
        return Checkout(connection, driver, self._statements, self._run(driver), self._deadline)

    def give_back(self, taken: Checkout) -> None:
        """Return a clean connection; one that comes back after `close` is closed too."""
        self._free.release()
        if self._closed:
            self._late.add(task := asyncio.ensure_future(_close(taken)))
            task.add_done_callback(self._late.discard)
            return
        self._idle.append(taken)

    async def drop(self, taken: Checkout) -> None:
        """Close a connection that is of no more use, and the idle ones with it."""
        idle, self._idle = self._idle, []
        self._free.release()
        for one in (taken, *idle):
            await _close(one)

    async def close(self) -> None:
        """Close the idle connections and the engine."""
        self._closed = True
        idle, self._idle = self._idle, []
        for one in idle:
            await _close(one)
        await greenlet_spawn(self._engine.dispose)


async def _close(taken: Checkout) -> None:
    try:
        # By the driver, which waits for its thread; SQLAlchemy then only forgets it.
        async with asyncio.timeout(CLOSE_SECONDS):
            await taken.driver.close()
        if not taken.connection.invalidated:
            await greenlet_spawn(taken.connection.invalidate)
        await greenlet_spawn(taken.connection.close)
    except Exception:  # noqa: S110 - it is being thrown away
        pass
