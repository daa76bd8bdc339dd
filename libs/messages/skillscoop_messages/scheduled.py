"""What must happen at a time: timers of deadlines, and messages that have to be tried again."""

import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, bindparam, text

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.context import current_trace
from skillscoop_messages.database import Transaction
from skillscoop_messages.errors import NotYet, Permanent, UnknownEventType, UnreadableMessage
from skillscoop_messages.picking import at_most
from skillscoop_messages.retry import RetryPolicy
from skillscoop_messages.tables import SCHEDULED
from skillscoop_messages.transport.base import RawMessage

TimerHandler = Callable[[Transaction, str], Awaitable[None]]

LONGEST_ERROR = 2000


@dataclass(frozen=True)
class MoneyTimer:
    """An timer handler that may move money. It does not run while this service is behind with its messages."""

    handle: TimerHandler

    async def __call__(self, tx: Transaction, key: str) -> None:
        """Run the handler."""
        await self.handle(tx, key)


def moves_money(handle: TimerHandler) -> TimerHandler:
    """Mark an timer handler: it waits while consumers are disconnected or behind, and for 10 minutes after.

    A dispute filed in time must not lose against an automatic release because it stood in a queue.
    """
    return MoneyTimer(handle)


_SCHEDULE = text(
    """
    INSERT INTO scheduled (subscriber, message_id, kind, state, due_at, attempts, correlation_id, first_at)
    VALUES (:timer, :key, 'timer', 'waiting', :at, 0, :correlation_id, :now)
    ON CONFLICT (subscriber, message_id) DO UPDATE
    SET state = 'waiting', due_at = excluded.due_at, attempts = 0, correlation_id = excluded.correlation_id,
        reason = NULL, last_error = NULL, parked_at = NULL
    """
).bindparams(bindparam("at", type_=UtcDateTime()), bindparam("now", type_=UtcDateTime()))

_UNSCHEDULE = text("DELETE FROM scheduled WHERE subscriber = :timer AND message_id = :key AND kind = 'timer'")


async def schedule(tx: Transaction, timer: str, key: str, at: datetime) -> None:
    """Call the handler of `timer` with `key` at `at` (business time) or soon after. A newer time replaces the older.

    The timer decides nothing: its handler reads its root again, and acts, sets another timer, or does nothing.
    """
    tx.write(
        _SCHEDULE,
        {
            "timer": timer,
            "key": key,
            "at": at,
            "correlation_id": current_trace().correlation_id,
            "now": tx.wall(),
        },
    )


async def unschedule(tx: Transaction, timer: str, key: str) -> None:
    """Take an timer back. Only tidiness: an timer that fires for nothing does no harm."""
    tx.write(_UNSCHEDULE, {"timer": timer, "key": key})


# The row is deleted by the claim itself: a handler that fails rolls it back into place, a handler that sets the same
# timer again writes a new one, and whoever else wants the row skips it meanwhile. Picked once: see `picking`.
_CLAIM = {
    "postgresql": text(
        """
        WITH picked AS MATERIALIZED (
            SELECT subscriber, message_id FROM scheduled
            WHERE state = 'waiting' AND kind = :kind AND due_at <= :now
              AND subscriber = ANY(CAST(:subscribers AS text[]))
            ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        DELETE FROM scheduled USING picked
        WHERE scheduled.subscriber = picked.subscriber AND scheduled.message_id = picked.message_id
        RETURNING scheduled.*
        """
    ),
    "sqlite": text(
        """
        WITH picked AS MATERIALIZED (
            SELECT rowid FROM scheduled
            WHERE state = 'waiting' AND kind = :kind AND due_at <= :now
              AND subscriber IN (SELECT value FROM json_each(:subscribers))
            ORDER BY due_at LIMIT 1
        )
        DELETE FROM scheduled WHERE rowid IN (SELECT rowid FROM picked) RETURNING *
        """
    ),
}
_CLAIM_TYPED = {
    dialect: statement.bindparams(bindparam("now", type_=UtcDateTime())).columns(
        due_at=UtcDateTime(), first_at=UtcDateTime(), parked_at=UtcDateTime()
    )
    for dialect, statement in _CLAIM.items()
}


_NEXT_DUE = text("SELECT min(due_at) AS due_at FROM scheduled WHERE state = 'waiting' AND kind = :kind").columns(
    due_at=UtcDateTime()
)


async def next_due(tx: Transaction, kind: str) -> timedelta | None:
    """In how long the earliest timer or message is due, negative when overdue, None without any.

    One look at an index: for asking every second.
    """
    row = await tx.first(_NEXT_DUE, {"kind": kind})
    return row["due_at"] - _clock(tx, kind) if row and row["due_at"] else None


