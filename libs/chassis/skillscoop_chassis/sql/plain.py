"""Connections over SQLAlchemy's `AsyncEngine` and nothing but its public interface: the way out of what is private.

A statement here is a round trip of its own and costs several times the processor time (docs/adr/0016); everything else
is the same, and the same conformance suites hold it. `DATABASE_LAYER=plain` chooses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from skillscoop_chassis.sql import sessions
from skillscoop_chassis.sql.causes import NoAnswer, means_away
from skillscoop_chassis.sql.connections import Dialect, Parameters, TransactionFailed, uncancelled
from skillscoop_chassis.sql.sessions import (
    CLOSE_SECONDS,
    IN_ERROR,
    LIMITS,
    OPEN_SECONDS,
    WAIT_SECONDS,
    on_connect,
    reachable,
)

T = TypeVar("T")


class PlainCheckout:
    """One connection out of the engine's pool. What is written without waiting runs ahead of the next statement."""

    def __init__(self, connection: AsyncConnection, *, silent_peer: bool) -> None:
        self.connection = connection
        self.spoiled = False
        self._silent_peer = silent_peer
        self._queue: list[tuple[Any, Parameters, type[Exception] | None, list[sa.RowMapping]]] = []

    def write(self, statement: Any, parameters: Parameters = None, unless: type[Exception] | None = None) -> None:
        """Queue one statement."""
        self._queue.append((statement, parameters, unless, []))

    def ask(self, statement: Any, parameters: Parameters = None) -> Callable[[], Sequence[sa.RowMapping]]:
        """Queue one statement whose rows are wanted once it has run."""
        found: list[sa.RowMapping] = []
        self._queue.append((statement, parameters, None, found))
        return lambda: found

    def forget(self) -> None:
        """Drop what is queued."""
        self._queue = []

    async def flush(self) -> None:
        """Run what is queued. Raises what SQLAlchemy raises, or the reason of a statement that touched no row."""
        queue, self._queue = self._queue, []
        reasons = []
        for statement, parameters, unless, found in queue:
            touched = 0
            for one in _each(parameters):
                result = await self._run(statement, one)
                rows = result.mappings().all() if result.returns_rows else ()
                found += rows
                touched += len(rows) if result.returns_rows else result.rowcount
            if unless is not None and not touched:
                reasons.append(unless)
        if reasons:
            raise reasons[0]

    async def execute(self, statement: Any, parameters: Parameters = None) -> sa.CursorResult[Any]:
        """Run one statement behind what is queued."""
        await self.flush()
        return await self._run(statement, parameters)

    async def rows(self, statement: Any, parameters: Parameters = None) -> Sequence[sa.RowMapping]:
        """The rows of one statement, run behind what is queued."""
        await self.flush()
        found: list[sa.RowMapping] = []
        for one in _each(parameters):
            result = await self._run(statement, one)
            found += result.mappings().all() if result.returns_rows else ()
        return found

    async def several(self, *asked: tuple[Any, Parameters]) -> list[Sequence[sa.RowMapping]]:
        """The rows of several statements, run in their order behind what is queued."""
        return [await self.rows(*one) for one in asked]

    async def say(self, words: str) -> None:
        """Run a command without parameters now."""
        await self.answered(self.connection.exec_driver_sql(words))

    async def _run(self, statement: Any, parameters: Parameters) -> sa.CursorResult[Any]:
        given = parameters if parameters is None or isinstance(parameters, Mapping) else list(parameters)
        return await self.answered(self.connection.execute(statement, given))

    async def answered(self, work: Awaitable[T]) -> T:
        """The outcome of `work`. Raises NoAnswer when the server keeps silent for longer than anything may take."""
        try:
            async with asyncio.timeout(sessions.ANSWER_SECONDS if self._silent_peer else None):
                return await work
        except TimeoutError as error:
            self.spoiled = True
            raise NoAnswer("the server does not answer") from error
        except Exception as error:
            self.spoiled = self.spoiled or means_away(error)
            raise


def _each(parameters: Parameters) -> Sequence[Mapping[str, Any] | None]:
    return [parameters] if parameters is None or isinstance(parameters, Mapping) else parameters


async def _taken(engine: AsyncEngine, *, silent_peer: bool) -> PlainCheckout:
    try:
        async with asyncio.timeout(WAIT_SECONDS + OPEN_SECONDS):
            return PlainCheckout(await engine.connect(), silent_peer=silent_peer)
    except TimeoutError as error:
        raise NoAnswer("the server does not answer") from error


