"""Our copies of other services' facts. Each keeps the highest sequence it has seen and ignores older events."""

from typing import Literal

import sqlalchemy as sa
from skillscoop_messages.database import Transaction

from skillscoop_contracts.tables import PAYOUT_ACCOUNTS

_PAYOUT_ACCOUNT = sa.text(
    """
    INSERT INTO payout_accounts AS known (user_id, state, sequence) VALUES (:user_id, :state, :sequence)
    ON CONFLICT (user_id) DO UPDATE SET state = excluded.state, sequence = excluded.sequence
    WHERE excluded.sequence > known.sequence
    """
)
_ASSIGNMENT = sa.text(
    """
    INSERT INTO assignments AS known (dispute_id, contract_id, agent_id, second_approver_id, sequence)
    VALUES (:dispute_id, :contract_id, :agent_id, :second_approver_id, :sequence)
    ON CONFLICT (dispute_id) DO UPDATE SET agent_id = excluded.agent_id,
        second_approver_id = excluded.second_approver_id, sequence = excluded.sequence
    WHERE excluded.sequence > known.sequence
    """
)
_PAYEE = sa.select(PAYOUT_ACCOUNTS.c.state).where(PAYOUT_ACCOUNTS.c.user_id == sa.bindparam("user"))


async def note_payout_account(
    tx: Transaction,
    user_id: str,
    state: Literal["none", "onboarding", "active", "restricted", "rejected"],
    sequence: int,
) -> None:
    """Remember whether a freelancer can be paid."""
    await tx.execute(_PAYOUT_ACCOUNT, {"user_id": user_id, "state": state, "sequence": sequence})


async def payee_ready(tx: Transaction, user_id: str) -> bool:
    """Whether this freelancer can be paid, as far as we have heard."""
    row = await tx.first(_PAYEE, {"user": user_id})
    return row is not None and row["state"] == "active"


async def note_assignment(
    tx: Transaction,
    dispute_id: str,
    contract_id: str,
    agent_id: str | None,
    second_approver_id: str | None,
    sequence: int,
) -> None:
    """Remember who of support works on a dispute: replaces what was known; both None when nobody does any more."""
    await tx.execute(
        _ASSIGNMENT,
        {
            "dispute_id": dispute_id,
            "contract_id": contract_id,
            "agent_id": agent_id,
            "second_approver_id": second_approver_id,
            "sequence": sequence,
        },
    )
