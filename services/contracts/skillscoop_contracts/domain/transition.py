"""One row of the transition table, and what can stand in a transition's way.

Each noun's file ends with its rows; `table.py` joins them, `decide.py` and `evolve.py` hold everything against them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from skillscoop_contracts.domain.contract import MILESTONE_STATES, PHASES, Contract, Milestone, Phase, Role


@dataclass(frozen=True, slots=True)
class Block:
    """What is in the way of a transition that its state would allow; `extra` tells more to whoever tried."""

    code: str
    detail: str
    extra: Mapping[str, object] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a transition's chance ends by itself (UTC), and what then happens."""

    due_at: datetime
    on_timeout: str


Path = Mapping[str, tuple[str, ...]]
Guard = Callable[[Contract, Milestone | None], Block | None]
Clock = Callable[[Contract, Milestone | None], Deadline | None]
Decision = Callable[[Contract, Any, datetime], list[Any]]
Application = Callable[[Contract, Any], Contract]

ANY_PHASE: Path = {phase: (phase,) for phase in PHASES}
"""Starts wherever the contract stands and leaves it there."""

ANY_STATE: Path = {state: (state,) for state in MILESTONE_STATES}
"""Starts wherever the milestone stands and leaves it there."""


def nothing(_: Contract, __: Any, ___: datetime) -> list[Any]:
    """The answer to what changes nothing: no facts."""
    return []


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: `path` maps each state it starts from to the states it may lead to (none: always blocked there).

    `actors`: who may do it, by role; for an event, in whose name it is recorded.
    `kind`: a person's command, a timer, or an event from another service.
    `of`: whose states `path` names. A milestone's transition also needs its contract in one of the phases `during`.
    `decide`: the facts it makes true. Whatever they say of a milestone's state, money and freezes must be in the row:
    in `path` for the milestone it is about, in `milestones` for others it moves along.
    `guards`: what must not be in its way. A command is then refused, a timer does nothing.
    `clock`: until when there is time; a timer does nothing before.
    `already`: whether it was done before, so that it changes nothing again.
    `otherwise`: what an event is answered that comes where it does not start or where a guard blocks it; its facts
    move no milestone.
    """

    action: str
    actors: tuple[Role, ...]
    kind: Literal["command", "timer", "event"]
    of: Literal["contract", "milestone"]
    path: Path
    decide: Decision
    during: frozenset[Phase] = frozenset()
    guards: tuple[Guard, ...] = ()
    clock: Clock | None = None
    already: Callable[[Milestone | None], bool] | None = None
    milestones: Path = field(default_factory=dict)
    otherwise: Decision = nothing


def settles(transition: Transition) -> bool:
    """Whether it may decide about held money. Such a timer waits while this service is behind with its messages."""
    return any("settling" in ends for path in (transition.path, transition.milestones) for ends in path.values())


def name_of(command: type[Any]) -> str:
    """The name of a command or a fact in words: `LapseTerms` is `lapse_terms`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", command.__name__).lower()


def no_pending_revision(contract: Contract, _: Milestone | None) -> Block | None:
    """Changed terms come first: nothing is funded or submitted while they wait for the freelancer."""
    if contract.pending is None:
        return None
    return Block(
        "revision_pending",
        "Changed terms wait for the freelancer: re-approve before continuing.",
        {"revision": contract.pending.revision},
    )


def not_frozen(_: Contract, milestone: Milestone | None) -> Block | None:
    """No dispute holds the milestone's money."""
    if milestone is None or not milestone.frozen_by:
        return None
    return Block("milestone_frozen", "A dispute holds this money until it is decided or withdrawn.")
