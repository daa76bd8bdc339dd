"""Rings the timers and tries kept messages again, each in the transaction of its handler."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import RowMapping

from skillscoop_messages import inbox, scheduled
from skillscoop_messages.consumer import Decode, Observe, Subscriber, handle_message, ignore
from skillscoop_messages.context import TraceContext, trace_context
from skillscoop_messages.database import Database, Transaction
from skillscoop_messages.envelope import decode
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.retry import RetryPolicy

logger = logging.getLogger(__name__)

KINDS = ("timer", "message")
NOW = timedelta(0)
LOOK_EVERY = 1.0
LONGEST_PAUSE = 10.0
CALM = timedelta(minutes=10)


LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def always_caught_up() -> datetime | None:
    """For a service without consumers: nothing can be behind."""
    return LONG_AGO


class Scheduler:
    """Does what is due in one service's `later` table. Several may run: each row is claimed by one at a time.

    Timers are due by business time, messages by wall time. `calm_since` is the consumer's: timers marked with
    `moves_money` wait until it has been calm for `calm` (business time). Ringing late or twice is harmless by
    contract, since a handler reads its root again.
    """

    def __init__(
        self,
        database: Database,
        timers: Mapping[str, scheduled.TimerHandler],
        subscribers: Sequence[Subscriber],
        *,
        caught_up_since: Callable[[], datetime | None] = always_caught_up,
        calm: timedelta = CALM,
        retry: RetryPolicy | None = None,
        decode: Decode = decode,
        observe: Observe = ignore,
    ) -> None:
        self._database = database
        self._alarms = dict(timers)
        self._subscribers = {one.name: one for one in subscribers}
        self._caught_up_since = caught_up_since
        self._calm = calm
        self._retry = retry or RetryPolicy()
        self._decode = decode
        self._observe = observe
        self._nudged = asyncio.Event()
        self._trouble: str | None = None

    def nudge(self) -> None:
        """Look at once instead of within a second: after a wake() that is due, or after moving the business clock."""
        self._nudged.set()

    def trouble(self) -> str | None:
        """Why nothing can be done just now, or None."""
        return self._trouble

    async def run(self) -> None:
        """Do what is due, look again within a second, until cancelled. No error ends it."""
        pause = LOOK_EVERY
        while True:
            try:
                await self.run_due()
                self._trouble, pause = None, LOOK_EVERY
                await self._sleep(LOOK_EVERY)
            except Exception as error:
                self._trouble = scheduled.error_text(error)
                logger.warning("timers and retries wait: %s", self._trouble)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def run_due(self) -> int:
        """Do everything that is due now, one transaction each; how many succeeded. Raises when the database is away."""
        done = 0
        for kind in KINDS:
            async with self._database.read() as tx:
                due_in = await scheduled.next_due(tx, kind)
            while due_in is not None and due_in <= NOW:
                outcome = await self._next(kind)
                done += outcome is True
                due_in = NOW if outcome is not None else None
        return done

    async def _sleep(self, longest: float) -> None:
        """Until the next due time, a nudge, or `longest` seconds have passed."""
        async with self._database.read() as tx:
            dues = [await scheduled.next_due(tx, kind) for kind in KINDS]
        # What is overdue and still there cannot be done by us now, so it is no reason to hurry.
        ahead = [due_in.total_seconds() for due_in in dues if due_in is not None and due_in > NOW]
        try:
            async with asyncio.timeout(min([longest, *ahead])):
                await self._nudged.wait()
        except TimeoutError:
            pass
        self._nudged.clear()

    async def _next(self, kind: str) -> bool | None:
        """Claim and do one: True when it is done, False when it failed and was put off, None when nothing is due."""
        row: RowMapping | None = None
        try:
            async with self._database.begin() as tx:
                names = self._ready_timers(tx.now()) if kind == "timer" else self._subscribers
                row = await scheduled.claim(tx, kind, names)
                if row is None:
                    return None
                await (self._fire(tx, row) if kind == "timer" else self._try_again(tx, row))
        except Exception as error:
            if row is None or self._database.is_away(error):
                raise
            await self._put_off(row, error)
            return False
        self._observe("fired" if kind == "timer" else "handled", row["subscriber"], 1)
        return True

    def _ready_timers(self, now: datetime) -> list[str]:
        """The timers that may ring at business time `now`: those that move money only after a calm while."""
        since = self._caught_up_since()
        calm = since is not None and now - since >= self._calm
        return [name for name, handler in self._alarms.items() if calm or not isinstance(handler, scheduled.MoneyTimer)]

    async def _fire(self, tx: Transaction, row: RowMapping) -> None:
        token = trace_context.set(TraceContext(correlation_id=row["correlation_id"] or new_message_id()))
        try:
            await self._alarms[row["subscriber"]](tx, row["message_id"])
        finally:
            trace_context.reset(token)

    async def _try_again(self, tx: Transaction, row: RowMapping) -> None:
        # The message may have come a second time and taken effect then.
        if await inbox.first_times(tx, row["subscriber"], [row["message_id"]]):
            envelope = self._decode(bytes(row["body"]))
            await handle_message(tx, self._subscribers[row["subscriber"]], row["message_id"], envelope)

    async def _put_off(self, row: RowMapping, error: Exception) -> None:
        """Write the failure down, in a transaction of its own: the one that failed is undone."""
        known = self._subscribers.get(row["subscriber"])
        text = scheduled.error_text(error)
        async with self._database.begin() as tx:
            verdict = scheduled.judge(
                error,
                known.retry if known and row["kind"] == "message" else self._retry,
                message_id=row["message_id"],
                attempts=row["attempts"],
                first_at=row["first_at"],
                now=tx.now() if row["kind"] == "timer" else tx.wall(),
                wall=tx.wall(),
            )
            await scheduled.postpone_again(tx, row, verdict, text)
        level = logging.ERROR if verdict.reason else logging.WARNING
        logger.log(level, "%s failed on %s: %s", row["subscriber"], row["message_id"], text)
        self._observe("parked" if verdict.reason else "postponed", row["subscriber"], 1)
