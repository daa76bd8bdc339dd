"""Disputes: the bank takes a charge back, whatever the platform has done with the money since."""

from stripe_simulator import ids
from stripe_simulator.errors import Json, invalid
from stripe_simulator.money import settled
from stripe_simulator.resources import balance
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import listing, retrieval
from stripe_simulator.store import Transaction

FEE = 1_500
_TEXTS = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal"
    " customer_communication customer_email_address customer_name customer_purchase_ip customer_signature"
    " duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt"
    " refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation"
    " shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number"
    " uncategorized_file uncategorized_text"
)


def dispute(tx: Transaction, charge_id: str, reason: str) -> Json:
    """The bank takes the whole charge back, with a fee. Raises Refusal for a charge that is disputed already."""
    charge = tx.need("charge", charge_id)
    if charge["disputed"] or charge["status"] != "succeeded":
        raise invalid("Only a charge that succeeded and is not disputed can be disputed.")
    id = ids.new("du")
    amount, currency, rate = settled(tx, charge["amount"], charge["currency"])
    entry = balance.post(tx, "adjustment", -amount, currency, fee=FEE, source=id, rate=rate, category="dispute")
    made = tx.add(
        {
            "id": id,
            "object": "dispute",
            "amount": charge["amount"],
            "balance_transactions": [entry],
            "charge": charge_id,
            "created": tx.now,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {**dict.fromkeys(_TEXTS.split()), "enhanced_evidence": {}},
            "evidence_details": {
                "due_by": tx.now + 7 * 86_400,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "needs_response",
        }
    )
    tx.put({**charge, "disputed": True})
    emit(tx, "charge.dispute.created", made)
    emit(tx, "charge.dispute.funds_withdrawn", made)
    return made


OPERATIONS = (
    listing("/v1/disputes", "dispute", "charge", "payment_intent"),
    retrieval("/v1/disputes/{id}", "dispute"),
)
