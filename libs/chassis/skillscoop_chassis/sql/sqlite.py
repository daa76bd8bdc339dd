"""SQLite through aiosqlite: one writer behind a lock, some readers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa

from skillscoop_chassis.sql.connections import Dialect, TransactionFailed, uncancelled
from skillscoop_chassis.sql.execution import Checkout, on_aiosqlite, settled
from skillscoop_chassis.sql.pool import Pool
from skillscoop_chassis.sql.sessions import on_connect


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
        sa.event.listen(engine, "connect", on_connect(query_only=query_only))
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
        if taken.spoiled:
            await pool.drop(taken)
            return
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
