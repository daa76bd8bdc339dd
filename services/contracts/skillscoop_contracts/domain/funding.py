"""Money in: a try to fund, and what payments answers to it, in whatever order the answers come."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from skillscoop_contracts.domain.contract import (
    PHASES,
    RUNNING,
    SYSTEM,
    By,
    Contract,
    Funding,
    FundingState,
    Milestone,
)
from skillscoop_contracts.domain.errors import Refused, UnknownObject
from skillscoop_contracts.domain.policy import FeeRule
from skillscoop_contracts.domain.transition import (
    ANY_STATE,
    Application,
    Deadline,
    Transition,
    no_pending_revision,
)


@dataclass(frozen=True, slots=True)
class Fund:
    """The client funds a milestone at the price (minor units) and revision they saw. `method` is opaque to us."""

    by: By
    milestone_id: str
    funding_id: str
    amount: int
    revision: int
    method: str
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class CancelFunding:
    """The client gives the open try up."""

    by: By
    milestone_id: str


@dataclass(frozen=True, slots=True)
class LapseFunding:
    """The time to pay may be over."""

    milestone_id: str
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class NotePaymentHeld:
    """Payments says: this try was paid with `paid` minor units."""

    milestone_id: str
    funding_id: str
    payment_id: str
    paid: int
    currency: str
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class NotePaymentOver:
    """Payments says: this try is dead and can no longer be paid."""

    milestone_id: str
    funding_id: str
    answer: Literal["failed", "canceled"]
    reason: str
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class NotePaymentReturned:
    """Payments says: the money nobody wanted went back, `returned` minor units."""

    milestone_id: str
    funding_id: str
    payment_id: str
    returned: int
    by: By = SYSTEM


Command = Fund | CancelFunding | LapseFunding | NotePaymentHeld | NotePaymentOver | NotePaymentReturned


RefusalReason = Literal["wrong_amount", "already_funded", "milestone_dropped", "contract_over"]


@dataclass(frozen=True, slots=True)
class FundingRequested:
    """A try to fund is under way: `amount` minor units, to be paid before `expires_at`."""

    action: ClassVar[str] = "fund"
    shows: ClassVar[tuple[str, ...]] = ("funding_id", "amount")
    milestone_id: str
    funding_id: str
    amount: int
    method: str
    return_url: str | None
    fee: FeeRule
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FundingCancelAsked:
    """A try shall end; payments will answer. `superseded`: another try of the same milestone was paid."""

    milestone_id: str
    funding_id: str
    reason: Literal["client", "lapsed", "superseded"]


@dataclass(frozen=True, slots=True)
class MilestoneFunded:
    """The price is held, `held` minor units."""

    action: ClassVar[str] = "funded"
    shows: ClassVar[tuple[str, ...]] = ("funding_id", "payment_id", "held")
    milestone_id: str
    funding_id: str
    payment_id: str
    held: int


@dataclass(frozen=True, slots=True)
class FundingFailed:
    """The try everybody waited for ended without money we keep; the milestone is planned again."""

    shows: ClassVar[tuple[str, ...]] = ("funding_id",)
    milestone_id: str
    funding_id: str
    answer: Literal["failed", "canceled", "refused"]
    reason: str


@dataclass(frozen=True, slots=True)
class FundingAnswered:
    """An answer nobody waited for any more: it only closes the try."""

    shows: ClassVar[tuple[str, ...]] = ("funding_id",)
    milestone_id: str
    funding_id: str
    answer: Literal["failed", "canceled"]


@dataclass(frozen=True, slots=True)
class PaymentRefused:
    """Money came that nobody wants; payments gives it back."""

    shows: ClassVar[tuple[str, ...]] = ("funding_id", "payment_id")
    milestone_id: str
    funding_id: str
    payment_id: str
    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class PaymentReturned:
    """Money nobody wanted went back, `returned` minor units."""

    shows: ClassVar[tuple[str, ...]] = ("payment_id", "returned")
    milestone_id: str
    funding_id: str
    payment_id: str
    returned: int


Fact = (
    FundingRequested
    | FundingCancelAsked
    | MilestoneFunded
    | FundingFailed
    | FundingAnswered
    | PaymentRefused
    | PaymentReturned
)


_PAID: frozenset[FundingState] = frozenset({"held", "refused", "returned"})
_UNANSWERED: frozenset[FundingState] = frozenset({"open", "superseded"})


def fund(contract: Contract, command: Fund, now: datetime) -> list[Fact]:
    """A new try at the price in force. Raises Refused `revision_changed`, `amount_changed` for an older screen."""
    milestone = contract.the_milestone(command.milestone_id)
    if command.revision != contract.revision:
        raise Refused(
            "revision_changed", "The terms have changed since.", milestone.id, {"revision": contract.revision}
        )
    if command.amount != milestone.amount:
        price = {"amount": milestone.amount, "currency": contract.currency}
        raise Refused("amount_changed", "The milestone has another price.", milestone.id, {"amount": price})
    assert contract.policy is not None
    return [
        FundingRequested(
            milestone_id=milestone.id,
            funding_id=command.funding_id,
            amount=milestone.amount,
            method=command.method,
            return_url=command.return_url,
            fee=contract.fee_rule,
            expires_at=now + timedelta(minutes=contract.policy.checkout_minutes),
        )
    ]


def cancel_funding(contract: Contract, command: CancelFunding, _: datetime) -> list[Fact]:
    """Ask payments to end the open try; its answer decides."""
    milestone = contract.the_milestone(command.milestone_id)
    assert milestone.funding_id is not None
    return [FundingCancelAsked(milestone.id, milestone.funding_id, "client")]


def lapse_funding(contract: Contract, command: LapseFunding, _: datetime) -> list[Fact]:
    """The time to pay is over: as if the client had canceled."""
    milestone = contract.the_milestone(command.milestone_id)
    assert milestone.funding_id is not None
    return [FundingCancelAsked(milestone.id, milestone.funding_id, "lapsed")]


def note_payment_held(contract: Contract, command: NotePaymentHeld, _: datetime) -> list[Fact]:
    """Stripe holds money for a milestone that waits for it: take it if it is exactly the price, else have it returned.

    Any try may bring it, this or an earlier one, also where the milestone is planned again. When an earlier try was
    paid, the current one is canceled and its answer only closes it.
    """
    funding, milestone = _the_try(contract, command)
    if funding.state in _PAID:
        return []
    current = milestone.state == "funding" and milestone.funding_id == funding.id
    if command.paid != milestone.amount or command.currency != contract.currency:
        refused = PaymentRefused(milestone.id, funding.id, command.payment_id, "wrong_amount")
        return [refused, FundingFailed(milestone.id, funding.id, "refused", "wrong_amount")] if current else [refused]
    facts: list[Fact] = []
    if milestone.state == "funding" and not current and milestone.funding_id is not None:
        facts.append(FundingCancelAsked(milestone.id, milestone.funding_id, "superseded"))
    return [*facts, MilestoneFunded(milestone.id, funding.id, command.payment_id, command.paid)]


def refuse_payment(contract: Contract, command: NotePaymentHeld, _: datetime) -> list[Fact]:
    """Stripe holds money nobody waits for: have it returned; never keep it twice."""
    funding, milestone = _the_try(contract, command)
    if funding.state in _PAID:
        return []
    return [PaymentRefused(milestone.id, funding.id, command.payment_id, _why_unwanted(contract, milestone))]


def _the_try(contract: Contract, command: NotePaymentHeld) -> tuple[Funding, Milestone]:
    funding = contract.the_funding(command.funding_id)
    milestone = contract.the_milestone(command.milestone_id)
    if funding.milestone_id != milestone.id:
        raise UnknownObject(command.funding_id)
    return funding, milestone


def _why_unwanted(contract: Contract, milestone: Milestone) -> RefusalReason:
    if contract.phase not in RUNNING:
        return "contract_over"
    return "milestone_dropped" if milestone.state == "dropped" else "already_funded"


def note_payment_over(contract: Contract, command: NotePaymentOver, now: datetime) -> list[Fact]:
    """A try is dead. The current one frees its milestone; an older one's answer just closes it."""
    funding = contract.the_funding(command.funding_id)
    milestone = contract.the_milestone(command.milestone_id)
    if funding.state in _UNANSWERED and milestone.funding_id == funding.id:
        return [FundingFailed(milestone.id, funding.id, command.answer, command.reason)]
    return close_try(contract, command, now)


