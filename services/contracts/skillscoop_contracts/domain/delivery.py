"""Work in, money out: submission, the decision on held money, and its delivery."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from skillscoop_contracts.domain.contract import RUNNING, SYSTEM, By, Contract, Milestone, Settlement, Submission
from skillscoop_contracts.domain.errors import ImpossibleDelivery, Refused, UnknownObject
from skillscoop_contracts.domain.policy import FeeRule
from skillscoop_contracts.domain.transition import Application, Transition, no_pending_revision, not_frozen


@dataclass(frozen=True, slots=True)
class Submit:
    """The freelancer says the work is ready."""

    by: By
    milestone_id: str
    note: str
    links: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retract:
    """The freelancer takes the submission back, before the client acted on it."""

    by: By
    milestone_id: str


@dataclass(frozen=True, slots=True)
class Release:
    """The client gives everything held, `amount` minor units as they saw it, to the freelancer."""

    by: By
    milestone_id: str
    settlement_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class NoteSettlementBlocked:
    """Payments says: the delivery waits. `sequence` orders such events of one payment."""

    milestone_id: str
    settlement_id: str
    reason: str
    sequence: int
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class FinishSettlement:
    """Payments says: delivered. Minor units; `transferred` is net of `fee`."""

    milestone_id: str
    settlement_id: str
    transferred: int
    refunded: int
    fee: int
    charged_back: int
    by: By = SYSTEM


Command = Submit | Retract | Release | NoteSettlementBlocked | FinishSettlement


@dataclass(frozen=True, slots=True)
class WorkSubmitted:
    """The freelancer says the work is ready."""

    milestone_id: str
    submission: Submission


@dataclass(frozen=True, slots=True)
class SubmissionRetracted:
    """The freelancer goes on with the work."""

    action: ClassVar[str] = "retract"
    milestone_id: str


@dataclass(frozen=True, slots=True)
class SettlementDecided:
    """The one decision on the held money. Irrevocable; `dispute_id` where a dispute made it."""

    milestone_id: str
    settlement: Settlement
    fee_rule: FeeRule
    dispute_id: str | None = None


@dataclass(frozen=True, slots=True)
class SettlementBlocked:
    """The delivery waits for `reason`. `changed` is False when only its sequence is newer."""

    milestone_id: str
    settlement_id: str
    reason: str
    sequence: int
    changed: bool


@dataclass(frozen=True, slots=True)
class MilestoneSettled:
    """The decision was delivered. Minor units: `paid` to the freelancer net of `fee`, `refunded` to the client."""

    milestone_id: str
    settlement_id: str
    state: Literal["released", "refunded", "split"]
    paid: int
    fee: int
    refunded: int


Fact = WorkSubmitted | SubmissionRetracted | SettlementDecided | SettlementBlocked | MilestoneSettled


def submit(contract: Contract, command: Submit, now: datetime) -> list[Fact]:
    """The work is ready for the client to see."""
    milestone = contract.the_milestone(command.milestone_id)
    return [WorkSubmitted(milestone.id, Submission(command.note, command.links, command.attachments, now))]


def retract(_: Contract, command: Retract, __: datetime) -> list[Fact]:
    """The submission is gone. What the client does first, a release or a form, is no longer to be taken back."""
    return [SubmissionRetracted(command.milestone_id)]


def release(contract: Contract, command: Release, now: datetime) -> list[Fact]:
    """Everything held goes to the freelancer. Raises Refused `amount_changed` when the client saw another amount."""
    milestone = contract.the_milestone(command.milestone_id)
    if command.amount != milestone.held:
        held = {"amount": milestone.held, "currency": contract.currency}
        raise Refused("amount_changed", "Another amount is held.", milestone.id, {"amount": held})
    assert command.by.id is not None
    settlement = settle(contract, milestone, command.settlement_id, milestone.held, "release", command.by.id, now)
    return [SettlementDecided(milestone.id, settlement, contract.fee_rule)]


def settle(
    contract: Contract,
    milestone: Milestone,
    settlement_id: str,
    to_freelancer: int,
    reason: Literal["release", "dispute"],
    decided_by: str,
    now: datetime,
) -> Settlement:
    """Split what is held: `to_freelancer` minor units, the rest to the client, so that nothing is lost or doubled."""
    if not 0 <= to_freelancer <= milestone.held:
        raise ValueError("a share lies between nothing and all that is held")
    return Settlement(
        id=settlement_id,
        to_freelancer=to_freelancer,
        to_client=milestone.held - to_freelancer,
        fee=contract.fee_rule.of(to_freelancer, contract.currency),
        reason=reason,
        decided_by=decided_by,
        decided_at=now,
    )


def _its_settlement(contract: Contract, milestone_id: str, settlement_id: str) -> Milestone:
    milestone = contract.the_milestone(milestone_id)
    if milestone.settlement is None or milestone.settlement.id != settlement_id:
        raise UnknownObject(settlement_id)
    return milestone


def expect_settlement(contract: Contract, command: NoteSettlementBlocked | FinishSettlement, _: datetime) -> list[Fact]:
    """An event about a settlement that waits for nothing any more changes nothing. Raises UnknownObject for others."""
    _its_settlement(contract, command.milestone_id, command.settlement_id)
    return []


def note_settlement_blocked(contract: Contract, command: NoteSettlementBlocked, _: datetime) -> list[Fact]:
    """Show why the delivery waits. Older events change nothing."""
    milestone = _its_settlement(contract, command.milestone_id, command.settlement_id)
    if command.sequence <= milestone.blocked_sequence:
        return []
    changed = command.reason != milestone.blocked_reason
    return [SettlementBlocked(milestone.id, command.settlement_id, command.reason, command.sequence, changed)]


def finish_settlement(contract: Contract, command: FinishSettlement, _: datetime) -> list[Fact]:
    """The final state is what was delivered: to the freelancer, to the client, or a part to each.

    A freelancer's share that the fee eats whole still counts as theirs. Raises ImpossibleDelivery when nobody got
    anything.
    """
    milestone = _its_settlement(contract, command.milestone_id, command.settlement_id)
    to_freelancer, to_client = command.transferred + command.fee > 0, command.refunded > 0
    if not to_freelancer and not to_client:
        raise ImpossibleDelivery(f"settlement {command.settlement_id} delivered nothing to anybody")
    state: Literal["released", "refunded", "split"] = (
        "split" if to_freelancer and to_client else "released" if to_freelancer else "refunded"
    )
    return [
        MilestoneSettled(
            milestone_id=milestone.id,
            settlement_id=command.settlement_id,
            state=state,
            paid=command.transferred,
            fee=command.fee,
            refunded=command.refunded,
        )
    ]


def _work_submitted(contract: Contract, fact: WorkSubmitted) -> Contract:
    return contract.with_milestone(fact.milestone_id, state="submitted", submission=fact.submission)


def _submission_retracted(contract: Contract, fact: SubmissionRetracted) -> Contract:
    return contract.with_milestone(fact.milestone_id, state="funded", submission=None)


def _settlement_decided(contract: Contract, fact: SettlementDecided) -> Contract:
    milestone = contract.the_milestone(fact.milestone_id)
    return contract.with_milestone(
        fact.milestone_id,
        state="settling",
        settlement=fact.settlement,
        frozen_by=tuple(freeze for freeze in milestone.frozen_by if freeze.id != fact.dispute_id),
        blocked_reason=None,
        blocked_sequence=0,
    )


def _settlement_blocked(contract: Contract, fact: SettlementBlocked) -> Contract:
    return contract.with_milestone(fact.milestone_id, blocked_reason=fact.reason, blocked_sequence=fact.sequence)


def _milestone_settled(contract: Contract, fact: MilestoneSettled) -> Contract:
    return contract.with_milestone(
        fact.milestone_id, state=fact.state, held=0, paid=fact.paid + fact.fee, blocked_reason=None
    )


TRANSITIONS: dict[type[Any], Transition] = {
    Submit: Transition(
        "submit", ("freelancer",), "command", "milestone", {"funded": ("submitted",)},
        submit, during=RUNNING, guards=(no_pending_revision, not_frozen),
    ),
    Retract: Transition(
        "retract", ("freelancer",), "command", "milestone", {"submitted": ("funded",)},
        retract, during=RUNNING, guards=(not_frozen,),
    ),
    Release: Transition(
        "release", ("client",), "command", "milestone", {"funded": ("settling",), "submitted": ("settling",)},
        release, during=RUNNING, guards=(not_frozen,),
    ),
    NoteSettlementBlocked: Transition(
        "settlement_blocked", ("system",), "event", "milestone", {"settling": ("settling",)},
        note_settlement_blocked, during=RUNNING, otherwise=expect_settlement,
    ),
    FinishSettlement: Transition(
        "settlement_completed", ("system",), "event", "milestone", {"settling": ("released", "refunded", "split")},
        finish_settlement, during=RUNNING, otherwise=expect_settlement,
    ),
}  # fmt: skip

APPLICATIONS: dict[type[Any], Application] = {
    WorkSubmitted: _work_submitted,
    SubmissionRetracted: _submission_retracted,
    SettlementDecided: _settlement_decided,
    SettlementBlocked: _settlement_blocked,
    MilestoneSettled: _milestone_settled,
}
