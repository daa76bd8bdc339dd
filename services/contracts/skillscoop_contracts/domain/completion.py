"""The end of a contract: what stands in its way, and closing it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from skillscoop_contracts.domain.contract import (
    SYSTEM,
    By,
    Contract,
    Milestone,
)
from skillscoop_contracts.domain.transition import (
    Application,
    Block,
    Deadline,
    Transition,
)


@dataclass(frozen=True, slots=True)
class CompleteContract:
    """The client says that all is done."""

    by: By


@dataclass(frozen=True, slots=True)
class AutoComplete:
    """The time to complete a finished contract may be over."""

    by: By = SYSTEM


Command = CompleteContract | AutoComplete


@dataclass(frozen=True, slots=True)
class ContractClosed:
    """The contract is over: `completed` when the freelancer was paid something (`paid`, minor units), else `ended`."""

    state: Literal["completed", "ended"]
    paid: int


Fact = ContractClosed


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


def complete_contract(contract: Contract, _: CompleteContract, __: datetime) -> list[Fact]:
    """All is final: `completed` when the freelancer was paid something, else `ended`."""
    paid = contract.paid_to_freelancer
    return [ContractClosed("completed" if paid > 0 else "ended", paid)]


def auto_complete(contract: Contract, _: AutoComplete, __: datetime) -> list[Fact]:
    """The client had time enough to say so."""
    paid = contract.paid_to_freelancer
    return [ContractClosed("completed" if paid > 0 else "ended", paid)]


def _contract_closed(contract: Contract, fact: ContractClosed) -> Contract:
    return replace(contract, state=fact.state, auto_complete_at=None)


def _all_done(contract: Contract, _: Milestone | None) -> Block | None:
    found = obstacles(contract)
    if not found:
        return None
    blocking = [{"milestone_id": one.milestone_id, "code": one.code, "state": one.state} for one in found]
    return Block("completion_blocked", "Something is still open.", {"blocking": blocking}, reason=found[0].code)


def _completion_due(contract: Contract, _: Milestone | None) -> Deadline | None:
    due = contract.auto_complete_at
    return Deadline(due, "completed" if contract.paid_to_freelancer else "ended") if due else None


_CLOSED = ("completed", "ended")

TRANSITIONS: dict[type[Any], Transition] = {
    CompleteContract: Transition(
        "complete", ("client",), "command", "contract",
        {"active": _CLOSED, "revising": ()},
        complete_contract, guards=(_all_done,), clock=_completion_due,
    ),
    AutoComplete: Transition(
        "auto_complete", ("system",), "timer", "contract", {"active": _CLOSED},
        auto_complete, guards=(_all_done,), clock=_completion_due,
    ),
}  # fmt: skip

APPLICATIONS: dict[type[Any], Application] = {
    ContractClosed: _contract_closed,
}
