"""Messages and timers that could not be handled: kept with the reason until an operator decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, case, or_, select, tuple_

from skillscoop_messages import inbox
from skillscoop_messages.database import Transaction
from skillscoop_messages.tables import SCHEDULED

SEPARATOR = ":"


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked message or timer.

    `id` is `<subscriber>:<message id>` (or `<timer>:<key>`). `reason` is one of `permanent`, `unreadable`,
    `unknown_type`, `attempts_used_up`, `not_yet_for_too_long`, `delivery_limit`; `last_error` is for operators only.
    Times are wall time. `body` is the document as it travelled, None for an timer.
    """

    id: str
    subscriber: str
    message_id: str
    kind: str
    type: str | None
    subject: str | None
    correlation_id: str | None
    reason: str
    attempts: int
    last_error: str | None
    first_at: datetime
    parked_at: datetime
    body: bytes | None


async def parked_list(
    tx: Transaction, *, limit: int = 25, subscriber: str | None = None, before: tuple[datetime, str] | None = None
) -> Sequence[Parked]:
    """Newest first. `before` is (parked_at, id) of the last one seen, for the page behind it."""
    statement = select(SCHEDULED).where(SCHEDULED.c.state == "parked")
    if subscriber is not None:
        statement = statement.where(SCHEDULED.c.subscriber == subscriber)
    if before is not None:
        moment, seen = before
        name, _, key = seen.partition(SEPARATOR)
        place = tuple_(SCHEDULED.c.subscriber, SCHEDULED.c.message_id)
        statement = statement.where(
            or_(SCHEDULED.c.parked_at < moment, and_(SCHEDULED.c.parked_at == moment, place < tuple_(name, key)))
        )
    order = (SCHEDULED.c.parked_at.desc(), SCHEDULED.c.subscriber.desc(), SCHEDULED.c.message_id.desc())
    return [_parked(row) for row in await tx.all(statement.order_by(*order).limit(limit))]


async def show(tx: Transaction, parked_id: str) -> Parked | None:
    """One parked message with its body, or None."""
    row = await tx.first(select(SCHEDULED).where(_is(parked_id)))
    return _parked(row) if row else None


async def replay(tx: Transaction, parked_id: str) -> bool:
    """Try it again as soon as possible, with all its attempts; False when no such thing is parked.

    It goes to the same subscriber under the same message id, so if it did take effect after all, the inbox knows.
    What may have killed its process is tried alone, each try written down before it begins.
    """
    result = await tx.execute(
        SCHEDULED.update()
        .where(_is(parked_id))
        .values(
            kind=case((SCHEDULED.c.reason == "delivery_limit", "suspect"), else_=SCHEDULED.c.kind),
            state="waiting",
            attempts=0,
            reason=None,
            parked_at=None,
            due_at=tx.wall(),
            first_at=tx.wall(),
        )
    )
    return result.rowcount > 0


async def discard(tx: Transaction, parked_id: str) -> Parked | None:
    """Give it up for good and answer what it was, for the audit; None when no such thing is parked.

    A message is marked as handled, so that a late duplicate has no effect either.
    """
    row = await tx.first(SCHEDULED.delete().where(_is(parked_id)).returning(SCHEDULED))
    if row is None:
        return None
    if row["kind"] == "message":
        await inbox.first_times(tx, row["subscriber"], [row["message_id"]])
    return _parked(row)


def _is(parked_id: str) -> Any:
    """The condition that finds one parked row."""
    subscriber, _, message_id = parked_id.partition(SEPARATOR)
    return and_(
        SCHEDULED.c.subscriber == subscriber, SCHEDULED.c.message_id == message_id, SCHEDULED.c.state == "parked"
    )


def _parked(row: RowMapping) -> Parked:
    given = {name: row[name] for name in Parked.__slots__ if name != "id"}
    return Parked(id=f"{row['subscriber']}{SEPARATOR}{row['message_id']}", **given)
