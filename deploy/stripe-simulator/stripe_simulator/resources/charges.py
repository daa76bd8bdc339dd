"""Charges: one attempt at a card each, and the money it brings to the platform's balance."""

from typing import Any

from stripe_simulator import ids
from stripe_simulator.cards import CARDS, Card, Decline
from stripe_simulator.errors import Json
from stripe_simulator.money import settled, stripe_fee
from stripe_simulator.resources import balance
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import listing, nulls, retrieval
from stripe_simulator.resources.payment_methods import BILLING_DETAILS, described
from stripe_simulator.store import Transaction

DAY = 86_400


def shape(id: str, amount: int, currency: str, created: int, **fields: Any) -> Json:
    """A succeeded charge; `fields` replace the defaults."""
    return {
        "id": id,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        **nulls(
            "application application_fee application_fee_amount balance_transaction "
            "calculated_statement_descriptor customer description failure_balance_transaction "
            "failure_code failure_message on_behalf_of outcome payment_intent payment_method "
            "payment_method_details receipt_email receipt_number receipt_url review shipping "
            "source_transfer statement_descriptor statement_descriptor_suffix transfer_data "
            "transfer_group"
        ),
        "billing_details": BILLING_DETAILS,
        "captured": True,
        "created": created,
        "currency": currency,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "paid": True,
        "refunded": False,
        "status": "succeeded",
        **fields,
    }


def attempt(
    tx: Transaction, intent: Json, method: Json, card: Card, authenticated: bool = False, decline: Decline | None = None
) -> Json:
    """Charge the card for the intent: succeeded, or failed with the given decline."""
    details = {
        "card": {
            **described(card),
            "amount_authorized": None if decline else intent["amount"],
            "authorization_code": None if decline else ids.letters(6).upper(),
            "installments": None,
            "mandate": None,
            "network": card.brand,
            "three_d_secure": _authentication() if authenticated else None,
        },
        "type": "card",
    }
    charge = tx.add(
        shape(
            ids.new("ch"),
            intent["amount"],
            intent["currency"],
            tx.now,
            customer=intent["customer"],
            description=intent["description"],
            metadata=intent["metadata"],
            outcome=_outcome(decline),
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details=details,
            receipt_email=intent["receipt_email"],
            transfer_group=intent["transfer_group"],
            **_failure(decline),
        ),
        card=card.name,
    )
    if decline:
        emit(tx, "charge.failed", charge)
        return charge
    tx.put(method, spent=True)
    if intent["capture_method"] == "automatic_async":
        tx.at(tx.now + tx.settings.capture_delay, "book", charge["id"])
    else:
        charge = _book(tx, charge)
    emit(tx, "charge.succeeded", charge)
    return charge


def book(tx: Transaction, id: str) -> Json | None:
    """The capture of an asynchronously captured charge: its balance transaction comes to be, once."""
    charge = tx.get(id, "charge")
    if charge is None or charge["balance_transaction"] is not None:
        return charge
    charge = _book(tx, charge)
    emit(tx, "charge.updated", charge, {"balance_transaction": None})
    return charge


def _book(tx: Transaction, charge: Json) -> Json:
    card = CARDS[tx.hidden(charge["id"])["card"]]
    amount, currency, rate = settled(tx, charge["amount"], charge["currency"])
    entry = balance.post(
        tx,
        "charge",
        amount,
        currency,
        fee=stripe_fee(tx.settings, amount),
        rate=rate,
        source=charge["id"],
        available_on=charge["created"] + (0 if card.settled else tx.settings.settlement_days * DAY),
    )
    return tx.put({**charge, "balance_transaction": entry["id"]})


def _failure(decline: Decline | None) -> Json:
    if decline is None:
        return {}
    return {
        "amount_captured": 0,
        "captured": False,
        "failure_code": decline.code,
        "failure_message": decline.message,
        "paid": False,
        "status": "failed",
    }


def _outcome(decline: Decline | None) -> Json:
    fixed = {"advice_code": None, "network_advice_code": None, "network_decline_code": None}
    if decline is None:
        return {
            **fixed,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        **fixed,
        "network_status": "declined_by_network",
        "reason": decline.decline_code or decline.code,
        "risk_level": "normal",
        "seller_message": "The bank declined the payment.",
        "type": "issuer_declined",
    }


def _authentication() -> Json:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": ids.letters(36),
        "version": "2.2.0",
    }


OPERATIONS = (
    listing("/v1/charges", "charge", "customer", "payment_intent", "transfer_group", for_accounts=True),
    retrieval("/v1/charges/{id}", "charge", for_accounts=True),
)
