"""A dispute holds money fast, lets it go, or decides it: each of its questions gets exactly one answer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from skillscoop_messages.money import step_of

from skillscoop_contracts.domain.contract import (
    HOLDING,
    SYSTEM,
    By,
    Contract,
    DisputeCase,
    Freeze,
    Milestone,
)
from skillscoop_contracts.domain.delivery import SettlementDecided, settle
from skillscoop_contracts.domain.errors import UnknownObject
from skillscoop_contracts.domain.transition import (
    ANY_PHASE,
    Application,
    Path,
    Transition,
)


@dataclass(frozen=True, slots=True)
class FreezeForDispute:
    """A dispute asks for milestones to be frozen; None means all that hold money."""

    by: By
    dispute_id: str
    milestone_ids: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class UnfreezeForDispute:
    """The dispute was taken back."""

    dispute_id: str
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class SettleDispute:
    """The dispute's decision number `decision`: what the freelancer gets of each milestone, minor units.

    `settlement_ids` has an id ready for each named milestone.
    """

    by: By
    dispute_id: str
    decision: int
    shares: tuple[tuple[str, int], ...]
    settlement_ids: Mapping[str, str]


Command = FreezeForDispute | UnfreezeForDispute | SettleDispute


@dataclass(frozen=True, slots=True)
class MilestoneFrozen:
    """A dispute holds the money fast."""

    action: ClassVar[str] = "freeze"
    shows: ClassVar[tuple[str, ...]] = ("dispute_id",)
    milestone_id: str
    dispute_id: str


@dataclass(frozen=True, slots=True)
class MilestoneUnfrozen:
    """The dispute lets the money go."""

    action: ClassVar[str] = "unfreeze"
    shows: ClassVar[tuple[str, ...]] = ("dispute_id",)
    milestone_id: str
    dispute_id: str


@dataclass(frozen=True, slots=True)
class RefusedFreeze:
    """Why one milestone was not frozen."""

    milestone_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class DisputeAnswered:
    """The one answer to a dispute's wish to freeze."""

    dispute_id: str
    frozen: tuple[str, ...]
    refused: tuple[RefusedFreeze, ...]


@dataclass(frozen=True, slots=True)
class DisputeDropped:
    """The dispute was taken back; remembered, in case its opening comes after this."""

    action: ClassVar[str] = "dispute_withdrawn"
    dispute_id: str


@dataclass(frozen=True, slots=True)
class DecisionExecuted:
    """Every milestone of a dispute's decision is settling."""

    action: ClassVar[str] = "dispute_executed"
    shows: ClassVar[tuple[str, ...]] = ("decision",)
    dispute_id: str
    decision: int
    settled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Why one milestone of a decision cannot be settled as decided; `held` in minor units."""

    milestone_id: str
    state: str
    held: int
    reason: str


@dataclass(frozen=True, slots=True)
class DecisionRefused:
    """A dispute's decision cannot be executed, and nothing of it was."""

    dispute_id: str
    decision: int
    milestones: tuple[Unsettled, ...]


Fact = MilestoneFrozen | MilestoneUnfrozen | DisputeAnswered | DisputeDropped | DecisionExecuted | DecisionRefused


def freeze_for_dispute(contract: Contract, command: FreezeForDispute, _: datetime) -> list[Fact]:
    """Freeze what can be frozen and answer once for all: what is, and what is not and why.

    A dispute that was taken back before its opening arrived gets nothing.
    """
    case = contract.case(command.dispute_id)
    if case is not None and case.state == "answered":
        return []
    wanted = command.milestone_ids
    if wanted is None:
        wanted = tuple(milestone.id for milestone in contract.milestones if _cannot_freeze(milestone) is None)
    refused: list[RefusedFreeze] = []
    frozen: list[str] = []
    for milestone_id in dict.fromkeys(wanted):
        reason = "dispute_withdrawn" if case else _cannot_freeze(contract.milestone(milestone_id))
        if reason:
            refused.append(RefusedFreeze(milestone_id, reason))
        else:
            frozen.append(milestone_id)
    answer = DisputeAnswered(command.dispute_id, tuple(frozen), tuple(refused))
    return [*(MilestoneFrozen(milestone_id, command.dispute_id) for milestone_id in frozen), answer]


def _cannot_freeze(milestone: Milestone | None) -> str | None:
    if milestone is None:
        return "unknown"
    if milestone.frozen_by:
        return "already_disputed"
    if milestone.state == "settling":
        return "settling"
    return None if milestone.state in HOLDING else "nothing_held"


def unfreeze_for_dispute(contract: Contract, command: UnfreezeForDispute, _: datetime) -> list[Fact]:
    """The dispute was taken back: its milestones move again, and a late opening of it finds that written down."""
    case = contract.case(command.dispute_id)
    if case is not None and case.state == "withdrawn":
        return []
    return [*_let_go(contract, command.dispute_id, ()), DisputeDropped(command.dispute_id)]


def _let_go(contract: Contract, dispute_id: str, but: tuple[str, ...]) -> list[Fact]:
    return [
        MilestoneUnfrozen(milestone.id, dispute_id)
        for milestone in contract.milestones
        if milestone.frozen_in(dispute_id) and milestone.id not in but
    ]


