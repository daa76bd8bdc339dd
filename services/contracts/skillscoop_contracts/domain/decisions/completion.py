"""The end of a contract: what stands in its way, and closing it."""

from dataclasses import dataclass
from datetime import datetime

from skillscoop_contracts.domain.commands import AutoComplete, CompleteContract
from skillscoop_contracts.domain.contract import Contract, Milestone
from skillscoop_contracts.domain.facts import ContractClosed, Facts


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that keeps a contract from being completed; `milestone_id` None when it is the contract's own."""

    code: str
    milestone_id: str | None
    state: str


def obstacles(contract: Contract) -> tuple[Obstacle, ...]:
    """Everything in the way: a pending revision, milestones that are not final, money in motion, open disputes."""
    found = [Obstacle("revision_pending", None, contract.phase)] if contract.pending else []
    found.extend(
        Obstacle(_why_open(milestone), milestone.id, milestone.state)
        for milestone in contract.milestones
        if not milestone.is_final
    )
    return tuple(found)


def _why_open(milestone: Milestone) -> str:
    if milestone.frozen_by:
        return "dispute_open"
    return "money_in_motion" if milestone.state in ("funding", "settling") else "milestone_open"


def complete_contract(contract: Contract, _: CompleteContract, __: datetime) -> Facts:
    """All is final: `completed` when the freelancer was paid something, else `ended`."""
    paid = contract.paid_to_freelancer
    return [ContractClosed("completed" if paid > 0 else "ended", paid)]


def auto_complete(contract: Contract, _: AutoComplete, now: datetime) -> Facts:
    """The client had time enough to say so. Too early, or something in the way again: already so."""
    due = contract.auto_complete_at
    if due is None or now < due or obstacles(contract):
        return []
    paid = contract.paid_to_freelancer
    return [ContractClosed("completed" if paid > 0 else "ended", paid)]
