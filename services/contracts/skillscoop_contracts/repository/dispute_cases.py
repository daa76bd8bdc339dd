"""What each dispute was answered, so that each of its questions is answered once."""

from typing import Any

import sqlalchemy as sa
from skillscoop_messages.database import Transaction

from skillscoop_contracts.domain.contract import By, Contract, DisputeCase
from skillscoop_contracts.domain.disputes import DecisionExecuted, DecisionRefused, DisputeAnswered, DisputeDropped
from skillscoop_contracts.repository.row_types import Row, SaveFact
from skillscoop_contracts.tables import (
    DISPUTE_CASES,
)

FIND_CASE = sa.select(DISPUTE_CASES).where(
    DISPUTE_CASES.c.contract_id == sa.bindparam("contract"), DISPUTE_CASES.c.dispute_id == sa.bindparam("key")
)
"""One dispute, by `contract` and `key`."""


def case_of(row: Row) -> DisputeCase:
    """What is remembered of a dispute, out of its row."""
    return DisputeCase(row["dispute_id"], row["state"], tuple(row["decisions"]))


async def _case(tx: Transaction, contract: Contract, fact: Any, _: By) -> None:
    case = contract.case(fact.dispute_id)
    assert case is not None
    values = {"state": case.state, "decisions": list(case.decisions)}
    known = (DISPUTE_CASES.c.contract_id == contract.id) & (DISPUTE_CASES.c.dispute_id == case.id)
    done = await tx.execute(sa.update(DISPUTE_CASES).where(known).values(**values))
    if done.rowcount == 0:
        row = {"contract_id": contract.id, "dispute_id": case.id, **values}
        tx.write(sa.insert(DISPUTE_CASES), row)


SAVE: dict[type[Any], SaveFact] = {
    DisputeAnswered: _case,
    DisputeDropped: _case,
    DecisionExecuted: _case,
    DecisionRefused: _case,
}
