"""Agreement: answering proposed terms. A revision binds nobody before the freelancer approved it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from skillscoop_contracts.domain.contract import (
    SYSTEM,
    By,
    Contract,
    ContractState,
    Milestone,
)
from skillscoop_contracts.domain.errors import Refused
from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.domain.revision import locked_changes, restated_milestones
from skillscoop_contracts.domain.terms import Terms
from skillscoop_contracts.domain.transition import (
    Application,
    Block,
    Deadline,
    Transition,
)


@dataclass(frozen=True, slots=True)
class RequestChanges:
    """The freelancer comments on the revision they saw; nothing else changes."""

    by: By
    revision: int
    comment: str


@dataclass(frozen=True, slots=True)
class ApproveTerms:
    """The freelancer approves the revision they saw; `policy` becomes the contract's own at the first approval."""

    by: By
    revision: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class DeclineTerms:
    """The freelancer declines the revision they saw."""

    by: By
    revision: int
    reason: str


@dataclass(frozen=True, slots=True)
class WithdrawTerms:
    """The client takes the proposed revision back."""

    by: By


@dataclass(frozen=True, slots=True)
class LapseTerms:
    """The time to answer a revision may be over."""

    by: By = SYSTEM


Command = RequestChanges | ApproveTerms | DeclineTerms | WithdrawTerms | LapseTerms


@dataclass(frozen=True, slots=True)
class ChangesRequested:
    """The freelancer commented on a proposed revision."""

    action: ClassVar[str] = "request_changes"
    shows: ClassVar[tuple[str, ...]] = ("revision",)
    revision: int
    comment: str


@dataclass(frozen=True, slots=True)
class TermsApproved:
    """A revision is in force. `policy` is the contract's own from now on."""

    action: ClassVar[str] = "approve"
    shows: ClassVar[tuple[str, ...]] = ("revision",)
    revision: int
    terms: Terms
    hash: str
    policy: Policy
    at: datetime


@dataclass(frozen=True, slots=True)
class TermsDeclined:
    """The freelancer does not want the revision."""

    action: ClassVar[str] = "decline"
    shows: ClassVar[tuple[str, ...]] = ("revision",)
    revision: int
    reason: str


@dataclass(frozen=True, slots=True)
class TermsWithdrawn:
    """The client does not want the revision any more."""

    action: ClassVar[str] = "withdraw"
    shows: ClassVar[tuple[str, ...]] = ("revision",)
    revision: int


@dataclass(frozen=True, slots=True)
class TermsLapsed:
    """Nobody answered the revision in time."""

    action: ClassVar[str] = "lapse"
    shows: ClassVar[tuple[str, ...]] = ("revision",)
    revision: int


Fact = ChangesRequested | TermsApproved | TermsDeclined | TermsWithdrawn | TermsLapsed


def request_changes(contract: Contract, command: RequestChanges, _: datetime) -> list[Fact]:
    """A comment for the client. Raises Refused `revision_changed` for an older screen."""
    _expect_revision(contract, command.revision)
    return [ChangesRequested(command.revision, command.comment)]


def approve_terms(contract: Contract, command: ApproveTerms, now: datetime) -> list[Fact]:
    """The proposed revision comes into force.

    Raises Refused `revision_changed` for an older screen, and `revision_outdated` when the fee that is about to be
    fixed takes a whole price.
    """
    _expect_revision(contract, command.revision)
    policy = contract.policy or command.policy
    if contract.pending is None:
        if eaten := _within_fee(contract, policy):
            detail = "The platform's fee has changed and would take the whole price; the client has to state it anew."
            raise Refused("revision_outdated", detail, contract.id, {"milestones": eaten})
        return [TermsApproved(contract.revision, contract.terms, contract.terms_hash, policy, now)]
    pending = contract.pending
    return [TermsApproved(pending.revision, pending.terms, pending.hash, policy, now)]


def decline_terms(contract: Contract, command: DeclineTerms, _: datetime) -> list[Fact]:
    """The proposal is off; terms in force stay. Raises Refused `revision_changed` for an older screen."""
    _expect_revision(contract, command.revision)
    return [TermsDeclined(command.revision, command.reason)]


