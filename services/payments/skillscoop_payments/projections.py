"""Our copies of other services' facts: who the parties are, who works on a dispute, what the fee is."""

from typing import Any

from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.events.contracts import PolicyPublished, TermsApproved
from skillscoop_messages.events.disputes import DisputeAssigned
from sqlalchemy import RowMapping, select
from sqlalchemy.dialects import postgresql, sqlite

from skillscoop_payments.tables import CONTRACT_PARTIES, DISPUTE_READERS, FEE_POLICIES


def _newest(table: Any, key: str) -> dict[str, Any]:
    """Insert, or replace what an older event of the same root said; a newer one stands."""
    statements: dict[str, Any] = {}
    for name, dialect in (("postgresql", postgresql), ("sqlite", sqlite)):
        insert = dialect.insert(table)
        changed = {column.name: insert.excluded[column.name] for column in table.c if column.name != key}
        statements[name] = insert.on_conflict_do_update(
            index_elements=[key], set_=changed, where=table.c.sequence < insert.excluded.sequence
        )
    return statements


_PARTIES = _newest(CONTRACT_PARTIES, "contract_id")
_READERS = _newest(DISPUTE_READERS, "dispute_id")
_POLICY = {
    "postgresql": postgresql.insert(FEE_POLICIES).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(FEE_POLICIES).on_conflict_do_nothing(),
}


async def learn_contract(tx: Transaction, envelope: Envelope[TermsApproved]) -> None:
    """Who the parties of a contract are."""
    event = envelope.data
    await tx.execute(
        _PARTIES[tx.dialect],
        {
            "contract_id": event.contract_id,
            "client_id": event.client_id,
            "freelancer_id": event.freelancer_id,
            "currency": event.currency,
            "sequence": envelope.sequence,
        },
    )


async def note_assigned_agent(tx: Transaction, envelope: Envelope[DisputeAssigned]) -> None:
    """Who works on a dispute now; nobody takes the right to read away again."""
    event = envelope.data
    await tx.execute(
        _READERS[tx.dialect],
        {
            "dispute_id": event.dispute_id,
            "contract_id": event.contract_id,
            "agent_id": event.agent_id,
            "second_approver_id": event.second_approver_id,
            "sequence": envelope.sequence,
        },
    )


async def learn_policy(tx: Transaction, envelope: Envelope[PolicyPublished]) -> None:
    """The fee of a policy version."""
    policy = envelope.data.policy
    await tx.execute(
        _POLICY[tx.dialect], {"version": policy.version, "bps": policy.fee_bps, "fixed": dict(policy.fee_fixed)}
    )


async def parties(tx: Transaction, contract_id: str) -> RowMapping | None:
    """Client, freelancer and currency of an approved contract."""
    return await tx.first(select(CONTRACT_PARTIES).where(CONTRACT_PARTIES.c.contract_id == contract_id))


async def fee_policy(tx: Transaction) -> RowMapping | None:
    """The newest fee policy, None until the first arrived."""
    return await tx.first(select(FEE_POLICIES).order_by(FEE_POLICIES.c.version.desc()).limit(1))
