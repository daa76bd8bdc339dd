"""The one place where facts of this service become events.

A fact that no table here names is an error (KeyError): whether others are told is never an accident.
"""

from collections.abc import Callable, Mapping
from typing import Any

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


def _about(about: About) -> dict[str, Any]:
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


def _of_payment(payment: Payment) -> dict[str, Any]:
    return {
        **_about(payment.about),
        "object": ObjectRef(type="payment", id=payment.id, version=payment.version, state=payment.state),
        "funding_id": payment.funding_id,
        "payment_id": payment.id,
    }


def _action_required(payment: Payment, fact: payments.ActionRequired) -> Event:
    return PaymentRequiresAction.model_validate({**_of_payment(payment), "action": fact.action})


def _held(payment: Payment, fact: payments.Held) -> Event:
    return PaymentHeld.model_validate({**_of_payment(payment), "paid": fact.paid})


def _failed(payment: Payment, fact: payments.Failed) -> Event:
    return PaymentFailed.model_validate({**_of_payment(payment), "reason": fact.failure.code})


def _canceled(payment: Payment, fact: payments.Canceled) -> Event:
    return PaymentCanceled.model_validate({**_of_payment(payment), "reason": fact.reason})


def _returned(payment: Payment, _: payments.Returned) -> Event:
    return PaymentReturned.model_validate({**_of_payment(payment), "returned": payment.paid})


def _answer_repeated(payment: Payment, _: payments.AnswerRepeated) -> Event | None:
    answer = payments.answer(payment)
    return None if answer is None else PAYMENT_EVENTS[type(answer)](payment, answer)


PAYMENT_EVENTS: Mapping[type[Any], Callable[[Payment, Any], Event | None]] = {
    payments.ActionRequired: _action_required,
    payments.Held: _held,
    payments.Failed: _failed,
    payments.Canceled: _canceled,
    payments.Returned: _returned,
    payments.AnswerRepeated: _answer_repeated,
}

PAYMENT_TOLD_TO_NOBODY: frozenset[type[Any]] = frozenset(
    {
        payments.Noted,
        payments.WentProcessing,
        payments.Declined,
        payments.Booked,
        payments.CancelWanted,
        payments.Refused,
        payments.SettlementBegun,
        payments.Settled,
    }
)
"""Facts that show in the payment alone; that everything arrived is told by the settlement."""


def payment_event(payment: Payment, fact: payments.Fact) -> Event | None:
    """What the world is told of a fact; `payment` is as of after it. None: nobody else needs to know.

    Raises KeyError for a fact nobody decided about.
    """
    if type(fact) in PAYMENT_TOLD_TO_NOBODY:
        return None
    build = PAYMENT_EVENTS[type(fact)]
    # Nobody asked for a second payment, so nobody waits for an answer about it; operators are alerted.
    return None if payment.second_of is not None else build(payment, fact)


def _of_settlement(settlement: Settlement) -> dict[str, Any]:
    return {
        **_about(settlement.about),
        "object": ObjectRef(type="settlement", id=settlement.id, version=settlement.version, state=settlement.state),
        "settlement_id": settlement.id,
        "payment_id": settlement.payment_id,
    }


def _blocked(settlement: Settlement, fact: settlements.Blocked) -> Event:
    return SettlementBlocked.model_validate({**_of_settlement(settlement), "reason": fact.reason})


def _completed(settlement: Settlement, _: settlements.Completed) -> Event:
    return SettlementCompleted.model_validate(
        {
            **_of_settlement(settlement),
            "transferred": settlement.net,
            "refunded": settlement.to_client,
            "fee": settlement.fee,
        }
    )


SETTLEMENT_EVENTS: Mapping[type[Any], Callable[[Settlement, Any], Event]] = {
    settlements.Blocked: _blocked,
    settlements.Completed: _completed,
}

SETTLEMENT_TOLD_TO_NOBODY: frozenset[type[Any]] = frozenset(
    {
        settlements.Decided,
        settlements.TransferSent,
        settlements.FeeTookAll,
        settlements.TransferMade,
        settlements.TransferGivenUp,
        settlements.RefundSent,
        settlements.RefundDebited,
        settlements.RefundCredited,
        settlements.RefundWaits,
        settlements.RefundMade,
        settlements.RefundBroke,
        settlements.LegBlocked,
    }
)
"""Facts of one leg: others are told what the settlement as a whole waits for, and that it is complete."""


def settlement_event(settlement: Settlement, fact: settlements.Fact) -> Event | None:
    """What the world is told of a fact of a decision's delivery. A return is told of by its payment instead.

    Raises KeyError for a fact nobody decided about.
    """
    if type(fact) in SETTLEMENT_TOLD_TO_NOBODY:
        return None
    build = SETTLEMENT_EVENTS[type(fact)]
    return None if settlement.purpose == "return" else build(settlement, fact)


def _account_changed(account: PayoutAccount, _: accounts.Changed) -> Event:
    return PayoutAccountChanged(
        payout_account_id=account.id,
        user_id=account.user_id,
        state=account.state,
        object=ObjectRef(type="payout_account", id=account.id, version=account.version, state=account.state),
    )


ACCOUNT_EVENTS: Mapping[type[Any], Callable[[PayoutAccount, Any], Event]] = {accounts.Changed: _account_changed}

ACCOUNT_TOLD_TO_NOBODY: frozenset[type[Any]] = frozenset({accounts.Learnt})
"""What the provider still needs to know is for the freelancer alone."""


def account_event(account: PayoutAccount, fact: accounts.Fact) -> Event | None:
    """What the world is told of a payout account: its state, never what is missing.

    Raises KeyError for a fact nobody decided about.
    """
    if type(fact) in ACCOUNT_TOLD_TO_NOBODY:
        return None
    return ACCOUNT_EVENTS[type(fact)](account, fact)