def close_try(contract: Contract, command: NotePaymentOver, _: datetime) -> list[Fact]:
    """A try is dead that nobody waits for any more."""
    funding = contract.the_funding(command.funding_id)
    if funding.state not in _UNANSWERED:
        return []
    return [FundingAnswered(command.milestone_id, funding.id, command.answer)]


def note_payment_returned(contract: Contract, command: NotePaymentReturned, _: datetime) -> list[Fact]:
    """Unwanted money is back with the client; once is enough."""
    funding = contract.the_funding(command.funding_id)
    milestone = contract.the_milestone(command.milestone_id)
    if funding.state == "returned":
        return []
    return [PaymentReturned(milestone.id, funding.id, command.payment_id, command.returned)]


def _funding(contract: Contract, funding_id: str, state: FundingState) -> Contract:
    tries = tuple(replace(one, state=state) if one.id == funding_id else one for one in contract.fundings)
    return replace(contract, fundings=tries)


def _funding_requested(contract: Contract, fact: FundingRequested) -> Contract:
    changed = contract.with_milestone(
        fact.milestone_id,
        state="funding",
        funding_id=fact.funding_id,
        checkout_expires_at=fact.expires_at,
        cancel_asked=False,
        failure_reason=None,
    )
    return replace(
        changed, fundings=(*contract.fundings, Funding(fact.funding_id, fact.milestone_id, fact.amount, "open"))
    )


