"""Transfers from the platform's balance to a connected account's."""

from stripe_simulator import ids
from stripe_simulator.errors import Json, invalid, missing, wrong_account
from stripe_simulator.money import check_currency, check_step, written
from stripe_simulator.parameters import PAGE, Table, merge_metadata
from stripe_simulator.resources import accounts, balance, charges
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import Call, Operation, page, retrieval
from stripe_simulator.store import Transaction

_CREATE: Table = {
    "amount!": "positive",
    "currency!": "text",
    "destination!": "text",
    "description": "text",
    "metadata": "metadata",
    "source_transaction": "text",
    "transfer_group": "text",
    "expand": "texts",
}


def _create(call: Call) -> Json:
    tx, amount, currency = call.tx, call["amount"], call["currency"]
    check_currency(currency)
    check_step(amount, currency)
    account = tx.get(call["destination"], "v2.core.account")
    if account is None:
        raise missing("account", call["destination"], "destination")
    if tx.hidden(account["id"]).get("revoked"):
        raise wrong_account(account["id"])
    if accounts.transfers_status(account) != "active":
        message = "The destination account cannot receive transfers: its transfers capability is not active."
        raise invalid(message, code="insufficient_capabilities_for_transfer", param="destination")
    id = ids.new("tr")
    charge = _source(tx, call["source_transaction"], amount, currency) if call["source_transaction"] else None
    ready = _ready(tx, charge)
    # Money of a charge that has not settled may be promised on; once it has settled it counts like any other.
    if ready <= tx.now and balance.available(tx, currency) < amount:
        message = "The available balance is too small for this transfer."
        raise invalid(message, code="balance_insufficient")
    group = call["transfer_group"] or _group(tx, charge)
    entry = balance.post(tx, "transfer", -amount, currency, source=id, available_on=ready)
    payment = charges.shape(
        ids.new("py"),
        amount,
        currency,
        tx.now,
        payment_method_details={"stripe_account": {}, "type": "stripe_account"},
        source_transfer=id,
        transfer_group=group,
    )
    destination = account["id"]
    incoming = balance.post(
        tx,
        "payment",
        amount,
        currency,
        source=payment["id"],
        available_on=ready,
        account=destination,
        category="charge",
    )
    tx.add({**payment, "balance_transaction": incoming["id"]}, destination)
    transfer = tx.add(
        {
            "id": id,
            "object": "transfer",
            "amount": amount,
            "amount_reversed": 0,
            "balance_transaction": entry["id"],
            "created": tx.now,
            "currency": currency,
            "description": call["description"],
            "destination": destination,
            "destination_payment": payment["id"],
            "livemode": False,
            "metadata": merge_metadata({}, call["metadata"]),
            "reversals": {"object": "list", "data": [], "has_more": False, "url": f"/v1/transfers/{id}/reversals"},
            "reversed": False,
            "source_transaction": charge["id"] if charge else None,
            "source_type": "card",
            "transfer_group": group,
        }
    )
    emit(tx, "transfer.created", transfer)
    return transfer


def reverse(tx: Transaction, id: str, amount: int | None) -> Json:
    """Somebody takes a transfer back, as by hand in the dashboard; the rest of it when no amount is named."""
    transfer = tx.need("transfer", id)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        raise invalid("A reversal takes back what is left of its transfer at most.", param="amount")
    currency, back = transfer["currency"], ids.new("trr")
    entry = balance.post(tx, "transfer_refund", amount, currency, source=back, category="transfer_reversal")
    destination = transfer["destination"]
    balance.post(tx, "payment_refund", -amount, currency, source=ids.new("pyr"), account=destination, category="refund")
    reversal = tx.add(
        {
            "id": back,
            "object": "transfer_reversal",
            "amount": amount,
            "balance_transaction": entry["id"],
            "created": tx.now,
            "currency": currency,
            "destination_payment_refund": None,
            "metadata": {},
            "source_refund": None,
            "transfer": id,
        }
    )
    done = transfer["amount_reversed"] + amount
    reversals = {**transfer["reversals"], "data": [reversal, *transfer["reversals"]["data"]]}
    previous = {"amount_reversed": transfer["amount_reversed"], "reversed": False}
    transfer = {**transfer, "amount_reversed": done, "reversed": done == transfer["amount"], "reversals": reversals}
    emit(tx, "transfer.reversed", tx.put(transfer), previous)
    return transfer


def _source(tx: Transaction, id: str, amount: int, currency: str) -> Json:
    """The charge a transfer draws on, booked. Raises Refusal when it cannot carry this amount."""
    charge = tx.need("charge", id, "source_transaction")
    if charge["status"] != "succeeded":
        raise invalid("source_transaction must be a charge that succeeded.", param="source_transaction")
    charge = charges.book(tx, id) or charge
    booked = tx.need("balance_transaction", charge["balance_transaction"])
    if booked["currency"] != currency:
        message = f"The transfer must be in the currency its source settled in, {booked['currency']}."
        raise invalid(message, param="currency")
    # Stripe counts the gross charge, not what is left after its fee or after refunds.
    spent = sum(item["amount"] - item["amount_reversed"] for item in tx.find("transfer", source_transaction=id))
    if spent + amount > booked["amount"]:
        left = written(booked["amount"] - spent, currency)
        raise invalid(f"Transfers may not exceed their source_transaction; {left} of it is left.", param="amount")
    return charge


def _ready(tx: Transaction, charge: Json | None) -> int:
    if charge is None:
        return tx.now
    return int(tx.need("balance_transaction", charge["balance_transaction"])["available_on"])


def _group(tx: Transaction, charge: Json | None) -> str | None:
    if charge is None:
        return None
    group = charge["transfer_group"] or f"group_{charge['payment_intent']}"
    if charge["transfer_group"] is None:
        tx.put({**charge, "transfer_group": group})
    return str(group)


def _update(call: Call) -> Json:
    transfer = call.tx.need("transfer", call.ids["id"])
    previous = {"metadata": transfer["metadata"]}
    transfer = {**transfer, "metadata": merge_metadata(transfer["metadata"], call["metadata"])}
    transfer["description"] = call.params.get("description", transfer["description"])
    emit(call.tx, "transfer.updated", call.tx.put(transfer), previous)
    return transfer


def _list(call: Call) -> Json:
    return page(call, "transfer", transfer_group=call["transfer_group"], destination=call["destination"])


OPERATIONS = (
    Operation("POST", "/v1/transfers", _create, _CREATE),
    Operation(
        "GET",
        "/v1/transfers",
        _list,
        {**PAGE, "created": "range", "transfer_group": "text", "destination": "text"},
    ),
    retrieval("/v1/transfers/{id}", "transfer"),
    Operation(
        "POST",
        "/v1/transfers/{id}",
        _update,
        {"description": "text", "metadata": "metadata", "expand": "texts"},
    ),
)
