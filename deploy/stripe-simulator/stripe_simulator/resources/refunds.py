"""Refunds: money back to the payer's card, out of the platform's available balance.

pending → succeeded → failed. A refund fails after it succeeded when the bank sends the money back.
"""

from stripe_simulator import ids
from stripe_simulator.cards import CARDS
from stripe_simulator.errors import Json, bad_parameter, invalid
from stripe_simulator.money import check_step, settled, written
from stripe_simulator.parameters import Table, merge_metadata
from stripe_simulator.resources import balance, charges
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import Call, Operation, listing, nulls, retrieval
from stripe_simulator.store import Transaction

_CREATE: Table = {
    "amount": "positive",
    "charge": "text",
    "payment_intent": "text",
    "metadata": "metadata",
    "reason": ("duplicate", "fraudulent", "requested_by_customer"),
    "expand": "texts",
}


def fail(tx: Transaction, id: str, reason: str = "expired_or_canceled_card", *, credited: bool = True) -> Json:
    """The bank does not take the money: it returns to the platform's balance and the charge is owed again.

    Not `credited`: the bank said so, and the money is still on its way back; `credit` lets it arrive. Raises Refusal
    when the refund has failed already or was canceled.
    """
    refund = tx.need("refund", id)
    if refund["status"] not in ("pending", "succeeded"):
        raise invalid(f"A refund that is {refund['status']} cannot fail.")
    previous = {"status": refund["status"]}
    failed = {**refund, "status": "failed", "failure_reason": reason}
    failed.pop("pending_reason", None)
    if refund["balance_transaction"] and credited:
        failed = _credited(tx, failed)
    charge = tx.need("charge", refund["charge"])
    tx.put({**charge, "amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False})
    tx.put(failed)
    emit(tx, "refund.updated", failed, previous)
    emit(tx, "refund.failed", failed)
    return failed


def credit(tx: Transaction, id: str) -> Json:
    """The money of a failed refund arrives on the platform's balance. Raises Refusal where none is on its way."""
    refund = tx.need("refund", id)
    if refund["status"] != "failed" or refund.get("failure_balance_transaction") or not refund["balance_transaction"]:
        raise invalid("No money of this refund is on its way back.")
    arrived = tx.put(_credited(tx, refund))
    emit(tx, "refund.updated", arrived, {"failure_balance_transaction": None})
    return arrived


def _credited(tx: Transaction, refund: Json) -> Json:
    entry = _book(tx, "refund_failure", refund, 1)
    return {**refund, "failure_balance_transaction": entry["id"]}


def advance(tx: Transaction, id: str) -> None:
    """What the test card of the refunded charge lets happen after the answer: it completes, or it comes back."""
    refund = tx.get(id, "refund")
    if refund is None:
        return
    if refund["status"] == "succeeded" and _outcome(tx, refund["charge"]) == "fails":
        fail(tx, id)
    elif refund["status"] == "pending" and refund["balance_transaction"]:
        _complete(tx, refund)


def retry(tx: Transaction, currency: str) -> None:
    """Pay, oldest first, the refunds that waited for balance in this currency."""
    for refund in reversed(tx.find("refund", status="pending")):
        amount, home, _ = settled(tx, refund["amount"], refund["currency"])
        if home != currency or refund["balance_transaction"]:
            continue
        if balance.available(tx, currency) < amount:
            return
        _complete(tx, _debit(tx, refund))


def _create(call: Call) -> Json:
    tx = call.tx
    charge = _charge(call)
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise invalid(f"Charge {charge['id']} is refunded in full already.", code="charge_already_refunded")
    amount = left if call["amount"] is None else call["amount"]
    if amount > left:
        currency = charge["currency"]
        message = f"Refund of {written(amount, currency)} exceeds the {written(left, currency)} not yet refunded."
        raise invalid(message, param="amount")
    check_step(amount, charge["currency"])
    charges.book(tx, charge["id"])
    refund = {
        "id": ids.new("re"),
        "object": "refund",
        "amount": amount,
        **nulls("balance_transaction customer_account receipt_number source_transfer_reversal transfer_reversal"),
        "charge": charge["id"],
        "created": tx.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": merge_metadata({}, call["metadata"]),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": call["reason"],
        "status": "pending",
        "pending_reason": "insufficient_funds",
    }
    tx.add(refund)
    debit, home, _ = settled(tx, amount, charge["currency"])
    if balance.available(tx, home) >= debit:
        refund = _debit(tx, refund)
        if _outcome(tx, charge["id"]) != "pends":
            refund = tx.put({**_without_reason(refund), "status": "succeeded"})
        if _outcome(tx, charge["id"]) != "succeeds":
            tx.at(tx.now + tx.settings.refund_delay, "refund", refund["id"])
    charge = tx.need("charge", charge["id"])
    before = {"amount_refunded": charge["amount_refunded"], "refunded": False}
    charge = {**charge, "amount_refunded": charge["amount_refunded"] + amount, "refunded": amount == left}
    tx.put(charge)
    emit(tx, "refund.created", refund)
    emit(tx, "charge.refunded", charge, before)
    return refund


def _charge(call: Call) -> Json:
    """The charge to refund, named itself or by its intent."""
    if (call["charge"] is None) == (call["payment_intent"] is None):
        raise bad_parameter("Name either charge or payment_intent.", code="parameter_missing", param="charge")
    id = call["charge"]
    if id is None:
        intent = call.tx.need("payment_intent", call["payment_intent"], "payment_intent")
        id = intent["latest_charge"] or ""
        if intent["status"] != "succeeded":
            raise invalid("This PaymentIntent has no successful charge to refund.", param="payment_intent")
    charge = call.tx.need("charge", id, "charge")
    if charge["status"] != "succeeded":
        raise invalid("Only a charge that succeeded can be refunded.", param="charge")
    return charge


def _outcome(tx: Transaction, charge: str) -> str:
    return CARDS[tx.hidden(charge)["card"]].refund


def _debit(tx: Transaction, refund: Json) -> Json:
    entry = _book(tx, "refund", refund, -1)
    return tx.put({**refund, "balance_transaction": entry["id"], "pending_reason": "processing"})


def _book(tx: Transaction, type: str, refund: Json, sign: int) -> Json:
    """What a refund moves on the platform's balance, converted where it does not settle in the charge's currency."""
    amount, currency, rate = settled(tx, refund["amount"], refund["currency"])
    return balance.post(tx, type, sign * amount, currency, source=refund["id"], rate=rate)


def _complete(tx: Transaction, refund: Json) -> None:
    done = tx.put({**_without_reason(refund), "status": "succeeded"})
    emit(tx, "refund.updated", done, {"status": "pending"})


def _without_reason(refund: Json) -> Json:
    return {name: value for name, value in refund.items() if name != "pending_reason"}


def _update(call: Call) -> Json:
    refund = call.tx.need("refund", call.ids["id"])
    changed = {**refund, "metadata": merge_metadata(refund["metadata"], call["metadata"])}
    emit(call.tx, "refund.updated", call.tx.put(changed), {"metadata": refund["metadata"]})
    return changed


OPERATIONS = (
    Operation("POST", "/v1/refunds", _create, _CREATE),
    listing("/v1/refunds", "refund", "charge", "payment_intent"),
    retrieval("/v1/refunds/{id}", "refund"),
    Operation("POST", "/v1/refunds/{id}", _update, {"metadata": "metadata", "expand": "texts"}),
)
