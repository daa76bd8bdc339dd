"""Money in: a try to fund, and what payments answers to it, in whatever order the answers come."""

from datetime import datetime, timedelta

from skillscoop_contracts.domain.commands import (
    CancelFunding,
    Fund,
    LapseFunding,
    NotePaymentHeld,
    NotePaymentOver,
    NotePaymentReturned,
)
from skillscoop_contracts.domain.contract import RUNNING, TAKES_PAYMENT, Contract, Funding, Milestone
from skillscoop_contracts.domain.errors import Refused, UnknownObject
from skillscoop_contracts.domain.facts import (
    Facts,
    FundingAnswered,
    FundingCancelAsked,
    FundingFailed,
    FundingRequested,
    MilestoneFunded,
    PaymentRefused,
    PaymentReturned,
    RefusalReason,
)


def the_milestone(contract: Contract, milestone_id: str) -> Milestone:
    """The milestone a command names. Raises UnknownObject."""
    milestone = contract.milestone(milestone_id)
    if milestone is None:
        raise UnknownObject(milestone_id)
    return milestone


def _the_funding(contract: Contract, funding_id: str) -> Funding:
    funding = contract.funding(funding_id)
    if funding is None:
        raise UnknownObject(funding_id)
    return funding


def fund(contract: Contract, command: Fund, now: datetime) -> Facts:
    """A new try at the price in force. Raises Refused `revision_changed`, `amount_changed` for an older screen."""
    milestone = the_milestone(contract, command.milestone_id)
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


def cancel_funding(contract: Contract, command: CancelFunding, _: datetime) -> Facts:
    """Ask payments to end the open try; its answer decides. Asked once is enough."""
    milestone = the_milestone(contract, command.milestone_id)
    if milestone.cancel_asked or milestone.funding_id is None:
        return []
    return [FundingCancelAsked(milestone.id, milestone.funding_id, "client")]


def lapse_funding(contract: Contract, command: LapseFunding, now: datetime) -> Facts:
    """The time to pay is over: as if the client had canceled. Too early or already asked: already so."""
    milestone = the_milestone(contract, command.milestone_id)
    due = milestone.checkout_expires_at
    if milestone.cancel_asked or milestone.funding_id is None or due is None or now < due:
        return []
    return [FundingCancelAsked(milestone.id, milestone.funding_id, "lapsed")]


def note_payment_held(contract: Contract, command: NotePaymentHeld, _: datetime) -> Facts:
    """Stripe holds money. Take it where it fits, else have it returned; never keep it twice.

    It fits a milestone that is being funded, by this or an earlier try, or planned in an active contract, if it is
    exactly the price. When an earlier try was paid, the current one is canceled and its answer only closes it.
    """
    funding = _the_funding(contract, command.funding_id)
    milestone = the_milestone(contract, command.milestone_id)
    if funding.milestone_id != milestone.id:
        raise UnknownObject(command.funding_id)
    if funding.state in ("held", "refused", "returned"):
        return []
    waiting = milestone.state == "funding"
    current = waiting and milestone.funding_id == funding.id
    if reason := _unwanted(contract, milestone, command):
        facts: Facts = [PaymentRefused(milestone.id, funding.id, command.payment_id, reason)]
        if current:
            facts.append(FundingFailed(milestone.id, funding.id, "refused", reason))
        return facts
    facts = []
    if waiting and not current and milestone.funding_id is not None:
        facts.append(FundingCancelAsked(milestone.id, milestone.funding_id, "superseded"))
    return [*facts, MilestoneFunded(milestone.id, funding.id, command.payment_id, command.paid)]


def _unwanted(contract: Contract, milestone: Milestone, command: NotePaymentHeld) -> RefusalReason | None:
    """Why this money cannot be kept, or None."""
    if contract.phase not in RUNNING:
        return "contract_over"
    if milestone.state == "dropped":
        return "milestone_dropped"
    if milestone.state not in TAKES_PAYMENT:
        return "already_funded"
    if command.paid != milestone.amount or command.currency != contract.currency:
        return "wrong_amount"
    return None


def note_payment_over(contract: Contract, command: NotePaymentOver, _: datetime) -> Facts:
    """A try is dead. Only the current one frees its milestone; an older one's answer just closes it."""
    funding = _the_funding(contract, command.funding_id)
    milestone = the_milestone(contract, command.milestone_id)
    if funding.state not in ("open", "superseded"):
        return []
    if milestone.state == "funding" and milestone.funding_id == funding.id:
        return [FundingFailed(milestone.id, funding.id, command.answer, command.reason)]
    return [FundingAnswered(milestone.id, funding.id, command.answer)]


def note_payment_returned(contract: Contract, command: NotePaymentReturned, _: datetime) -> Facts:
    """Unwanted money is back with the client; once is enough."""
    funding = _the_funding(contract, command.funding_id)
    milestone = the_milestone(contract, command.milestone_id)
    if funding.state == "returned":
        return []
    return [PaymentReturned(milestone.id, funding.id, command.payment_id, command.returned)]
