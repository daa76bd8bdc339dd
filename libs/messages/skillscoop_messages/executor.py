"""Outside calls without losing or doubling any: claim a row with a lease, commit, call, write the outcome.

    claim (commit) → call, in no transaction → settle (commit), only where the lease still holds

A process that dies after the claim leaves the row pending; when the lease ends somebody else claims it and calls
again. So a call must bear being made twice: it carries the row's own key, or looks first.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    RowMapping,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    or_,
    select,
    text,
)

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.context import TraceContext, trace_context
from skillscoop_messages.database import Database, Transaction
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.picking import at_most, picked
from skillscoop_messages.retry import RetryPolicy
from skillscoop_messages.scheduled import error_text

logger = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")

LOOK_EVERY = 1.0
LONGEST_PAUSE = 10.0
CONFLICTS = 5
LEASE_SLACK = timedelta(minutes=1)
"""By how much clocks of processes may differ before a lease counts as written by a wrong one."""

SETTLERS = 2
"""How many transactions settle at a time; what comes in meanwhile is settled together by the next one."""


def lease_columns() -> list[Column[Any]]:
    """The columns a table needs for an Executor, beside its `id`. Index (state, due_at) yourself.

    `state` is `pending` until `settle` writes something else; `due_at` and `lease_until` are wall time; `attempts`
    counts claims; `lease_token` is the current claim, null when free; `last_error` is for operators. With a
    `correlation_id` column of its own, what `settle` records belongs to that trace.
    """
    return [
        Column("state", Text, nullable=False, server_default=text("'pending'")),
        Column("due_at", UtcDateTime, nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("lease_token", Text),
        Column("lease_until", UtcDateTime),
        Column("last_error", Text),
    ]


class LeaseLost(Exception):
    """Somebody else holds the row now; what this call brought is theirs to find out again."""


@dataclass(slots=True, eq=False)
class _Settlement:
    """An outcome on its way into the database; `error` is why it could not be written."""

    row: RowMapping
    outcome: Any
    done: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None


@dataclass(frozen=True)
class Executor(Generic[Outcome]):
    """What to call for the due rows of `table`, and what to write afterwards.

    `call` gets the claimed row outside any transaction and is cancelled when it takes longer than `lease`; it returns
    its outcome as a value. `settle` writes the row's next state in a new transaction, and only takes effect while the
    lease still holds; to be called again it leaves `pending` and moves `due_at`. An error out of either leaves the row
    pending, due again after `retry`'s delay, for ever: money is never given up by a counter. At most `concurrency`
    calls are under way in one process. `claim_values` gives further columns a claim writes, from the expression of its
    moment: what has to be known of a try even when its process dies.
    """

    name: str
    table: Table
    call: Callable[[RowMapping], Awaitable[Outcome]]
    settle: Callable[[Transaction, RowMapping, Outcome], Awaitable[None]]
    lease: timedelta
    concurrency: int = 8
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    claim_values: Callable[[ColumnElement[Any]], Mapping[str, ColumnElement[Any]]] | None = None
    _nudged: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False, compare=False)
    _outcomes: list[_Settlement] = field(default_factory=list, init=False, repr=False, compare=False)
    _settlers: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(SETTLERS), init=False, repr=False, compare=False
    )

    def nudge(self) -> None:
        """Look for due rows at once: `tx.after_commit(executor.nudge)` where a row was written."""
        self._nudged.set()

    async def run(self, database: Database) -> None:
        """Claim and call until cancelled; looks every second at least. No error ends it."""
        running: set[asyncio.Task[None]] = set()
        pause = LOOK_EVERY
        full = False

        def ended(task: asyncio.Task[None]) -> None:
            running.discard(task)
            # Only where there was no room for more: a row that became due meanwhile is nudged for, or waits a second.
            if full:
                self._nudged.set()

        try:
            while True:
                # Before the look: a nudge during it is not lost.
                self._nudged.clear()
                try:
                    free = self.concurrency - len(running)
                    rows = await self.claim(database, free) if free else []
                    full = len(rows) == free
                    pause = LOOK_EVERY
                except Exception as error:
                    logger.warning("%s cannot look for work: %s", self.name, error_text(error))
                    rows, pause = [], min(pause * 2, LONGEST_PAUSE)
                for row in rows:
                    task = asyncio.create_task(self.execute(database, row))
                    running.add(task)
                    task.add_done_callback(ended)
                if full and rows:
                    continue
                try:
                    async with asyncio.timeout(pause):
                        await self._nudged.wait()
                except TimeoutError:
                    pass
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def run_due(self, database: Database) -> int:
        """Call everything that is due now and wait for it; how many rows there were."""
        total = 0
        while rows := await self.claim(database, self.concurrency):
            await asyncio.gather(*(self.execute(database, row) for row in rows))
            total += len(rows)
        return total

    async def claim(self, database: Database, limit: int) -> Sequence[RowMapping]:
        """Take up to `limit` due rows for the length of a lease, committed: from here on only we may settle them.

        Raises PickedTooMuch when the database leased more; those come free with their lease, uncalled.
        """
        async with database.begin() as tx:
            now = tx.wall()
            claimed = tx.ask(
                self._claim,
                {
                    "now": now,
                    "beyond": now + self.lease + LEASE_SLACK,
                    "limit": limit,
                    "token": new_message_id(),
                    "until": now + self.lease,
                },
            )
        rows = claimed()
        at_most(limit, len(rows), self.name)
        return rows

    @cached_property
    def _claim(self) -> Any:
        table = self.table.c
        now, beyond = bindparam("now", type_=UtcDateTime()), bindparam("beyond", type_=UtcDateTime())
        due = (
            select(table.id)
            .where(table.state == "pending", table.due_at <= now)
            # A lease that ends later than any of ours can was written by a clock that was wrong: nobody holds it.
            .where(or_(table.lease_token.is_(None), table.lease_until < now, table.lease_until > beyond))
            .order_by(table.due_at)
            .limit(bindparam("limit"))
            .with_for_update(skip_locked=True)
        )
        return (
            self.table.update()
            .where(table.id.in_(picked(due)))
            .values(
                lease_token=bindparam("token"),
                lease_until=bindparam("until"),
                attempts=table.attempts + 1,
                **(self.claim_values(now) if self.claim_values else {}),
            )
            .returning(*self.table.columns)
        )

    async def execute(self, database: Database, row: RowMapping) -> None:
        """Call for one claimed row and settle it. Never raises: an error is written down and the row tried again."""
        token = trace_context.set(TraceContext(correlation_id=row.get("correlation_id") or new_message_id()))
        try:
            async with asyncio.timeout(self.lease.total_seconds()):
                outcome = await self.call(row)
            await self._hand_in(database, _Settlement(row, outcome))
        except LeaseLost:
            logger.warning("%s: the lease on %s was lost, its outcome is dropped", self.name, row["id"])
        except Exception as error:
            logger.warning("%s failed on %s: %s", self.name, row["id"], error_text(error))
            await self._release(database, row, error_text(error))
        finally:
            trace_context.reset(token)

    async def _hand_in(self, database: Database, mine: _Settlement) -> None:
        """Settle an outcome, with all others that wait. Raises why it could not be."""
        self._outcomes.append(mine)
        # Calls that ended in the same moment have not all come here yet.
        await asyncio.sleep(0)
        async with self._settlers:
            if mine in self._outcomes:
                batch, self._outcomes[:] = list(self._outcomes), []
                try:
                    await self._settle_together(database, batch)
                finally:
                    for one in batch:
                        one.done.set()
        await mine.done.wait()
        if mine.error is not None:
            raise mine.error

    async def _settle_together(self, database: Database, batch: Sequence[_Settlement]) -> None:
        """One transaction for all; when it fails, one for each, so that one bad outcome undoes no other."""
        if len(batch) > 1:
            try:
                await self._settle(database, batch)
            except Exception as error:
                logger.info("%s settles one by one: %s", self.name, error_text(error))
            else:
                return
        for one in batch:
            try:
                await self._settle_alone(database, one)
            except Exception as error:
                one.error = error

    async def _settle_alone(self, database: Database, one: _Settlement) -> None:
        for conflict in range(CONFLICTS):
            try:
                await self._settle(database, [one])
                return
            except Exception as error:
                if not database.is_conflict(error) or conflict == CONFLICTS - 1:
                    raise
                await asyncio.sleep(0.01 * 2**conflict)

    async def _settle(self, database: Database, batch: Sequence[_Settlement]) -> None:
        async with database.begin() as tx:
            rows = await tx.all(self._leased, {"ids": [one.row["id"] for one in batch]})
            current = {(row["id"], row["lease_token"]): row for row in rows}
            for one in sorted(batch, key=lambda one: str(one.row["id"])):
                row = current.get((one.row["id"], one.row["lease_token"]))
                if row is None:
                    raise LeaseLost
                token = trace_context.set(TraceContext(correlation_id=row.get("correlation_id") or new_message_id()))
                try:
                    await self.settle(tx, row, one.outcome)
                finally:
                    trace_context.reset(token)
                # Last, so that roots are locked before this row everywhere; and it proves the lease once more.
                tx.write(self._free, self._ours(row), unless=LeaseLost)

    @cached_property
    def _leased(self) -> Any:
        return select(self.table).where(self.table.c.id.in_(bindparam("ids", expanding=True)))

    @cached_property
    def _free(self) -> Update:
        return self._of_ours().values(lease_token=None, lease_until=None)

    @cached_property
    def _give_back(self) -> Update:
        return self._of_ours().values(
            lease_token=None, lease_until=None, last_error=bindparam("error"), due_at=bindparam("due")
        )

    async def _release(self, database: Database, row: RowMapping, error: str) -> None:
        """Give the row back with a later due time. When even that fails, the lease simply ends."""
        try:
            async with database.begin() as tx:
                delay = self.retry.delay(row["attempts"], str(row["id"]))
                tx.write(self._give_back, {**self._ours(row), "error": error, "due": tx.wall() + delay})
        except Exception as trouble:
            logger.warning("%s: %s stays leased: %s", self.name, row["id"], error_text(trouble))

    def _of_ours(self) -> Update:
        table = self.table.c
        return self.table.update().where(
            and_(table.id == bindparam("our_id"), table.lease_token == bindparam("our_token"))
        )

    @staticmethod
    def _ours(row: RowMapping) -> dict[str, Any]:
        return {"our_id": row["id"], "our_token": row["lease_token"]}
