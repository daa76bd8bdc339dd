"""PostgreSQL through psycopg: two small pools, and sessions that owe nothing to the server's settings."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from skillscoop_chassis.sql import sessions
from skillscoop_chassis.sql.connections import Dialect, TransactionFailed, uncancelled
from skillscoop_chassis.sql.exchange import Exchange, is_clean
from skillscoop_chassis.sql.execution import Checkout, settled
from skillscoop_chassis.sql.pool import Pool
from skillscoop_chassis.sql.sessions import IDLE, IN_ERROR, LIMITS, reachable


class PostgresConnections:
    """Two small pools: writers, and read-only readers without transactions.

    Readers run in the driver's autocommit with `default_transaction_read_only`, so a read costs one round trip and
    can never write.
    """

    dialect: Dialect = "postgresql"

    def __init__(self, url: sa.URL, service: str, pool: int) -> None:
        readers = max(1, pool * 3 // 8)
        writers = max(1, pool - readers)
        self._writers = Pool(self._engine(url, service, {}), writers, Exchange, sessions.ANSWER_SECONDS)
        only_read = {"default_transaction_read_only": "on"}
        readonly = self._engine(url, service, only_read, isolation_level="AUTOCOMMIT")
        self._readers = Pool(readonly, readers, Exchange, sessions.ANSWER_SECONDS)

    @staticmethod
    def _engine(url: sa.URL, service: str, session: dict[str, str], **options: Any) -> sa.Engine:
        return sa.create_engine(
            url,
            _is_async=True,
            poolclass=sa.pool.NullPool,
            pool_reset_on_return=None,
            use_native_hstore=False,
            hide_parameters=True,
            connect_args={
                **reachable({**LIMITS, **session}),
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
        if taken.spoiled or not is_clean(taken.driver):
            await self._writers.drop(taken)
            return
        try:
            if taken.driver.pgconn.transaction_status != IDLE:
                taken.say("ROLLBACK")
                await taken.flush()
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
        if taken.spoiled or not is_clean(taken.driver) or taken.driver.pgconn.transaction_status != IDLE:
            await uncancelled(self._readers.drop(taken))
            return
        await settled(taken)
        self._readers.give_back(taken)

    async def close(self) -> None:
        await self._writers.close()
        await self._readers.close()
