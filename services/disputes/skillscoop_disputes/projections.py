"""Our copies of contracts' facts. Events come in any order: an older one never replaces what a newer one said."""

from collections.abc import Sequence

import sqlalchemy as sa
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.database import Transaction
from skillscoop_messages.events.base import AboutContract, AboutMilestone
from skillscoop_messages.events.contracts import PolicyTerms
from sqlalchemy import RowMapping

from skillscoop_disputes.domain.dispute import Rules
from skillscoop_disputes.tables import CLAIMS, CONTRACTS, MILESTONES

_LEARN_CONTRACT = sa.text(
    """
    INSERT INTO contracts AS known (contract_id, client_id, freelancer_id, title, sequence)
    VALUES (:contract_id, :client_id, :freelancer_id, :title, :sequence)
    ON CONFLICT (contract_id) DO UPDATE SET title = excluded.title, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence
    """
)

_LEARN_MILESTONE = sa.text(
    """
    INSERT INTO milestones AS known (milestone_id, contract_id, currency, held, sequence)
    VALUES (:milestone_id, :contract_id, :currency, :held, :sequence)
    ON CONFLICT (milestone_id) DO UPDATE SET held = excluded.held, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence
    """
)


async def learn_contract(tx: Transaction, about: AboutContract, sequence: int) -> None:
    """Note parties and title; `sequence` is the event's place in the contract's life."""
    await tx.execute(
        _LEARN_CONTRACT,
        {
            "contract_id": about.contract_id,
            "client_id": about.client_id,
            "freelancer_id": about.freelancer_id,
            "title": about.title,
            "sequence": sequence,
        },
    )


async def learn_policy(tx: Transaction, contract_id: str, policy: PolicyTerms) -> None:
    """Note what binds this contract's disputes. It keeps the policy of its first approval, so any copy will do."""
    await tx.execute(
        sa.update(CONTRACTS)
        .where(CONTRACTS.c.contract_id == contract_id)
        .values(
            answer_days=policy.dispute_answer_days,
            proposal_days=policy.proposal_days,
            second_approval_amounts=dict(policy.second_approval_amount),
        )
    )


async def learn_held(tx: Transaction, about: AboutMilestone, held: int, sequence: int) -> None:
    """Note how much (minor units) is held on a milestone and not decided about."""
    await tx.execute(
        _LEARN_MILESTONE,
        {
            "milestone_id": about.milestone_id,
            "contract_id": about.contract_id,
            "currency": about.currency,
            "held": held,
            "sequence": sequence,
        },
    )


_LEARN_FINAL = sa.text(
    """
    INSERT INTO milestones (milestone_id, contract_id, currency, held, sequence, final)
    VALUES (:milestone_id, :contract_id, :currency, 0, 0, true)
    ON CONFLICT (milestone_id) DO UPDATE SET final = true
    """
)


async def learn_final(tx: Transaction, about: AboutMilestone) -> None:
    """Note that a milestone's money was delivered; locks its row."""
    await tx.execute(
        _LEARN_FINAL,
        {"milestone_id": about.milestone_id, "contract_id": about.contract_id, "currency": about.currency},
    )


async def finished(tx: Transaction, milestone_ids: Sequence[str]) -> list[str]:
    """Those of the milestones whose money was delivered already; locks the rows of all of them, in sorted order."""
    if not milestone_ids:
        return []
    known = MILESTONES.c
    statement = sa.select(known.milestone_id, known.final).where(known.milestone_id.in_(milestone_ids))
    rows = await tx.all(for_update(statement.order_by(known.milestone_id)))
    return [row["milestone_id"] for row in rows if row["final"]]


async def contract(tx: Transaction, contract_id: str, *, lock: bool) -> RowMapping | None:
    """What we know of a contract; with `lock`, nobody else files a form about it meanwhile."""
    statement = sa.select(CONTRACTS).where(CONTRACTS.c.contract_id == contract_id)
    return await tx.first(for_update(statement) if lock else statement)


def rules_of(row: RowMapping, currency: str) -> Rules | None:
    """The contract's rules for disputes, None while its terms have not been heard of.

    A currency without an amount in the policy always needs the second approval.
    """
    if row["answer_days"] is None:
        return None
    return Rules(row["answer_days"], row["proposal_days"], row["second_approval_amounts"].get(currency, 0))


async def milestones(tx: Transaction, contract_id: str) -> Sequence[RowMapping]:
    """The contract's milestones that ever held money, oldest first, with the open dispute each is in (`dispute_id`)."""
    return await tx.all(
        sa.select(MILESTONES, CLAIMS.c.dispute_id)
        .select_from(MILESTONES.outerjoin(CLAIMS, CLAIMS.c.milestone_id == MILESTONES.c.milestone_id))
        .where(MILESTONES.c.contract_id == contract_id)
        .order_by(MILESTONES.c.milestone_id)
    )
