"""Stripe's objects, as plain dictionaries, read into our observations. Stripe's words end here."""

from collections.abc import Mapping
from typing import Any

from skillscoop_messages.money import Money

from skillscoop_payments.domain.snapshots import (
    AccountSnapshot,
    Booking,
    Capability,
    ChargebackSnapshot,
    Failure,
    Movement,
    Origin,
    PaymentSnapshot,
    PaymentStatus,
    RefundSnapshot,
    RefundStatus,
    TransferSnapshot,
)

Json = Mapping[str, Any]

INTENT_STATUS: Mapping[str, PaymentStatus] = {
    "requires_payment_method": "awaiting_payer",
    "requires_confirmation": "awaiting_payer",
    "requires_action": "awaiting_authentication",
    "processing": "processing",
    "requires_capture": "processing",
    "succeeded": "paid",
    "canceled": "dead",
}
REFUND_STATUS: Mapping[str, RefundStatus] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "delivered",
    "failed": "failed",
    "canceled": "canceled",
}
CAPABILITY: Mapping[str, Capability] = {
    "active": "active",
    "pending": "pending",
    "restricted": "restricted",
    "unsupported": "rejected",
}
DECLINES = {
    "insufficient_funds": "insufficient_funds",
    "expired_card": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "processing_error": "processing_error",
    "authentication_required": "authentication_required",
    "payment_intent_authentication_failure": "authentication_failed",
}
"""Stripe's reasons that are worth telling apart; every other one is `card_declined`."""


def origin(body: Json) -> Origin:
    """Which of our rows made the object."""
    data = body.get("metadata") or {}
    return Origin(data.get("env"), data.get("op_id"), data.get("object_id"))


def failure(error: Json | None) -> Failure | None:
    """Why a card was refused."""
    if not error:
        return None
    reason = DECLINES.get(error.get("decline_code") or "") or DECLINES.get(error.get("code") or "") or "card_declined"
    return Failure(reason, str(error.get("message") or "The card was declined.")[:500])


def payment(body: Json) -> PaymentSnapshot:
    """A PaymentIntent, its latest charge and that charge's balance transaction expanded where they exist."""
    charge = body.get("latest_charge")
    charge = charge if isinstance(charge, Mapping) else None
    status = INTENT_STATUS.get(body["status"], "processing")
    if status == "paid" and (charge is None or charge.get("status") != "succeeded"):
        # An intent may call itself done; only a charge that succeeded is money.
        status = "processing"
    action = (body.get("next_action") or {}).get("redirect_to_url") or {}
    return PaymentSnapshot(
        status,
        origin(body),
        intent_ref=body["id"],
        charge_ref=charge["id"] if charge and status == "paid" else None,
        paid=int(body.get("amount_received") or 0),
        booking=_booking(charge) if charge and status == "paid" else None,
        failure=failure(body.get("last_payment_error")) if status != "paid" else None,
        client_secret=body.get("client_secret"),
        checkout_url=action.get("url"),
    )


def _booking(charge: Json) -> Booking | None:
    entry = charge.get("balance_transaction")
    if not isinstance(entry, Mapping):
        return None
    return Booking(entry["id"], entry["amount"], entry["fee"], entry["net"], entry["currency"])


def checkout(body: Json) -> PaymentSnapshot:
    """A Checkout Session with the intent behind it, which comes to be with the first attempt to pay."""
    intent = body.get("payment_intent")
    inner = payment(intent) if isinstance(intent, Mapping) else None
    status = _session_status(body, inner)
    if inner is None:
        return PaymentSnapshot(status, origin(body), checkout_ref=body["id"], checkout_url=body.get("url"))
    return PaymentSnapshot(
        status,
        origin(body),
        intent_ref=inner.intent_ref,
        checkout_ref=body["id"],
        charge_ref=inner.charge_ref,
        paid=inner.paid,
        booking=inner.booking,
        failure=inner.failure,
        checkout_url=body.get("url"),
    )


def _session_status(body: Json, inner: PaymentSnapshot | None) -> PaymentStatus:
    if inner is not None and inner.status == "paid":
        return "paid"
    if body["status"] == "expired":
        return "dead"
    if body["status"] == "complete":
        return "processing"
    return inner.status if inner is not None and inner.status == "processing" else "awaiting_payer"


def refund(body: Json) -> RefundSnapshot:
    """A Refund."""
    return RefundSnapshot(
        body["id"],
        body["amount"],
        REFUND_STATUS.get(body.get("status") or "pending", "pending"),
        origin(body),
        debit_ref=_ref(body.get("balance_transaction")),
        credit_ref=_ref(body.get("failure_balance_transaction")),
        failure=body.get("failure_reason"),
        intent_ref=_ref(body.get("payment_intent")),
        debited=_moved(body.get("balance_transaction")),
        credited=_moved(body.get("failure_balance_transaction")),
    )


def transfer(body: Json) -> TransferSnapshot:
    """A Transfer."""
    return TransferSnapshot(body["id"], body["amount"], origin(body), body.get("amount_reversed") or 0)


def chargeback(body: Json) -> ChargebackSnapshot:
    """A Dispute: inquiries too, which take no money yet."""
    intent = _ref(body.get("payment_intent"))
    return ChargebackSnapshot(body["id"], intent, body["amount"], body["currency"], body["status"])


def movement(entry: Json) -> Movement | None:
    """A balance transaction with its source expanded; None where it is nothing that others could have made."""
    source = entry.get("source")
    if not isinstance(source, Mapping):
        return None
    match source.get("object"):
        case "refund":
            return Movement(entry["id"], "refund", source["id"])
        case "transfer_reversal":
            return Movement(entry["id"], "transfer", str(_ref(source["transfer"])))
        case "dispute":
            return Movement(entry["id"], "dispute", source["id"])
    return None


def account(body: Json) -> AccountSnapshot:
    """A v2 Account with its recipient configuration and requirements included."""
    configuration = body.get("configuration") or {}
    capabilities = (configuration.get("recipient") or {}).get("capabilities") or {}
    status = ((capabilities.get("stripe_balance") or {}).get("stripe_transfers") or {}).get("status")
    closed = bool(body.get("closed"))
    entries = (body.get("requirements") or {}).get("entries") or []
    return AccountSnapshot(
        body["id"],
        "rejected" if closed else CAPABILITY.get(status or "pending", "restricted"),
        tuple(sorted({str(entry["description"]) for entry in entries if entry.get("description")})),
        origin(body),
    )


def _moved(entry: Any) -> Money | None:
    """What a balance transaction moved on our balance, whichever way; None where it is not expanded."""
    return Money(abs(entry["amount"]), entry["currency"]) if isinstance(entry, Mapping) else None


def _ref(value: Any) -> str | None:
    """The id of something that may be expanded."""
    if isinstance(value, Mapping):
        return str(value["id"])
    return str(value) if value else None
