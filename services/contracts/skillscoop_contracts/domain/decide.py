"""A command either becomes facts, is already so, or is refused by name."""

from datetime import datetime
from typing import Any

from skillscoop_contracts.domain.contract import Contract, Milestone
from skillscoop_contracts.domain.errors import Forbidden, IllegalTransition, Refused
from skillscoop_contracts.domain.table import TRANSITIONS, Command, Facts
from skillscoop_contracts.domain.transition import Deadline, Transition


def target(contract: Contract, transition: Transition, command: Any) -> Milestone | None:
    """The milestone a command is about; None when it is about the contract. Raises UnknownObject."""
    if transition.of == "contract" or transition.kind == "event":
        return None
    return contract.the_milestone(command.milestone_id)


def permit(command: Command) -> None:
    """Whether whoever asks is the one who may. Raises Forbidden."""
    transition = TRANSITIONS[type(command)]
    if command.by.role != transition.actor and transition.kind != "event":
        raise Forbidden(transition.action)


def starts_here(contract: Contract, milestone: Milestone | None, transition: Transition) -> bool:
    """Whether the transition starts in the state things are in."""
    if milestone is None:
        return contract.phase in transition.path
    return contract.phase in transition.during and milestone.state in transition.path


def deadline_of(contract: Contract, milestone: Milestone | None, transition: Transition) -> Deadline | None:
    """The time after which this is too late, or at which a timer does it; None when no time is set."""
    return transition.clock(contract, milestone) if transition.clock else None


def decide(contract: Contract, command: Command, now: datetime) -> Facts:
    """The facts a command makes true; none when it is already so.

    Raises Forbidden (not this actor), IllegalTransition (not in this state), Refused (something in the way, by its
    code), InvalidTerms (terms against the rules) and UnknownObject (an id this contract never had).
    """
    permit(command)
    transition = TRANSITIONS[type(command)]
    if transition.kind == "event":
        return transition.decide(contract, command, now)
    milestone = target(contract, transition, command)
    if not starts_here(contract, milestone, transition):
        # A timer may fire late, twice, or after somebody acted first: then there is nothing left for it to do.
        if transition.kind == "timer":
            return []
        here = milestone.state if milestone else contract.state
        raise IllegalTransition(transition.action, here, milestone.id if milestone else contract.id)
    if transition.already and transition.already(milestone):
        return []
    for guard in transition.guards:
        if block := guard(contract, milestone):
            raise Refused(block.code, block.detail, milestone.id if milestone else contract.id, block.extra or {})
    return transition.decide(contract, command, now)
