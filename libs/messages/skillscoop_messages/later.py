"""What must happen at a time: alarms of deadlines, and messages that have to be tried again."""

import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, bindparam, text

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.context import current_story
from skillscoop_messages.database import Transaction
from skillscoop_messages.errors import NotYet, Permanent, UnknownEventType, UnreadableMessage
from skillscoop_messages.picking import at_most
from skillscoop_messages.retry import RetryPolicy
from skillscoop_messages.tables import LATER
from skillscoop_messages.transport.base import Wire

AlarmHandler = Callable[[Transaction, str], Awaitable[None]]

LONGEST_ERROR = 2000


@dataclass(frozen=True)
class MoneyAlarm:
    """An alarm handler that may move money. It does not run while this service is behind with its messages."""

    handle: AlarmHandler

    async def __call__(self, tx: Transaction, key: str) -> None:
        """Run the handler."""
        await self.handle(tx, key)


def moves_money(handle: AlarmHandler) -> AlarmHandler:
    """Mark an alarm handler: it waits while consumers are disconnected or behind, and for 10 minutes after.

    A dispute filed in time must not lose against an automatic release because it stood in a queue.
    """
    return MoneyAlarm(handle)


_WAKE = text(
    """
    INSERT INTO later (subscriber, message_id, kind, state, due_at, attempts, correlation_id, first_at)
    VALUES (:alarm, :key, 'alarm', 'waiting', :at, 0, :correlation_id, :now)
    ON CONFLICT (subscriber, message_id) DO UPDATE
    SET state = 'waiting', due_at = excluded.due_at, attempts = 0, correlation_id = excluded.correlation_id,
        reason = NULL, last_error = NULL, parked_at = NULL
    """
).bindparams(bindparam("at", type_=UtcDateTime()), bindparam("now", type_=UtcDateTime()))

_FORGET = text("DELETE FROM later WHERE subscriber = :alarm AND message_id = :key AND kind = 'alarm'")


async def wake(tx: Transaction, alarm: str, key: str, at: datetime) -> None:
    """Call the handler of `alarm` with `key` at `at` (business time) or soon after. A newer time replaces the older.

    The alarm decides nothing: its handler reads its root again, and acts, sets another alarm, or does nothing.
    """
    tx.write(
        _WAKE,
        {
            "alarm": alarm,
            "key": key,
            "at": at,
            "correlation_id": current_story().correlation_id,
            "now": tx.wall(),
        },
    )


async def forget(tx: Transaction, alarm: str, key: str) -> None:
    """Take an alarm back. Only tidiness: an alarm that rings for nothing does no harm."""
    tx.write(_FORGET, {"alarm": alarm, "key": key})


# The row is deleted by the claim itself: a handler that fails rolls it back into place, a handler that sets the same
# alarm again writes a new one, and whoever else wants the row skips it meanwhile. Picked once: see `picking`.
_CLAIM = {
    "postgresql": text(
        """
        WITH picked AS MATERIALIZED (
            SELECT subscriber, message_id FROM later
            WHERE state = 'waiting' AND kind = :kind AND due_at <= :now
              AND subscriber = ANY(CAST(:subscribers AS text[]))
            ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        DELETE FROM later USING picked
        WHERE later.subscriber = picked.subscriber AND later.message_id = picked.message_id
        RETURNING later.*
        """
    ),
    "sqlite": text(
        """
        WITH picked AS MATERIALIZED (
            SELECT rowid FROM later
            WHERE state = 'waiting' AND kind = :kind AND due_at <= :now
              AND subscriber IN (SELECT value FROM json_each(:subscribers))
            ORDER BY due_at LIMIT 1
        )
        DELETE FROM later WHERE rowid IN (SELECT rowid FROM picked) RETURNING *
        """
    ),
}
_CLAIM_TYPED = {
    dialect: statement.bindparams(bindparam("now", type_=UtcDateTime())).columns(
        due_at=UtcDateTime(), first_at=UtcDateTime(), parked_at=UtcDateTime()
    )
    for dialect, statement in _CLAIM.items()
}


_NEXT_DUE = text("SELECT min(due_at) AS due_at FROM later WHERE state = 'waiting' AND kind = :kind").columns(
    due_at=UtcDateTime()
)


async def next_due(tx: Transaction, kind: str) -> timedelta | None:
    """In how long the earliest alarm or message is due, negative when overdue, None without any.

    One look at an index: for asking every second.
    """
    row = await tx.first(_NEXT_DUE, {"kind": kind})
    return row["due_at"] - _clock(tx, kind) if row and row["due_at"] else None


async def claim(tx: Transaction, kind: str, subscribers: Collection[str]) -> RowMapping | None:
    """Take the longest-due alarm (business time) or message (wall time) of these subscribers out of the table.

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
    return tx.now() if kind == "alarm" else tx.wall()


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
    INSERT INTO later (subscriber, message_id, kind, state, due_at, attempts, type, subject, correlation_id, body,
                       reason, last_error, first_at, parked_at)
    VALUES (:subscriber, :message_id, 'message', :state, :due_at, :attempts, :type, :subject, :correlation_id, :body,
            :reason, :last_error, :first_at, :parked_at)
    ON CONFLICT (subscriber, message_id) DO NOTHING
    """
).bindparams(*(bindparam(name, type_=UtcDateTime()) for name in ("due_at", "first_at", "parked_at")))


async def postpone_message(
    tx: Transaction, subscriber: str, wire: Wire, correlation_id: str | None, verdict: Verdict, error: str
) -> None:
    """Keep a message that failed on arrival. One that is kept already keeps its schedule: this was a duplicate."""
    tx.write(
        _KEEP,
        {
            **_outcome(tx, verdict, error),
            "subscriber": subscriber,
            "message_id": wire.id,
            "type": wire.type,
            "subject": wire.subject,
            "correlation_id": correlation_id,
            "body": wire.body,
            "first_at": tx.wall(),
        },
    )


async def postpone_again(tx: Transaction, row: RowMapping, verdict: Verdict, error: str) -> None:
    """Write down another failure of a kept row, unless somebody else tried it meanwhile."""
    await tx.execute(
        LATER.update()
        .where(
            LATER.c.subscriber == row["subscriber"],
            LATER.c.message_id == row["message_id"],
            LATER.c.attempts == row["attempts"],
            LATER.c.due_at == row["due_at"],
            LATER.c.state == "waiting",
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
    "SELECT kind, count(*) AS waiting, min(due_at) AS earliest FROM later WHERE state = 'waiting' GROUP BY kind"
).columns(earliest=UtcDateTime())


async def waiting(tx: Transaction) -> Sequence[RowMapping]:
    """Per kind (`alarm`, `message`): how many wait, and the earliest due time. For metrics."""
    return await tx.all(_OVERDUE)
