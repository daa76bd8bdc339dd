"""What has to be polled again because nobody may ever tell us about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects import postgresql, sqlite

from skillscoop_payments.tables import SWEEPS

LONGEST_POLL_WAIT = timedelta(minutes=30)


async def due_for_polling(tx: Transaction, table: Any, limit: int) -> Sequence[RowMapping]:
    """Rows of `table` (payments, settlements or payout accounts) whose `look_at` has passed, locked, others skipped."""
    return await tx.all(
        select(table)
        .where(table.c.look_at <= tx.wall())
        .order_by(table.c.look_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


async def polled(tx: Transaction, table: Any, row: RowMapping, first: timedelta) -> None:
    """A poll is under way; the next one comes twice as late as this one did."""
    wait = min(first * (1 << min(row["looks"], 12)), max(first, LONGEST_POLL_WAIT))
    await tx.execute(
        update(table).where(table.c.id == row["id"]).values(look_at=tx.wall() + wait, looks=row["looks"] + 1)
    )


async def read_until(tx: Transaction, name: str) -> datetime | None:
    """How far a list of the provider's was read; None before the first time."""
    row = await tx.first(select(SWEEPS.c.until).where(SWEEPS.c.name == name))
    return None if row is None else row["until"]


async def has_read(tx: Transaction, name: str, until: datetime) -> None:
    """A list of the provider's was read up to `until` (wall time)."""
    values = {"name": name, "until": until}
    insert = (postgresql if tx.dialect == "postgresql" else sqlite).insert(SWEEPS)
    await tx.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"until": until}), values)


async def anything_due(tx: Transaction, table: Any) -> bool:
    """Whether a poll is due at all; cheap enough to be asked every second."""
    return await tx.first(select(table.c.id).where(table.c.look_at <= tx.wall()).limit(1)) is not None
