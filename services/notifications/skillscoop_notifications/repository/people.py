"""What people told about themselves, and the mail on its way to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from skillscoop_chassis.sql.bulk import BulkInsert
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.database import Transaction
from skillscoop_messages.picking import picked
from sqlalchemy.dialects.postgresql import insert

from skillscoop_notifications.repository.conversations import TOLD_OF_PEOPLE
from skillscoop_notifications.tables import DELIVERIES, PEOPLE

_PEOPLE = PEOPLE.c
_BY_IDS = sa.select(_PEOPLE.user_id, *(_PEOPLE[name] for name in TOLD_OF_PEOPLE)).where(
    _PEOPLE.user_id.in_(sa.bindparam("user_ids", expanding=True))
)
_BY_ID = sa.select(PEOPLE).where(_PEOPLE.user_id == sa.bindparam("user_id"))
_LOCK_BY_ID = for_update(_BY_ID)
_ADD_DELIVERIES = BulkInsert(DELIVERIES, DELIVERIES.c.keys())


async def people_of(tx: Transaction, user_ids: Iterable[str]) -> dict[str, sa.RowMapping]:
    """Name, confirmation and mail preferences of these users, as far as known, by id."""
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    return {row["user_id"]: row for row in await tx.all(_BY_IDS, {"user_ids": wanted})}


async def find_person(tx: Transaction, user_id: str, *, lock: bool = False) -> sa.RowMapping | None:
    """All we know of a user, None when they never told anything."""
    return await tx.first(_LOCK_BY_ID if lock else _BY_ID, {"user_id": user_id})


async def ensure_person(tx: Transaction, user_id: str) -> sa.RowMapping:
    """The user's row, locked; made with defaults when it is missing."""
    now = tx.now()
    await tx.execute(
        insert(PEOPLE)
        .values(
            user_id=user_id,
            locale="en",
            time_zone="UTC",
            mail={},
            mail_version=0,
            code_tries=0,
            codes_sent=0,
            version=0,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
    )
    row = await find_person(tx, user_id, lock=True)
    assert row is not None
    return row


async def change_person(tx: Transaction, user_id: str, changes: dict[str, Any]) -> sa.RowMapping:
    """Write these columns and give the row as it is then."""
    row = await tx.first(
        PEOPLE.update().where(_PEOPLE.user_id == user_id).values(**changes, updated_at=tx.now()).returning(PEOPLE)
    )
    assert row is not None
    return row


async def add_deliveries(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Put mail on its way; it leaves only after the commit."""
    _ADD_DELIVERIES.write(tx, rows)


async def settle_delivery(tx: Transaction, delivery_id: str, changes: dict[str, Any]) -> None:
    """Write how an attempt ended."""
    await tx.execute(DELIVERIES.update().where(DELIVERIES.c.id == delivery_id).values(**changes))


async def forget_deliveries(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete up to `limit` finished deliveries made before `before` (wall time); how many there were."""
    table = DELIVERIES.c
    old = sa.select(table.id).where(table.state != "pending", table.created_at < before).limit(limit)
    return (await tx.execute(DELIVERIES.delete().where(table.id.in_(picked(old))))).rowcount
