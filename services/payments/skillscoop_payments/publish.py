"""The one place where facts of this service become events."""

from skillscoop_messages.events.base import Event, ObjectRef
from skillscoop_messages.events.payments import (
    PaymentCanceled,
    PaymentFailed,
    PaymentHeld,
    PaymentRequiresAction,
    PaymentReturned,
    PayoutAccountChanged,
    SettlementBlocked,
    SettlementCompleted,
)

from skillscoop_payments.domain import payment as payments
from skillscoop_payments.domain import payout_account as accounts
from skillscoop_payments.domain import settlement as settlements
from skillscoop_payments.domain.payment import About, Payment
from skillscoop_payments.domain.payout_account import PayoutAccount
from skillscoop_payments.domain.settlement import Settlement


def _about(about: About) -> dict[str, str | int]:
    return {
        "contract_id": about.contract_id,
        "milestone_id": about.milestone_id,
        "client_id": about.client_id,
        "freelancer_id": about.freelancer_id,
        "title": about.title,
        "description": about.description,
        "amount": about.amount,
        "currency": about.currency,
        "revision": about.revision,
    }


def payment_event(payment: Payment, fact: payments.Fact) -> Event | None:
    """What the world is told of a fact; `payment` is as of after it. None: nobody else needs to know."""
    if payment.second_of is not None:
        # Nobody asked for it, so nobody waits for an answer about it; operators are alerted.
        return None
    told = payments.answer(payment) if isinstance(fact, payments.AnswerRepeated) else fact
    base = {
        **_about(payment.about),
        "object": ObjectRef(type="payment", id=payment.id, version=payment.version, state=payment.state),
        "funding_id": payment.funding_id,
        "payment_id": payment.id,
    }
    match told:
        case payments.ActionRequired():
            return PaymentRequiresAction.model_validate({**base, "action": told.action})
        case payments.Held():
            return PaymentHeld.model_validate({**base, "paid": told.paid})
        case payments.Failed():
            return PaymentFailed.model_validate({**base, "reason": told.failure.code})
        case payments.Canceled():
            return PaymentCanceled.model_validate({**base, "reason": told.reason})
        case payments.Returned():
            return PaymentReturned.model_validate({**base, "returned": payment.paid})
    return None


def settlement_event(settlement: Settlement, fact: settlements.Fact) -> Event | None:
    """What the world is told of a fact of a decision's delivery. A return is told of by its payment instead."""
    if settlement.purpose == "return":
        return None
    base = {
        **_about(settlement.about),
        "object": ObjectRef(type="settlement", id=settlement.id, version=settlement.version, state=settlement.state),
        "settlement_id": settlement.id,
        "payment_id": settlement.payment_id,
    }
    match fact:
        case settlements.Blocked():
            return SettlementBlocked.model_validate({**base, "reason": fact.reason})
        case settlements.Completed():
            return SettlementCompleted.model_validate(
                {**base, "transferred": settlement.net, "refunded": settlement.to_client, "fee": settlement.fee}
            )
    return None


def account_event(account: PayoutAccount, fact: accounts.Fact) -> Event | None:
    """What the world is told of a payout account: its state, never what is missing."""
    if not isinstance(fact, accounts.Changed):
        return None
    return PayoutAccountChanged(
        payout_account_id=account.id,
        user_id=account.user_id,
        state=account.state,
        object=ObjectRef(type="payout_account", id=account.id, version=account.version, state=account.state),
    )