async def _ended(engine: AsyncEngine, taken: PlainCheckout, end: Callable[[], Awaitable[Any]]) -> None:
    """Bring the transaction to its end and give the connection back; throw it away when that fails or it is spoiled."""
    taken.forget()
    try:
        if not taken.spoiled:
            await taken.answered(end())
            await taken.connection.close()
            return
    except Exception:  # noqa: S110 - it is thrown away below
        pass
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await taken.connection.invalidate()
            await taken.connection.close()
    except Exception:  # noqa: S110 - it is of no more use
        pass
    # The idle ones lost the same server, or were opened while it let nobody write.
    await engine.dispose()


class PlainPostgres:
    """Writers, and read-only readers without transactions."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: sa.URL, service: str, pool: int) -> None:
        readers = max(1, pool * 3 // 8)
        only_read = {"default_transaction_read_only": "on"}
        self._writers = self._engine(url, service, {}, max(1, pool - readers))
        self._readers = self._engine(url, service, only_read, readers, isolation_level="AUTOCOMMIT")

    @staticmethod
    def _engine(url: sa.URL, service: str, session: dict[str, str], size: int, **options: Any) -> AsyncEngine:
        return create_async_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args={
                **reachable({**LIMITS, **session}),
                # A table may change behind a prepared statement.
                "prepare_threshold": None,
                "application_name": f"skillscoop-{service}",
            },
            **options,
        )

    async def begin(self) -> PlainCheckout:
        return await _taken(self._writers, silent_peer=True)

    async def commit(self, taken: PlainCheckout) -> None:
        await taken.flush()
        driver: Any = (await taken.connection.get_raw_connection()).driver_connection
        # PostgreSQL answers COMMIT of a failed transaction with a silent ROLLBACK.
        if driver.info.transaction_status == IN_ERROR:
            raise TransactionFailed("the transaction failed before and cannot be committed")
        await taken.answered(taken.connection.commit())

    async def rollback(self, taken: PlainCheckout) -> None:
        await uncancelled(_ended(self._writers, taken, taken.connection.rollback))

    async def release(self, taken: PlainCheckout) -> None:
        await uncancelled(_ended(self._writers, taken, taken.connection.rollback))

    async def read(self) -> PlainCheckout:
        return await _taken(self._readers, silent_peer=True)

    async def end_read(self, taken: PlainCheckout) -> None:
        await uncancelled(_ended(self._readers, taken, taken.connection.rollback))

    async def close(self) -> None:
        await self._writers.dispose()
        await self._readers.dispose()


class PlainSqlite:
    """One writer behind a lock, some readers; transactions are begun and ended by us, as `sqlite.py` says why."""

    dialect: Dialect = "sqlite"

    def __init__(self, url: sa.URL, readers: int = 4) -> None:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        self._lock = asyncio.Lock()
        self._writers = self._engine(url, 1, query_only=False)
        self._readers = self._engine(url, readers, query_only=True)

    @staticmethod
    def _engine(url: sa.URL, size: int, *, query_only: bool) -> AsyncEngine:
        engine = create_async_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
        )
        sa.event.listen(engine.sync_engine, "connect", on_connect(query_only=query_only))
        return engine

    async def begin(self) -> PlainCheckout:
        await self._lock.acquire()
        try:
            taken = await _taken(self._writers, silent_peer=False)
        except BaseException:
            self._lock.release()
            raise
        try:
            await taken.say("BEGIN IMMEDIATE")
        except BaseException:
            await self.rollback(taken)
            raise
        return taken

    async def commit(self, taken: PlainCheckout) -> None:
        await taken.flush()
        driver: Any = (await taken.connection.get_raw_connection()).driver_connection
        # A full disk or an I/O error makes SQLite roll back by itself.
        if not driver.in_transaction:
            raise TransactionFailed("the transaction failed before and cannot be committed")
        await taken.say("COMMIT")

    async def rollback(self, taken: PlainCheckout) -> None:
        try:
            await uncancelled(_ended(self._writers, taken, lambda: _rolled_back(taken)))
        finally:
            self._lock.release()

    async def release(self, taken: PlainCheckout) -> None:
        try:
            await uncancelled(_ended(self._writers, taken, taken.connection.rollback))
        finally:
            self._lock.release()

    async def read(self) -> PlainCheckout:
        taken = await _taken(self._readers, silent_peer=False)
        try:
            await taken.say("BEGIN")
        except BaseException:
            await self.end_read(taken)
            raise
        return taken

    async def end_read(self, taken: PlainCheckout) -> None:
        await uncancelled(_ended(self._readers, taken, lambda: _rolled_back(taken)))

    async def close(self) -> None:
        await self._writers.dispose()
        await self._readers.dispose()


async def _rolled_back(taken: PlainCheckout) -> None:
    """ROLLBACK by the driver: SQLAlchemy believes that every statement of this engine commits by itself."""
    driver: Any = (await taken.connection.get_raw_connection()).driver_connection
    # Whatever a cancelled task left in the driver's thread runs before this and is undone with the rest.
    await driver.rollback()
    await taken.connection.rollback()
