"""Messages the transport gave up on: each is tried alone, and its try is written down before it begins.

Whoever held such a message died too often, but most of them are innocent: a process that is killed while it starts
takes everything in hand with it each time. So they are tried again here, with pauses a crash loop does not outlast, and
parked for a human only when the process dies on each try.

A suspect is a row of `later` of kind `suspect`; `attempts` counts the tries that have begun.
"""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, select, text

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.database import Transaction
from skillscoop_messages.tables import SCHEDULED
from skillscoop_messages.transport.base import RawMessage

PAUSES = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=10))
"""How long after a try that did not end the next one begins; after the last of them it is parked."""
TRIES = len(PAUSES) + 1
ERROR = "the broker gave up on it: the process may have died while handling it"
REASON = "delivery_limit"

_ADD = text(
    """
    INSERT INTO scheduled
        (subscriber, message_id, kind, state, due_at, attempts, type, subject, body, last_error, first_at)
    VALUES (:subscriber, :message_id, 'suspect', 'waiting', :now, 0, :type, :subject, :body, :error, :now)
    ON CONFLICT (subscriber, message_id) DO NOTHING
    """
).bindparams(bindparam("now", type_=UtcDateTime()))


def add(tx: Transaction, subscriber: str, raw: RawMessage) -> None:
    """Keep a message to be tried alone. One that is kept already, for whatever reason, stays as it is."""
    tx.write(
        _ADD,
        {
            "subscriber": subscriber,
            "message_id": raw.id,
            "type": raw.type,
            "subject": raw.subject,
            "body": raw.body,
            "error": ERROR,
            "now": tx.wall(),
        },
    )


async def due(tx: Transaction, subscribers: Collection[str]) -> RowMapping | None:
    """The suspect of these subscribers that waits longest for its next try or for being parked, or None."""
    return await tx.first(
        select(SCHEDULED)
        .where(
            SCHEDULED.c.state == "waiting",
            SCHEDULED.c.kind == "suspect",
            SCHEDULED.c.due_at <= tx.wall(),
            SCHEDULED.c.subscriber.in_(sorted(subscribers)),
        )
        .order_by(SCHEDULED.c.due_at)
        .limit(1)
    )


async def begin(tx: Transaction, row: RowMapping) -> bool:
    """Write down that a try begins; False when another process was faster. Commit before handling."""
    pause = PAUSES[min(row["attempts"], len(PAUSES) - 1)]
    return await _changed(tx, row, {"attempts": row["attempts"] + 1, "due_at": tx.wall() + pause})


async def park(tx: Transaction, row: RowMapping) -> bool:
    """Every try ended in the death of its process: keep it for a human. False when another process was faster."""
    parked = {"kind": "message", "state": "parked", "reason": REASON, "parked_at": tx.wall(), "last_error": ERROR}
    return await _changed(tx, row, parked)


async def take(tx: Transaction, row: RowMapping) -> bool:
    """Delete the row as part of the transaction that handles the message; False when it is not there any more."""
    result = await tx.execute(SCHEDULED.delete().where(_is(row), SCHEDULED.c.attempts == row["attempts"] + 1))
    return result.rowcount == 1


async def _changed(tx: Transaction, row: RowMapping, values: dict[str, object]) -> bool:
    result = await tx.execute(
        SCHEDULED.update().where(_is(row), SCHEDULED.c.attempts == row["attempts"]).values(**values)
    )
    return result.rowcount == 1


def _is(row: RowMapping) -> ColumnElement[bool]:
    """The condition that finds a suspect's row."""
    return and_(
        SCHEDULED.c.subscriber == row["subscriber"],
        SCHEDULED.c.message_id == row["message_id"],
        SCHEDULED.c.kind == "suspect",
        SCHEDULED.c.state == "waiting",
    )