def settle_dispute(contract: Contract, command: SettleDispute, now: datetime) -> list[Fact | SettlementDecided]:
    """Turn a dispute's decision into settlements: all of them, or none and the reasons.

    Milestones the dispute froze and the decision does not name move again. A decision answered before is already so.
    """
    case = contract.case(command.dispute_id)
    if case is None:
        raise UnknownObject(command.dispute_id)
    if command.decision in case.decisions:
        return []
    named = tuple(milestone_id for milestone_id, _ in command.shares)
    unsettled = tuple(
        problem
        for milestone_id, share in command.shares
        if (problem := _cannot_settle(contract, command.dispute_id, milestone_id, share, named.count(milestone_id)))
    )
    if unsettled:
        return [DecisionRefused(command.dispute_id, command.decision, unsettled)]
    decided_by = command.by.id or command.dispute_id
    facts: list[Fact | SettlementDecided] = []
    for milestone_id, share in command.shares:
        milestone = contract.the_milestone(milestone_id)
        settlement = settle(
            contract, milestone, command.settlement_ids[milestone_id], share, "dispute", decided_by, now
        )
        facts.append(SettlementDecided(milestone_id, settlement, contract.fee_rule, command.dispute_id))
    facts.extend(_let_go(contract, command.dispute_id, named))
    facts.append(DecisionExecuted(command.dispute_id, command.decision, named))
    return facts


def _cannot_settle(
    contract: Contract, dispute_id: str, milestone_id: str, share: int, times_named: int
) -> Unsettled | None:
    milestone = contract.milestone(milestone_id)
    if milestone is None:
        return Unsettled(milestone_id, "unknown", 0, "unknown")
    if not milestone.frozen_in(dispute_id):
        return Unsettled(milestone_id, milestone.state, milestone.held, "not_frozen")
    if times_named > 1:
        return Unsettled(milestone_id, milestone.state, milestone.held, "named_twice")
    if not 0 <= share <= milestone.held:
        return Unsettled(milestone_id, milestone.state, milestone.held, "share_out_of_range")
    if share % step_of(contract.currency):
        return Unsettled(milestone_id, milestone.state, milestone.held, "share_not_in_steps")
    return None


def _milestone_frozen(contract: Contract, fact: MilestoneFrozen) -> Contract:
    milestone = contract.the_milestone(fact.milestone_id)
    frozen_by = (*milestone.frozen_by, Freeze("dispute", fact.dispute_id))
    return contract.with_milestone(fact.milestone_id, frozen_by=frozen_by)


def _milestone_unfrozen(contract: Contract, fact: MilestoneUnfrozen) -> Contract:
    milestone = contract.the_milestone(fact.milestone_id)
    frozen_by = tuple(freeze for freeze in milestone.frozen_by if freeze.id != fact.dispute_id)
    return contract.with_milestone(fact.milestone_id, frozen_by=frozen_by)


def _case(contract: Contract, case: DisputeCase) -> Contract:
    others = tuple(one for one in contract.cases if one.id != case.id)
    return replace(contract, cases=(*others, case))


def _dispute_answered(contract: Contract, fact: DisputeAnswered) -> Contract:
    # A withdrawal that came first stays what is remembered; the answer itself is given all the same.
    known = contract.case(fact.dispute_id)
    return contract if known else _case(contract, DisputeCase(fact.dispute_id, "answered"))


def _dispute_dropped(contract: Contract, fact: DisputeDropped) -> Contract:
    known = contract.case(fact.dispute_id)
    return _case(contract, DisputeCase(fact.dispute_id, "withdrawn", known.decisions if known else ()))


def _decision_answered(contract: Contract, fact: DecisionExecuted | DecisionRefused) -> Contract:
    case = contract.case(fact.dispute_id)
    assert case is not None
    return _case(contract, replace(case, decisions=(*case.decisions, fact.decision)))


_HELD_FAST: Path = {"funded": ("funded",), "submitted": ("submitted",)}
_SETTLED_OR_FREED: Path = {"funded": ("settling", "funded"), "submitted": ("settling", "submitted")}

# Each question of a dispute has an answer wherever the contract stands; only milestones that hold money move along.
TRANSITIONS: dict[type[Any], Transition] = {
    FreezeForDispute: Transition(
        "freeze", ("client", "freelancer"), "event", "contract", ANY_PHASE,
        freeze_for_dispute, milestones=_HELD_FAST,
    ),
    UnfreezeForDispute: Transition(
        "unfreeze", ("system",), "event", "contract", ANY_PHASE,
        unfreeze_for_dispute, milestones=_HELD_FAST,
    ),
    SettleDispute: Transition(
        "decide", ("support",), "event", "contract", ANY_PHASE,
        settle_dispute, milestones=_SETTLED_OR_FREED,
    ),
}  # fmt: skip

APPLICATIONS: dict[type[Any], Application] = {
    MilestoneFrozen: _milestone_frozen,
    MilestoneUnfrozen: _milestone_unfrozen,
    DisputeAnswered: _dispute_answered,
    DisputeDropped: _dispute_dropped,
    DecisionExecuted: _decision_answered,
    DecisionRefused: _decision_answered,
}
