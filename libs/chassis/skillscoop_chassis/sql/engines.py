"""The two ways a service reaches its database: PostgreSQL through psycopg, SQLite through aiosqlite.

Everything that differs between them lives here, so that no other module asks which one it is talking to.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, Literal, Protocol

import sqlalchemy as sa
from sqlalchemy.util import greenlet_spawn

from skillscoop_chassis.sql.exchange import Exchange, is_clean
from skillscoop_chassis.sql.execution import Checkout, on_aiosqlite
from skillscoop_chassis.sql.pool import Pool, uncancelled

Dialect = Literal["postgresql", "sqlite"]

SQLITE_BUSY_MS = 5_000
POSTGRES_LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "20s",
    "timezone": "UTC",
}
"""Session settings of every PostgreSQL connection: no statement, lock or forgotten transaction lasts long."""

AWAY_STATES = ("57P01", "57P02", "57P03", "57014", "25P03", "53300", "53400")
IDLE, IN_ERROR = 0, 3
"""libpq's PQTRANS_IDLE and PQTRANS_INERROR."""

CONFLICT_STATES = ("40001", "40P01", "55P03")


class Connections(Protocol):
    """Opens, commits and gives back connections of one database."""

    dialect: Dialect

    async def begin(self) -> Checkout:
        """A connection inside a writing transaction."""
        ...

    async def commit(self, taken: Checkout) -> None:
        """Make it durable. An error means that the outcome is not known to be a commit."""
        ...

    async def rollback(self, taken: Checkout) -> None:
        """Undo and give the connection back clean, or throw it away."""
        ...

    async def release(self, taken: Checkout) -> None:
        """Give a committed connection back."""
        ...

    async def read(self) -> Checkout:
        """A connection that cannot write."""
        ...

    async def end_read(self, taken: Checkout) -> None:
        """Give a reader back."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...


class TransactionFailed(RuntimeError):
    """A statement failed, its error was swallowed, and the database can only roll back: there is nothing to commit."""


async def settled(taken: Checkout) -> None:
    """Tell SQLAlchemy that the transaction its own executions may have begun is over."""
    if taken.connection.in_transaction():
        await greenlet_spawn(taken.connection.rollback)


class PostgresConnections:
    """Two small pools: writers, and read-only readers without transactions.

    Readers run in the driver's autocommit with `default_transaction_read_only`, so a read costs one round trip and
    can never write.
    """

    dialect: Dialect = "postgresql"

    def __init__(self, url: sa.URL, service: str, pool: int) -> None:
        readers = max(1, pool * 3 // 8)
        writers = max(1, pool - readers)
        self._writers = Pool(self._engine(url, service, {}), writers, Exchange)
        only_read = {"default_transaction_read_only": "on"}
        self._readers = Pool(self._engine(url, service, only_read, isolation_level="AUTOCOMMIT"), readers, Exchange)

    @staticmethod
    def _engine(url: sa.URL, service: str, session: dict[str, str], **options: Any) -> sa.Engine:
        limits = " ".join(f"-c {name}={value}" for name, value in {**POSTGRES_LIMITS, **session}.items())
        return sa.create_engine(
            url,
            _is_async=True,
            poolclass=sa.pool.NullPool,
            pool_reset_on_return=None,
            use_native_hstore=False,
            hide_parameters=True,
            connect_args={
                "options": limits,
                "connect_timeout": 5,
                # Exchange prepares; a rollback would make the driver forget all prepared statements, its own or not.
                "prepare_threshold": None,
                "application_name": f"skillscoop-{service}",
            },
            **options,
        )

    async def begin(self) -> Checkout:
        taken = await self._writers.take()
        taken.say("BEGIN")
        return taken

    async def commit(self, taken: Checkout) -> None:
        status = taken.driver.pgconn.transaction_status
        # PostgreSQL answers COMMIT of a failed transaction with a silent ROLLBACK.
        if status == IN_ERROR:
            raise TransactionFailed("the transaction failed before and cannot be committed")
        if status == IDLE and taken.queued == 1:
            taken.forget()
            return
        if taken.doubtful:
            await taken.flush()
        taken.say("COMMIT")
        await taken.flush()

    async def rollback(self, taken: Checkout) -> None:
        await uncancelled(self._undo(taken))

    async def _undo(self, taken: Checkout) -> None:
        taken.forget()
        # A cancelled exchange may have left the connection in the middle of its answer.
        if not is_clean(taken.driver):
            await self._writers.drop(taken)
            return
        try:
            await taken.driver.rollback()
            await settled(taken)
        except Exception:
            await self._writers.drop(taken)
            return
        self._writers.give_back(taken)

    async def release(self, taken: Checkout) -> None:
        await settled(taken)
        self._writers.give_back(taken)

    async def read(self) -> Checkout:
        return await self._readers.take()

    async def end_read(self, taken: Checkout) -> None:
        if not is_clean(taken.driver) or taken.driver.pgconn.transaction_status != IDLE:
            await uncancelled(self._readers.drop(taken))
            return
        await settled(taken)
        self._readers.give_back(taken)

    async def close(self) -> None:
        await self._writers.close()
        await self._readers.close()


class SqliteConnections:
    """One writer behind a lock, some readers; transactions are begun and ended by us, never by the driver.

    With the driver's own transaction handling concurrent read-modify-writes lose updates and a savepoint's row
    survives the outer rollback. `BEGIN IMMEDIATE` takes the write lock before the first read.
    """

    dialect: Dialect = "sqlite"

    def __init__(self, url: sa.URL, readers: int = 4) -> None:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        self._lock = asyncio.Lock()
        self._writers = Pool(self._engine(url, query_only=False), 1, on_aiosqlite)
        self._readers = Pool(self._engine(url, query_only=True), readers, on_aiosqlite)

    @staticmethod
    def _engine(url: sa.URL, *, query_only: bool) -> sa.Engine:
        engine = sa.create_engine(
            url,
            _is_async=True,
            poolclass=sa.pool.NullPool,
            pool_reset_on_return=None,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
        )

        @sa.event.listens_for(engine, "connect")
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

    async def begin(self) -> Checkout:
        await self._lock.acquire()
        try:
            taken = await self._writers.take()
        except BaseException:
            self._lock.release()
            raise
        try:
            await self._say(taken, "BEGIN IMMEDIATE")
        except BaseException:
            await self.rollback(taken)
            raise
        return taken

    @staticmethod
    async def _say(taken: Checkout, words: str) -> None:
        try:
            await taken.driver._execute(taken.driver._conn.execute, words)
        except Exception as error:
            raise taken.explained(error, words) from error

    async def commit(self, taken: Checkout) -> None:
        await taken.flush()
        # A full disk or an I/O error makes SQLite roll back by itself.
        if not taken.driver.in_transaction:
            raise TransactionFailed("the transaction failed before and cannot be committed")
        await self._say(taken, "COMMIT")

    async def rollback(self, taken: Checkout) -> None:
        taken.forget()
        try:
            await uncancelled(self._undo(self._writers, taken))
        finally:
            self._lock.release()

    @staticmethod
    async def _undo(pool: Pool, taken: Checkout) -> None:
        try:
            # Whatever a cancelled task left in the driver's thread runs before this and is undone with the rest.
            await taken.driver.rollback()
            await settled(taken)
        except Exception:
            await pool.drop(taken)
            return
        pool.give_back(taken)

    async def release(self, taken: Checkout) -> None:
        await settled(taken)
        self._writers.give_back(taken)
        self._lock.release()

    async def read(self) -> Checkout:
        taken = await self._readers.take()
        try:
            await self._say(taken, "BEGIN")
        except BaseException:
            await self.end_read(taken)
            raise
        return taken

    async def end_read(self, taken: Checkout) -> None:
        await uncancelled(self._undo(self._readers, taken))

    async def close(self) -> None:
        await self._writers.close()
        await self._readers.close()


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
    "means_away",
    "means_conflict",
    "open_connections",
    "uncancelled",
]
