"""A command, timer or event either becomes facts, is already so, or is refused by name."""

from datetime import datetime
from typing import Any

from skillscoop_contracts.domain.contract import Contract, Milestone
from skillscoop_contracts.domain.errors import Forbidden, IllegalTransition, Refused
from skillscoop_contracts.domain.table import TRANSITIONS, Command, Facts
from skillscoop_contracts.domain.transition import Block, Deadline, Transition


def subject_of(contract: Contract, transition: Transition, command: Any) -> Milestone | None:
    """The milestone a command is about; None when it is about the contract. Raises UnknownObject."""
    return contract.the_milestone(command.milestone_id) if transition.of == "milestone" else None


def permit(command: Command) -> None:
    """Whether whoever asks is one who may. Raises Forbidden."""
    transition = TRANSITIONS[type(command)]
    if command.by.role not in transition.actors:
        raise Forbidden(transition.action)


def starts_here(contract: Contract, milestone: Milestone | None, transition: Transition) -> bool:
    """Whether the transition starts in the state things are in."""
    if milestone is None:
        return contract.phase in transition.path
    return contract.phase in transition.during and milestone.state in transition.path


def blocked_by(contract: Contract, milestone: Milestone | None, transition: Transition) -> Block | None:
    """What is in the way of a transition that starts here; None when nothing is."""
    return next((block for guard in transition.guards if (block := guard(contract, milestone))), None)


def deadline_of(contract: Contract, milestone: Milestone | None, transition: Transition) -> Deadline | None:
    """Until when there is time for it, or when a timer does it; None when no time is set."""
    return transition.clock(contract, milestone) if transition.clock else None


def decide(contract: Contract, command: Command, now: datetime) -> Facts:
    """The facts a command makes true; none when it is already so.

    Raises Forbidden (not this actor), IllegalTransition (not in this state), Refused (something in the way, by its
    code), InvalidTerms (terms against the rules) and UnknownObject (an id this contract never had). Timers and events
    are never refused for where things stand: a timer then has nothing to do, an event has its other answer.
    """
    permit(command)
    transition = TRANSITIONS[type(command)]
    milestone = subject_of(contract, transition, command)
    here = milestone or contract
    if not starts_here(contract, milestone, transition):
        if transition.kind == "command":
            raise IllegalTransition(transition.action, here.state, here.id)
        return transition.otherwise(contract, command, now)
    if transition.already and transition.already(milestone):
        return []
    if transition.kind == "timer" and not _is_due(contract, milestone, transition, now):
        return []
    if block := blocked_by(contract, milestone, transition):
        if transition.kind == "command":
            raise Refused(block.code, block.detail, here.id, block.extra or {})
        return transition.otherwise(contract, command, now)
    return transition.decide(contract, command, now)


def _is_due(contract: Contract, milestone: Milestone | None, transition: Transition, now: datetime) -> bool:
    deadline = deadline_of(contract, milestone, transition)
    return deadline is not None and now >= deadline.due_at
