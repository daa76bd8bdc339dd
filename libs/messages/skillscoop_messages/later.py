"""What must happen at a time: alarms of deadlines, and messages that have to be tried again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.context import current_story
from skillscoop_messages.database import Transaction

AlarmHandler = Callable[[Transaction, str], Awaitable[None]]


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
    await tx.execute(
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
    await tx.execute(_FORGET, {"alarm": alarm, "key": key})