async def claim(tx: Transaction, kind: str, subscribers: Collection[str]) -> RowMapping | None:
    """Take the longest-due timer (business time) or message (wall time) of these subscribers out of the table.

    It belongs to this transaction: rolling back puts it back. Raises PickedTooMuch when the database took more than
    one, so that nothing of it is committed.
    """
    names = sorted(subscribers)
    rows = await tx.all(
        _CLAIM_TYPED[tx.dialect],
        {
            "kind": kind,
            "now": _clock(tx, kind),
            "subscribers": names if tx.dialect == "postgresql" else json.dumps(names),
        },
    )
    at_most(1, len(rows), kind)
    return rows[0] if rows else None


def _clock(tx: Transaction, kind: str) -> datetime:
    return tx.now() if kind == "timer" else tx.wall()


_REASONS: dict[type[Exception], str] = {UnreadableMessage: "unreadable", UnknownEventType: "unknown_type"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of something that failed: another try at `due_at`, or, with a `reason`, parked."""

    due_at: datetime
    attempts: int
    reason: str | None


def judge(
    error: Exception,
    retry: RetryPolicy,
    *,
    message_id: str,
    attempts: int,
    first_at: datetime,
    now: datetime,
    wall: datetime,
) -> Verdict:
    """Decide about a failure after `attempts` earlier ones.

    `now` is the clock the next try is due by; `first_at` and `wall` are wall time.
    """
    if isinstance(error, NotYet):
        waited = wall - first_at
        reason = "not_yet_for_too_long" if waited >= retry.not_yet else None
        return Verdict(now + retry.patience(waited, message_id), attempts, reason)
    tried = attempts + 1
    if isinstance(error, Permanent):
        return Verdict(now, tried, _REASONS.get(type(error), "permanent"))
    return Verdict(now + retry.delay(tried, message_id), tried, "attempts_used_up" if tried >= retry.attempts else None)


def error_text(error: BaseException) -> str:
    """Kind and text of an error, short enough to store. A database error is told without its statement's values."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {cause}".replace("\x00", "")[:LONGEST_ERROR]


_KEEP = text(
    """
    INSERT INTO scheduled (subscriber, message_id, kind, state, due_at, attempts, type, subject, correlation_id, body,
                       reason, last_error, first_at, parked_at)
    VALUES (:subscriber, :message_id, 'message', :state, :due_at, :attempts, :type, :subject, :correlation_id, :body,
            :reason, :last_error, :first_at, :parked_at)
    ON CONFLICT (subscriber, message_id) DO NOTHING
    """
).bindparams(*(bindparam(name, type_=UtcDateTime()) for name in ("due_at", "first_at", "parked_at")))


async def postpone_message(
    tx: Transaction, subscriber: str, raw: RawMessage, correlation_id: str | None, verdict: Verdict, error: str
) -> None:
    """Keep a message that failed on arrival. One that is kept already keeps its schedule: this was a duplicate."""
    tx.write(
        _KEEP,
        {
            **_outcome(tx, verdict, error),
            "subscriber": subscriber,
            "message_id": raw.id,
            "type": raw.type,
            "subject": raw.subject,
            "correlation_id": correlation_id,
            "body": raw.body,
            "first_at": tx.wall(),
        },
    )


async def postpone_again(tx: Transaction, row: RowMapping, verdict: Verdict, error: str) -> None:
    """Write down another failure of a kept row, unless somebody else tried it meanwhile."""
    await tx.execute(
        SCHEDULED.update()
        .where(
            SCHEDULED.c.subscriber == row["subscriber"],
            SCHEDULED.c.message_id == row["message_id"],
            SCHEDULED.c.attempts == row["attempts"],
            SCHEDULED.c.due_at == row["due_at"],
            SCHEDULED.c.state == "waiting",
        )
        .values(**_outcome(tx, verdict, error))
    )


def _outcome(tx: Transaction, verdict: Verdict, error: str) -> dict[str, Any]:
    return {
        "state": "parked" if verdict.reason else "waiting",
        "due_at": verdict.due_at,
        "attempts": verdict.attempts,
        "reason": verdict.reason,
        "last_error": error,
        "parked_at": tx.wall() if verdict.reason else None,
    }


_OVERDUE = text(
    "SELECT kind, count(*) AS waiting, min(due_at) AS earliest FROM scheduled WHERE state = 'waiting' GROUP BY kind"
).columns(earliest=UtcDateTime())


async def waiting(tx: Transaction) -> Sequence[RowMapping]:
    """Per kind (`timer`, `message`): how many wait, and the earliest due time. For metrics."""
    return await tx.all(_OVERDUE)
