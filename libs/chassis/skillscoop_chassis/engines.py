"""The two ways a service reaches its database: PostgreSQL through psycopg, SQLite through aiosqlite.

Everything that differs between them lives here, so that no other module asks which one it is talking to.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

Dialect = Literal["postgresql", "sqlite"]
T = TypeVar("T")

POOL_WAIT_SECONDS = 5.0
"""How long a caller waits for a free connection before the database counts as away."""

SQLITE_BUSY_MS = 5_000
POSTGRES_LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "20s",
    "timezone": "UTC",
}
"""Session settings of every PostgreSQL connection: no statement, lock or forgotten transaction lasts long."""

AWAY_STATES = ("57P01", "57P02", "57P03", "57014", "25P03", "53300", "53400")
CONFLICT_STATES = ("40001", "40P01", "55P03")


async def uncancelled(work: Awaitable[T]) -> T:
    """Finish `work` even when this task is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except Exception:  # noqa: S110 - raised below by result()
            pass
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result


class Connections(Protocol):
    """Opens, commits and gives back connections of one database."""

    dialect: Dialect

    async def begin(self) -> AsyncConnection:
        """A connection inside a writing transaction."""
        ...

    async def commit(self, connection: AsyncConnection) -> None:
        """Make it durable. An error means that the outcome is not known to be a commit."""
        ...

    async def rollback(self, connection: AsyncConnection) -> None:
        """Undo and give the connection back clean, or throw it away."""
        ...

    async def release(self, connection: AsyncConnection) -> None:
        """Give a committed connection back."""
        ...

    async def read(self) -> AsyncConnection:
        """A connection that cannot write."""
        ...

    async def end_read(self, connection: AsyncConnection) -> None:
        """Give a reader back."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...


class TransactionFailed(RuntimeError):
    """A statement failed, its error was swallowed, and the database can only roll back: there is nothing to commit."""


async def _discard(connection: AsyncConnection) -> None:
    """Roll back and close; a connection that cannot even roll back is thrown away instead of going back to the pool."""
    try:
        await connection.rollback()
    except Exception:
        await connection.invalidate()
    await connection.close()


class PostgresConnections:
    """Two small pools: writers, and read-only readers without transactions.

    Readers run in the driver's autocommit with `default_transaction_read_only`, so a read costs one round trip and
    can never write.
    """

    dialect: Dialect = "postgresql"

    def __init__(self, url: sa.URL, service: str, pool: int) -> None:
        readers = max(1, pool * 3 // 8)
        self._writers = self._engine(url, service, max(1, pool - readers), {})
        self._readers = self._engine(
            url,
            service,
            readers,
            {"default_transaction_read_only": "on"},
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
        )

    @staticmethod
    def _engine(url: sa.URL, service: str, size: int, session: dict[str, str], **options: Any) -> AsyncEngine:
        limits = " ".join(f"-c {name}={value}" for name, value in {**POSTGRES_LIMITS, **session}.items())
        return create_async_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_use_lifo=True,
            pool_reset_on_return=None,
            use_native_hstore=False,
            connect_args={
                "options": limits,
                "connect_timeout": 5,
                "prepare_threshold": 2,
                "application_name": f"skillscoop-{service}",
            },
            **options,
        )

    async def begin(self) -> AsyncConnection:
        return await self._writers.connect()

    async def commit(self, connection: AsyncConnection) -> None:
        driver = (await connection.get_raw_connection()).driver_connection
        # PostgreSQL answers COMMIT of a failed transaction with a silent ROLLBACK.
        if driver is not None and driver.pgconn.transaction_status == 3:
            raise TransactionFailed("the transaction failed before and cannot be committed")
        await connection.commit()

    async def rollback(self, connection: AsyncConnection) -> None:
        await uncancelled(_discard(connection))

    async def release(self, connection: AsyncConnection) -> None:
        await connection.close()

    async def read(self) -> AsyncConnection:
        return await self._readers.connect()

    async def end_read(self, connection: AsyncConnection) -> None:
        await connection.close()

    async def close(self) -> None:
        await self._writers.dispose()
        await self._readers.dispose()


class SqliteConnections:
    """One writer behind a lock, some readers; transactions are begun and ended by us, never by the driver.

    With the driver's own transaction handling concurrent read-modify-writes lose updates and a savepoint's row
    survives the outer rollback. `BEGIN IMMEDIATE` takes the write lock before the first read.
    """

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
            pool_timeout=POOL_WAIT_SECONDS,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
        )

        @sa.event.listens_for(engine.sync_engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA foreign_keys=ON")
            if query_only:
                cursor.execute("PRAGMA query_only=ON")
            cursor.close()

        return engine

    async def begin(self) -> AsyncConnection:
        await self._lock.acquire()
        try:
            connection = await self._writers.connect()
        except BaseException:
            self._lock.release()
            raise
        try:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            await self.rollback(connection)
            raise
        return connection

    async def commit(self, connection: AsyncConnection) -> None:
        driver = (await connection.get_raw_connection()).driver_connection
        # A full disk or an I/O error makes SQLite roll back by itself.
        if driver is not None and not driver.in_transaction:
            raise TransactionFailed("the transaction failed before and cannot be committed")
        await connection.exec_driver_sql("COMMIT")

    async def rollback(self, connection: AsyncConnection) -> None:
        try:
            await uncancelled(self._undo(connection))
        finally:
            self._lock.release()

    @staticmethod
    async def _undo(connection: AsyncConnection) -> None:
        if not connection.invalidated:
            try:
                driver = (await connection.get_raw_connection()).driver_connection
                if driver is not None and driver.in_transaction:
                    await connection.exec_driver_sql("ROLLBACK")
            except Exception:
                await connection.invalidate()
        await connection.close()

    async def release(self, connection: AsyncConnection) -> None:
        try:
            await connection.close()
        finally:
            self._lock.release()

    async def read(self) -> AsyncConnection:
        connection = await self._readers.connect()
        try:
            await connection.exec_driver_sql("BEGIN")
        except BaseException:
            await self.end_read(connection)
            raise
        return connection

    async def end_read(self, connection: AsyncConnection) -> None:
        await uncancelled(self._undo(connection))

    async def close(self) -> None:
        await self._writers.dispose()
        await self._readers.dispose()


def driver_url(url: str) -> sa.URL:
    """`url` with the driver we use put in: `postgresql://…` and `sqlite:///…` are what people write.

    Raises ValueError for another database, and for SQLite without a file.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("SQLite needs a file: sqlite:////absolute/path.sqlite")
        return parsed.set(drivername="sqlite+aiosqlite")
    raise ValueError("DATABASE_URL must begin with postgresql:// or sqlite:///")


