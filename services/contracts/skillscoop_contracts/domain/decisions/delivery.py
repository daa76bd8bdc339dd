"""Work in, money out: submission, the decision on held money, and its delivery."""

from datetime import datetime
from typing import Literal

from skillscoop_contracts.domain.commands import FinishSettlement, NoteSettlementBlocked, Release, Submit
from skillscoop_contracts.domain.contract import Contract, Milestone, Settlement, Submission
from skillscoop_contracts.domain.decisions.funding import the_milestone
from skillscoop_contracts.domain.errors import Refused, UnknownObject
from skillscoop_contracts.domain.facts import (
    Facts,
    MilestoneSettled,
    SettlementBlocked,
    SettlementDecided,
    WorkSubmitted,
)


class ImpossibleDelivery(ValueError):
    """Payments says a settlement was delivered to nobody; that needs an operator's eyes."""


def submit(contract: Contract, command: Submit, now: datetime) -> Facts:
    """The work is ready for the client to see."""
    milestone = the_milestone(contract, command.milestone_id)
    return [WorkSubmitted(milestone.id, Submission(command.note, command.links, command.attachments, now))]


def release(contract: Contract, command: Release, now: datetime) -> Facts:
    """Everything held goes to the freelancer. Raises Refused `amount_changed` when the client saw another amount."""
    milestone = the_milestone(contract, command.milestone_id)
    if command.amount != milestone.held:
        held = {"amount": milestone.held, "currency": contract.currency}
        raise Refused("amount_changed", "Another amount is held.", milestone.id, {"amount": held})
    assert command.by.id is not None
    settlement = settle(contract, milestone, command.settlement_id, milestone.held, "release", command.by.id, now)
    return [SettlementDecided(milestone.id, settlement, contract.fee_rule)]


def settle(
    contract: Contract,
    milestone: Milestone,
    settlement_id: str,
    to_freelancer: int,
    reason: Literal["release", "dispute"],
    decided_by: str,
    now: datetime,
) -> Settlement:
    """Split what is held: `to_freelancer` minor units, the rest to the client, so that nothing is lost or doubled."""
    if not 0 <= to_freelancer <= milestone.held:
        raise ValueError("a share lies between nothing and all that is held")
    return Settlement(
        id=settlement_id,
        to_freelancer=to_freelancer,
        to_client=milestone.held - to_freelancer,
        fee=contract.fee_rule.of(to_freelancer),
        reason=reason,
        decided_by=decided_by,
        decided_at=now,
    )


def _its_settlement(contract: Contract, milestone_id: str, settlement_id: str) -> Milestone:
    milestone = the_milestone(contract, milestone_id)
    if milestone.settlement is None or milestone.settlement.id != settlement_id:
        raise UnknownObject(settlement_id)
    return milestone


def note_settlement_blocked(contract: Contract, command: NoteSettlementBlocked, _: datetime) -> Facts:
    """Show why the delivery waits. Older news, and news of what was delivered, change nothing."""
    milestone = _its_settlement(contract, command.milestone_id, command.settlement_id)
    if milestone.state != "settling" or command.sequence <= milestone.blocked_sequence:
        return []
    news = command.reason != milestone.blocked_reason
    return [SettlementBlocked(milestone.id, command.settlement_id, command.reason, command.sequence, news)]


def finish_settlement(contract: Contract, command: FinishSettlement, _: datetime) -> Facts:
    """The final state is what was delivered: to the freelancer, to the client, or a part to each.

    A freelancer's share that the fee eats whole still counts as theirs. Raises ImpossibleDelivery when nobody got
    anything.
    """
    milestone = _its_settlement(contract, command.milestone_id, command.settlement_id)
    if milestone.is_final:
        return []
    to_freelancer, to_client = command.transferred + command.fee > 0, command.refunded > 0
    if not to_freelancer and not to_client:
        raise ImpossibleDelivery(f"settlement {command.settlement_id} delivered nothing to anybody")
    state: Literal["released", "refunded", "split"] = (
        "split" if to_freelancer and to_client else "released" if to_freelancer else "refunded"
    )
    return [
        MilestoneSettled(
            milestone_id=milestone.id,
            settlement_id=command.settlement_id,
            state=state,
            paid=command.transferred,
            fee=command.fee,
            refunded=command.refunded,
        )
    ]
