"""What has to be looked at again because nobody may ever tell us about it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping, select, update

LONGEST_LOOK = timedelta(minutes=30)


async def due_for_a_look(tx: Transaction, table: Any, limit: int) -> Sequence[RowMapping]:
    """Rows of `table` (payments, settlements or payout accounts) whose `look_at` has passed, locked, others skipped."""
    return await tx.all(
        select(table)
        .where(table.c.look_at <= tx.wall())
        .order_by(table.c.look_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


async def looked(tx: Transaction, table: Any, row: RowMapping, first: timedelta) -> None:
    """A look is under way; the next one comes twice as late as this one did."""
    wait = min(first * (1 << min(row["looks"], 12)), max(first, LONGEST_LOOK))
    await tx.execute(
        update(table).where(table.c.id == row["id"]).values(look_at=tx.wall() + wait, looks=row["looks"] + 1)
    )


async def anything_due(tx: Transaction, table: Any) -> bool:
    """Whether a look is due at all; cheap enough to be asked every second."""
    return await tx.first(select(table.c.id).where(table.c.look_at <= tx.wall()).limit(1)) is not None
