"""What events about a contract or a milestone have in common."""

from collections.abc import Callable
from typing import Any

from skillscoop_messages.events import contracts as events
from skillscoop_messages.events.base import Event, ObjectRef

from skillscoop_contracts.domain.contract import By, Contract, Milestone
from skillscoop_contracts.domain.policy import FeeRule
from skillscoop_contracts.domain.terms import Terms

Builder = Callable[[Contract, Any, By], Event | None]
"""What a fact becomes: the contract as all facts left it, the fact, and who acted. None: nothing worth telling."""


def about_contract(contract: Contract) -> dict[str, Any]:
    """What every event about a contract carries."""
    return {
        "contract_id": contract.id,
        "client_id": contract.client_id,
        "freelancer_id": contract.freelancer_id,
        "title": contract.title,
    }


def contract_changed(contract: Contract) -> dict[str, Any]:
    """As `about_contract`, for an event that changed the contract itself."""
    ref = ObjectRef(type="contract", id=contract.id, version=contract.version, state=contract.state)
    return {**about_contract(contract), "object": ref}


def about_milestone(contract: Contract, milestone: Milestone, *, changed: bool = True) -> dict[str, Any]:
    """What every event about a milestone carries."""
    ref = ObjectRef(type="milestone", id=milestone.id, version=milestone.version, state=milestone.state)
    return {
        **about_contract(contract),
        "object": ref if changed else None,
        "milestone_id": milestone.id,
        "description": milestone.description,
        "amount": milestone.amount,
        "currency": contract.currency,
        "revision": contract.revision,
    }


def fee_of(rule: FeeRule) -> events.FeeRule:
    """A fee rule as others learn it."""
    return events.FeeRule(bps=rule.bps, fixed=rule.fixed, policy_version=rule.policy_version)


def lines_of(terms: Terms) -> list[events.TermsMilestone]:
    """The milestones of a revision as others learn them."""
    return [
        events.TermsMilestone(
            milestone_id=line.id,
            position=position,
            description=line.description,
            amount=line.amount,
            due_date=line.due_date,
        )
        for position, line in enumerate(terms.lines, 1)
    ]
