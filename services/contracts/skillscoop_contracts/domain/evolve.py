"""How facts change the state. Nothing is decided here: a fact has already happened."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce

from skillscoop_contracts.domain.completion import obstacles
from skillscoop_contracts.domain.contract import Contract, Milestone
from skillscoop_contracts.domain.table import APPLICATIONS, Fact


def apply(contract: Contract, fact: Fact) -> Contract:
    """The state after a fact. A contract that was just drafted starts with its own fact and needs none applied."""
    return APPLICATIONS[type(fact)](contract, fact)


def evolve(before: Contract, facts: Iterable[Fact], now: datetime) -> Contract:
    """The state after one command: facts applied, versions and times of what they changed moved on by one."""
    after = _with_completion_deadline(reduce(apply, facts, before), now)
    known = {milestone.id: milestone for milestone in before.milestones}
    milestones = tuple(_stamped(known.get(milestone.id), milestone, now) for milestone in after.milestones)
    after = replace(after, milestones=milestones)
    # The clock that completes a finished contract is not the contract's own field: no screen gets stale by it.
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