def open_connections(url: str, service: str, pool: int) -> Connections:
    """The connections for `url`; nothing is opened before the first use. `pool` bounds PostgreSQL connections."""
    parsed = driver_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteConnections(parsed)
    return PostgresConnections(parsed, service, pool)


def _driver_error(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error


def means_away(error: BaseException) -> bool:
    """Server gone, restarting, refusing, too slow, or no free connection: worth another try later, with no change."""
    if isinstance(error, (sa.exc.TimeoutError, ConnectionError)):
        return True
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return True
    cause = _driver_error(error)
    if isinstance(cause, sqlite3.OperationalError):
        return any(words in str(cause) for words in ("unable to open", "disk I/O", "is full"))
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return state in AWAY_STATES or state.startswith("08")
    return type(cause).__module__.startswith("psycopg") and type(cause).__name__ in (
        "OperationalError",
        "InterfaceError",
        "ConnectionTimeout",
        "PoolTimeout",
    )


def means_conflict(error: BaseException) -> bool:
    """Another transaction was in the way (deadlock, serialisation, lock timeout, busy file): try again at once."""
    cause = _driver_error(error)
    if isinstance(cause, sqlite3.OperationalError):
        return "locked" in str(cause) or "busy" in str(cause)
    return getattr(cause, "sqlstate", None) in CONFLICT_STATES


__all__ = [
    "Connections",
    "Dialect",
    "PostgresConnections",
    "SqliteConnections",
    "TransactionFailed",
    "driver_url",
    "greenlet_spawn",
    "means_away",
    "means_conflict",
    "open_connections",
    "uncancelled",
]