def withdraw_terms(contract: Contract, _: WithdrawTerms, __: datetime) -> list[Fact]:
    """The client takes the proposal back; terms in force stay."""
    return [TermsWithdrawn(contract.pending.revision if contract.pending else contract.revision)]


def lapse_terms(contract: Contract, _: LapseTerms, __: datetime) -> list[Fact]:
    """Nobody answered in time."""
    return [TermsLapsed(contract.pending.revision if contract.pending else contract.revision)]


def _expect_revision(contract: Contract, seen: int) -> None:
    """The answer must be to what is proposed now, not to an older screen."""
    current = contract.pending.revision if contract.pending else contract.revision
    if seen != current:
        raise Refused("revision_changed", "The terms have changed since.", contract.id, {"revision": current})


def _within_fee(contract: Contract, policy: Policy) -> list[dict[str, object]]:
    fee = policy.fee_rule(contract.currency)
    return [
        {"milestone_id": milestone.id, "state": milestone.state, "fields": ["amount"]}
        for milestone in contract.listed
        if milestone.amount <= fee.of(milestone.amount, contract.currency)
    ]


def _terms_approved(contract: Contract, fact: TermsApproved) -> Contract:
    return replace(
        contract,
        state="active",
        title=fact.terms.title,
        revision=fact.revision,
        terms_hash=fact.hash,
        policy=fact.policy,
        pending=None,
        offer_expires_at=None,
        milestones=restated_milestones(contract, fact.terms, fact.at, keep_dropped=True),
    )


def _proposal_gone(state: ContractState) -> Callable[[Contract, Any], Contract]:
    """A pending revision disappears; without one the contract itself ends in `state`."""

    def gone(contract: Contract, _: Any) -> Contract:
        if contract.pending:
            return replace(contract, pending=None)
        return replace(contract, state=state, offer_expires_at=None)

    return gone


def _changes_requested(contract: Contract, _: ChangesRequested) -> Contract:
    return contract


def _answer_due(contract: Contract, _: Milestone | None) -> Deadline | None:
    due = contract.pending.expires_at if contract.pending else contract.offer_expires_at
    return Deadline(due, "revision_dropped" if contract.pending else "expired") if due else None


def _not_outdated(contract: Contract, _: Milestone | None) -> Block | None:
    """No milestone the pending revision touches has moved on meanwhile."""
    locked = locked_changes(contract, contract.pending.terms) if contract.pending else []
    if not locked:
        return None
    detail = "Milestones of this revision have moved on; the client has to state it anew."
    return Block("revision_outdated", detail, {"milestones": locked})


TRANSITIONS: dict[type[Any], Transition] = {
    RequestChanges: Transition(
        "request_changes", ("freelancer",), "command", "contract",
        {"proposed": ("proposed",), "revising": ("revising",)},
        request_changes, clock=_answer_due,
    ),
    ApproveTerms: Transition(
        "approve", ("freelancer",), "command", "contract",
        {"proposed": ("active",), "revising": ("active",)},
        approve_terms, guards=(_not_outdated,), clock=_answer_due, milestones={"planned": ("dropped",)},
    ),
    DeclineTerms: Transition(
        "decline", ("freelancer",), "command", "contract",
        {"proposed": ("declined",), "revising": ("active",)},
        decline_terms, clock=_answer_due,
    ),
    WithdrawTerms: Transition(
        "withdraw", ("client",), "command", "contract",
        {"proposed": ("withdrawn",), "revising": ("active",)},
        withdraw_terms,
    ),
    LapseTerms: Transition(
        "lapse", ("system",), "timer", "contract",
        {"proposed": ("expired",), "revising": ("active",)},
        lapse_terms, clock=_answer_due,
    ),
}  # fmt: skip

APPLICATIONS: dict[type[Any], Application] = {
    ChangesRequested: _changes_requested,
    TermsApproved: _terms_approved,
    TermsDeclined: _proposal_gone("declined"),
    TermsWithdrawn: _proposal_gone("withdrawn"),
    TermsLapsed: _proposal_gone("expired"),
}
