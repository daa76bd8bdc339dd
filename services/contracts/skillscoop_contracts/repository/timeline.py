"""The timeline: everything that happened to a contract, numbered without gaps."""

from collections.abc import Sequence

import sqlalchemy as sa
from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping

from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.table import Facts
from skillscoop_contracts.domain.timeline import entries
from skillscoop_contracts.tables import TIMELINE

_INSERT_ENTRY = sa.insert(TIMELINE)


def add_entries(tx: Transaction, contract: Contract, facts: Facts, by: By, last: int) -> int:
    """Add the lines of these facts behind number `last`. The new length of the timeline."""
    now = tx.now()
    rows = [
        {
            "contract_id": contract.id,
            "number": number,
            "at": now,
            "actor": by.role,
            "actor_id": by.id,
            "action": entry.action,
            "reason": entry.reason,
            "subject_type": entry.subject[0],
            "subject_id": entry.subject[1],
            "data": entry.data,
        }
        for number, entry in enumerate(entries(contract, facts, by), last + 1)
    ]
    if rows:
        tx.write(_INSERT_ENTRY, rows if len(rows) > 1 else rows[0])
    return last + len(rows)


async def read_timeline(tx: Transaction, contract_id: str, after: int, limit: int) -> Sequence[RowMapping]:
    """Up to `limit` entries behind number `after`, in the order they happened."""
    statement = (
        sa.select(TIMELINE)
        .where(TIMELINE.c.contract_id == contract_id, TIMELINE.c.number > after)
        .order_by(TIMELINE.c.number)
        .limit(limit)
    )
    return await tx.all(statement)
