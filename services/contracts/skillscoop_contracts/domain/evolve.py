"""How facts change the state, held against the table. Nothing is decided here: a fact has already happened."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce

from skillscoop_contracts.domain.completion import obstacles
from skillscoop_contracts.domain.contract import Contract, Milestone
from skillscoop_contracts.domain.decide import starts_here, subject_of
from skillscoop_contracts.domain.table import APPLICATIONS, TRANSITIONS, Command, Fact


def apply(contract: Contract, fact: Fact) -> Contract:
    """The state after a fact. A contract that was just drafted starts with its own fact and needs none applied."""
    return APPLICATIONS[type(fact)](contract, fact)


def evolve(before: Contract, facts: Iterable[Fact], now: datetime) -> Contract:
    """The state after one command: facts applied, versions and times of what they changed moved on by one."""
    after = _with_completion_deadline(reduce(apply, facts, before), now)
    known = {milestone.id: milestone for milestone in before.milestones}
    milestones = tuple(_stamped(known.get(milestone.id), milestone, now) for milestone in after.milestones)
    after = replace(after, milestones=milestones)
    # The time to complete by itself is no field people change: what they have in view does not get stale by it.
    own = replace(after, milestones=before.milestones, auto_complete_at=before.auto_complete_at)
    return after if own == before else replace(after, version=before.version + 1, updated_at=now)


def _stamped(before: Milestone | None, after: Milestone, now: datetime) -> Milestone:
    if before is None or after == before:
        return after
    return replace(after, version=before.version + 1, updated_at=now)


def _with_completion_deadline(contract: Contract, now: datetime) -> Contract:
    """Set the time at which the contract completes by itself when nothing is in the way; clear it when something is."""
    if contract.phase != "active" or obstacles(contract):
        return replace(contract, auto_complete_at=None) if contract.auto_complete_at else contract
    if contract.auto_complete_at or contract.policy is None:
        return contract
    return replace(contract, auto_complete_at=now + timedelta(days=contract.policy.auto_complete_days))


class OutsideTable(Exception):
    """A decision led where its row of the table does not: a fault of ours, and nothing of it may be kept."""


def check_path(command: Command, before: Contract, after: Contract) -> None:
    """Hold what a command, timer or event did against its row. Raises OutsideTable."""
    for start, end, allowed in moved(command, before, after):
        if end not in allowed:
            raise OutsideTable(f"{type(command).__name__} leads from {start} to {end}, the table says {list(allowed)}")


def moved(command: Command, before: Contract, after: Contract) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Where a command led: from which state to which, and to which states its row would let it.

    First of the contract or milestone it is about, then of each milestone that it moved along.
    """
    transition = TRANSITIONS[type(command)]
    subject = subject_of(before, transition, command)
    started = starts_here(before, subject, transition)
    if subject is None:
        yield before.phase, after.phase, transition.path[before.phase] if started else (before.phase,)
    for milestone in before.milestones:
        then = after.milestone(milestone.id)
        if subject is not None and milestone.id == subject.id and then is not None and started:
            yield milestone.state, then.state, transition.path[milestone.state]
        elif then is not None and then is not milestone and _money_of(then) != _money_of(milestone):
            yield milestone.state, then.state, transition.milestones.get(milestone.state, ()) if started else ()


def _money_of(milestone: Milestone) -> Milestone:
    """A milestone without what terms state of it and without its stamps: its state and what its money went through."""
    return replace(
        milestone,
        position=0,
        version=0,
        description="",
        amount=0,
        due_date=None,
        criteria=(),
        updated_at=milestone.created_at,
    )
