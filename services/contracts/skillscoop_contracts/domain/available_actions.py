"""What can happen next, and what one should know: read from the same table that decides."""

from dataclasses import dataclass
from datetime import datetime

from skillscoop_contracts.domain.contract import OVER, Contract, Milestone, Role
from skillscoop_contracts.domain.decide import blocked_by, deadline_of, starts_here
from skillscoop_contracts.domain.table import TRANSITIONS
from skillscoop_contracts.domain.terms import today_anywhere
from skillscoop_contracts.domain.transition import Transition


@dataclass(frozen=True, slots=True)
class AvailableAction:
    """What starts here; without `blocked_reason` it would succeed now. At `due_at` `on_timeout` happens."""

    action: str
    actor: Role
    due_at: datetime | None = None
    on_timeout: str | None = None
    blocked_reason: str | None = None


_OWN = tuple(transition for transition in TRANSITIONS.values() if transition.kind != "event")
_OF_CONTRACT = tuple(transition for transition in _OWN if transition.of == "contract")
_OF_MILESTONE = tuple(transition for transition in _OWN if transition.of == "milestone")


def next_of_contract(contract: Contract) -> list[AvailableAction]:
    """What all actors may do next on the contract itself."""
    return _actions(contract, None, _OF_CONTRACT)


def next_of_milestone(contract: Contract, milestone: Milestone) -> list[AvailableAction]:
    """What all actors may do next on one milestone."""
    return _actions(contract, milestone, _OF_MILESTONE)


def allowed(contract: Contract, milestone: Milestone | None, role: Role) -> list[str]:
    """The actions this party could take now, on the milestone or else on the contract."""
    actions = next_of_milestone(contract, milestone) if milestone else next_of_contract(contract)
    return [one.action for one in actions if one.actor == role and one.blocked_reason is None]


def _listed(contract: Contract, milestone: Milestone | None, transition: Transition) -> bool:
    if not starts_here(contract, milestone, transition) or (transition.already and transition.already(milestone)):
        return False
    # A timer that is not set is nothing that will happen.
    return transition.kind != "timer" or deadline_of(contract, milestone, transition) is not None


def _actions(
    contract: Contract, milestone: Milestone | None, transitions: tuple[Transition, ...]
) -> list[AvailableAction]:
    return [
        _action(contract, milestone, transition, actor)
        for transition in transitions
        if _listed(contract, milestone, transition)
        for actor in transition.actors
    ]


def _action(contract: Contract, milestone: Milestone | None, transition: Transition, actor: Role) -> AvailableAction:
    deadline = deadline_of(contract, milestone, transition)
    block = blocked_by(contract, milestone, transition)
    return AvailableAction(
        action=transition.action,
        actor=actor,
        due_at=deadline.due_at if deadline else None,
        on_timeout=deadline.on_timeout if deadline else None,
        blocked_reason=(block.reason or block.code) if block else None,
    )


def warnings_of_milestone(contract: Contract, milestone: Milestone, payee_ready: bool, now: datetime) -> list[str]:
    """No obstacles, but worth knowing: `payee_not_ready`, `overdue`, `reapproval_pending`."""
    if milestone.is_final or contract.phase in OVER:
        return []
    found = [] if payee_ready else ["payee_not_ready"]
    if milestone.due_date and milestone.state != "settling" and milestone.due_date < today_anywhere(now):
        found.append("overdue")
    if contract.pending:
        found.append("reapproval_pending")
    return found


def warnings_of_contract(contract: Contract, payee_ready: bool, now: datetime) -> list[str]:
    """What is worth knowing about the contract as a whole: each warning of its milestones once."""
    if contract.phase in OVER:
        return []
    found = [] if payee_ready else ["payee_not_ready"]
    of_milestones = [warnings_of_milestone(contract, one, payee_ready, now) for one in contract.listed]
    if any("overdue" in codes for codes in of_milestones):
        found.append("overdue")
    if contract.pending:
        found.append("reapproval_pending")
    return found
