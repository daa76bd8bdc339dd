"""Notices, and the stream that tells of them live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from skillscoop_chassis.access import is_support
from skillscoop_chassis.identity import Actor
from skillscoop_chassis.sql.bulk import BulkInsert
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.database import Transaction
from skillscoop_messages.picking import picked

from skillscoop_notifications.tables import NOTIFICATIONS, STREAM_ITEMS, STREAM_POSITIONS, STREAM_TICKETS

_N = NOTIFICATIONS.c
_I = STREAM_ITEMS.c
_P = STREAM_POSITIONS.c


class Item(NamedTuple):
    """One thing to say on a user's stream: `event` is notification, message or object, `data` its JSON.

    `for_support`: said to the user as somebody of our team, so it needs the role in the listener's token; and, with a
    `contract_id`, that they still work on a dispute of that contract.
    """

    user_id: str
    event: str
    data: str
    for_support: bool = False
    contract_id: str = ""


_ADD_NOTICES = BulkInsert(NOTIFICATIONS, _N.keys(), tail="ON CONFLICT DO NOTHING", returning=("id",))
_NEXT_POSITIONS = BulkInsert(
    STREAM_POSITIONS,
    _P.keys(),
    tail="ON CONFLICT (user_id) DO UPDATE SET position = stream_positions.position + excluded.position",
    returning=("user_id", "position"),
)
_ADD_ITEMS = BulkInsert(STREAM_ITEMS, _I.keys())
_AFTER = (
    sa.select(_I.position, _I.event, _I.data, _I.for_support, _I.contract_id)
    .where(_I.user_id == sa.bindparam("user_id"), _I.position > sa.bindparam("position"))
    .order_by(_I.position)
    .limit(sa.bindparam("limit"))
)
_POSITIONS = sa.select(_P.user_id, _P.position).where(_P.user_id.in_(sa.bindparam("user_ids", expanding=True)))
_POSITION = sa.select(_P.position).where(_P.user_id == sa.bindparam("user_id"))
_AGE = sa.select(_I.created_at).where(_I.user_id == sa.bindparam("user_id"), _I.position == sa.bindparam("position"))


async def add_notices(tx: Transaction, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Insert notices; the ids of those whose user had not heard of the event before."""
    return {row["id"] for row in await _ADD_NOTICES.run(tx, rows)}


async def say(tx: Transaction, items: Sequence[Item]) -> None:
    """Put items on their users' streams, in the order given.

    Positions come from one counter row per user, locked in sorted order until the commit: so a position never becomes
    visible before a lower one, and a listener may simply ask for what is higher than the last it saw.
    """
    if not items:
        return
    counts = Counter(item.user_id for item in items)
    given = [{"user_id": user_id, "position": count} for user_id, count in sorted(counts.items())]
    last = {row["user_id"]: row["position"] for row in await _NEXT_POSITIONS.run(tx, given)}
    following = {user_id: last[user_id] - count for user_id, count in counts.items()}
    rows = []
    for item in items:
        following[item.user_id] += 1
        rows.append(
            {
                "user_id": item.user_id,
                "position": following[item.user_id],
                "event": item.event,
                "data": item.data,
                "for_support": item.for_support,
                "contract_id": item.contract_id or None,
                "created_at": tx.wall(),
            }
        )
    _ADD_ITEMS.write(tx, rows)


async def items_after(tx: Transaction, user_id: str, position: int, limit: int) -> Sequence[sa.RowMapping]:
    """What the user's stream says after `position`, in order."""
    return await tx.all(_AFTER, {"user_id": user_id, "position": position, "limit": limit})


async def positions_of(tx: Transaction, user_ids: Sequence[str]) -> dict[str, int]:
    """The last position of each of these users' streams; users nothing was ever said to are left out."""
    rows = await tx.all(_POSITIONS, {"user_ids": list(user_ids)})
    return {row["user_id"]: row["position"] for row in rows}


async def position_of(tx: Transaction, user_id: str) -> int:
    """The last position of a user's stream, 0 before the first item."""
    row = await tx.first(_POSITION, {"user_id": user_id})
    return row["position"] if row else 0


async def said_at(tx: Transaction, user_id: str, position: int) -> datetime | None:
    """When (wall time) the item at this position was said; None when it is gone or never was."""
    row = await tx.first(_AGE, {"user_id": user_id, "position": position})
    return row["created_at"] if row else None


async def forget_items(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete up to `limit` items said before `before` (wall time); how many there were."""
    old = sa.select(_I.user_id, _I.position).where(_I.created_at < before).order_by(_I.created_at).limit(limit)
    result = await tx.execute(STREAM_ITEMS.delete().where(sa.tuple_(_I.user_id, _I.position).in_(picked(old))))
    return result.rowcount


async def add_ticket(tx: Transaction, row: dict[str, Any]) -> None:
    """Store a ticket's hash."""
    await tx.execute(STREAM_TICKETS.insert(), row)


async def take_ticket(tx: Transaction, hashed: str) -> sa.RowMapping | None:
    """Use a ticket up: its row while it is still valid (wall time), and never a second time."""
    tickets = STREAM_TICKETS.c
    return await tx.first(
        STREAM_TICKETS.delete()
        .where(tickets.id == hashed, tickets.expires_at > tx.wall())
        .returning(tickets.user_id, tickets.session_ends_at, tickets.support)
    )


async def forget_tickets(tx: Transaction) -> None:
    """Delete tickets nobody used in time."""
    await tx.execute(STREAM_TICKETS.delete().where(STREAM_TICKETS.c.expires_at < tx.wall()))


def _of(actor: Actor) -> sa.ColumnElement[bool]:
    """The caller's own notices; those they got as somebody of our team only while their token says they are."""
    own = _N.user_id == actor.id
    return own if is_support(actor) else sa.and_(own, _N.for_support.is_(sa.false()))


def notices_of(actor: Actor) -> sa.Select[Any]:
    """Every notice of the caller."""
    return sa.select(NOTIFICATIONS).where(_of(actor))


async def find_notice(tx: Transaction, actor: Actor, notice_id: str) -> sa.RowMapping | None:
    """A notice of the caller, locked."""
    return await tx.first(for_update(notices_of(actor).where(_N.id == notice_id)))


async def unread_count(tx: Transaction, actor: Actor) -> int:
    """How many notices of the caller are unread."""
    row = await tx.first(
        sa.select(sa.func.count().label("unread")).select_from(NOTIFICATIONS).where(_of(actor), _N.read_at.is_(None))
    )
    return int(row["unread"]) if row else 0


async def mark_notices_read(tx: Transaction, actor: Actor, notice_id: str | None = None) -> None:
    """Mark one notice of the caller as read, or all of them; what was read before keeps its time."""
    statement = NOTIFICATIONS.update().where(_of(actor), _N.read_at.is_(None))
    if notice_id is not None:
        statement = statement.where(_N.id == notice_id)
    now = tx.now()
    await tx.execute(statement.values(read_at=now, version=_N.version + 1, updated_at=now))