def _funding_cancel_asked(contract: Contract, fact: FundingCancelAsked) -> Contract:
    if fact.reason == "superseded":
        return _funding(contract, fact.funding_id, "superseded")
    return contract.with_milestone(fact.milestone_id, cancel_asked=True)


def _milestone_funded(contract: Contract, fact: MilestoneFunded) -> Contract:
    changed = contract.with_milestone(
        fact.milestone_id,
        state="funded",
        held=fact.held,
        funding_id=fact.funding_id,
        payment_id=fact.payment_id,
        checkout_expires_at=None,
        cancel_asked=False,
        failure_reason=None,
    )
    return _funding(changed, fact.funding_id, "held")


def _funding_failed(contract: Contract, fact: FundingFailed) -> Contract:
    changed = contract.with_milestone(
        fact.milestone_id,
        state="planned",
        checkout_expires_at=None,
        cancel_asked=False,
        failure_reason=fact.reason,
    )
    return _funding(changed, fact.funding_id, fact.answer)


def _funding_answered(contract: Contract, fact: FundingAnswered) -> Contract:
    return _funding(contract, fact.funding_id, fact.answer)


def _try_is(state: FundingState) -> Application:
    """It concerns the try alone."""
    return lambda contract, fact: _funding(contract, fact.funding_id, state)


def _checkout_due(_: Contract, milestone: Milestone | None) -> Deadline | None:
    due = milestone.checkout_expires_at if milestone else None
    return Deadline(due, "funding_canceled") if due else None


def _cancel_asked(milestone: Milestone | None) -> bool:
    return milestone is not None and milestone.state == "funding" and milestone.cancel_asked


TRANSITIONS: dict[type[Any], Transition] = {
    Fund: Transition(
        "fund", ("client",), "command", "milestone", {"planned": ("funding",)},
        fund, during=RUNNING, guards=(no_pending_revision,),
    ),
    CancelFunding: Transition(
        "cancel_funding", ("client",), "command", "milestone", {"funding": ("funding",)},
        cancel_funding, during=RUNNING, clock=_checkout_due, already=_cancel_asked,
    ),
    LapseFunding: Transition(
        "lapse", ("system",), "timer", "milestone", {"funding": ("funding",)},
        lapse_funding, during=RUNNING, clock=_checkout_due, already=_cancel_asked,
    ),
    NotePaymentHeld: Transition(
        "payment_held", ("system",), "event", "milestone",
        {"planned": ("funded", "planned"), "funding": ("funded", "planned", "funding")},
        note_payment_held, during=RUNNING, otherwise=refuse_payment,
    ),
    NotePaymentOver: Transition(
        "payment_over", ("system",), "event", "milestone", {"funding": ("planned", "funding")},
        note_payment_over, during=RUNNING, otherwise=close_try,
    ),
    NotePaymentReturned: Transition(
        "payment_returned", ("system",), "event", "milestone", ANY_STATE,
        note_payment_returned, during=frozenset(PHASES),
    ),
}  # fmt: skip

APPLICATIONS: dict[type[Any], Application] = {
    FundingRequested: _funding_requested,
    FundingCancelAsked: _funding_cancel_asked,
    MilestoneFunded: _milestone_funded,
    FundingFailed: _funding_failed,
    FundingAnswered: _funding_answered,
    PaymentRefused: _try_is("refused"),
    PaymentReturned: _try_is("returned"),
}
