"""One row of the transition table, and what can stand in a transition's way.

Each noun's file ends with its rows; `table.py` joins them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from skillscoop_contracts.domain.contract import Contract, Milestone, Phase, Role


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


Guard = Callable[[Contract, Milestone | None], Block | None]
Clock = Callable[[Contract, Milestone | None], Deadline | None]
Decision = Callable[[Contract, Any, datetime], list[Any]]
Application = Callable[[Contract, Any], Contract]


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: `path` maps each state it starts from to the states it may lead to (none: always blocked there).

    `kind`: a person's command, a timer, or an event from another service. A milestone's transition also needs its
    contract in one of the phases `during`. `already` tells a command that was given before and changes nothing again.
    """

    action: str
    actor: Role
    kind: Literal["command", "timer", "event"]
    of: Literal["contract", "milestone"]
    path: Mapping[str, tuple[str, ...]]
    decide: Decision
    during: frozenset[Phase] = frozenset()
    guards: tuple[Guard, ...] = ()
    clock: Clock | None = None
    already: Callable[[Milestone | None], bool] | None = None


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
