"""Payment methods: test cards, saved ones, and the rule that an unsaved one pays once."""

from stripe_simulator import ids
from stripe_simulator.cards import CARDS, Card, card_of
from stripe_simulator.clock import wall
from stripe_simulator.errors import Json, Refusal, invalid, missing
from stripe_simulator.parameters import PAGE, Table, merge_metadata
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import Call, Operation, page
from stripe_simulator.store import Transaction

BILLING_DETAILS: Json = {
    "address": {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None},
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def described(card: Card) -> Json:
    """The parts of a card that may be shown: brand, last four digits, country and expiry."""
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": 12,
        "exp_year": wall().year + 3,
        "fingerprint": f"sim{card.number[-13:]}",
        "funding": "credit",
        "last4": card.number[-4:],
        "network_token": {"used": False},
        "regulated_status": "unregulated",
        "wallet": None,
    }


def from_card(tx: Transaction, card: Card) -> Json:
    """A new payment method for one of the test cards."""
    return tx.add(_shape(ids.new("pm"), card, tx.now), card=card.name)


def resolve(tx: Transaction, id: str, param: str = "payment_method") -> Json:
    """The payment method for an id; a test id such as `pm_card_visa` makes a new one at each use, as at Stripe.

    Raises Refusal when there is none, or when it was used up or detached.
    """
    card = card_of(id)
    if card:
        return from_card(tx, card)
    method = tx.need("payment_method", id, param)
    if tx.hidden(id).get("spent") and method["customer"] is None:
        raise invalid("This payment method was used or detached before and cannot be used again.", param=param)
    return method


def attach(tx: Transaction, method: Json, customer: str) -> Json:
    """Save the payment method for the customer. Raises Refusal for one that belongs to someone else."""
    if method["customer"] == customer:
        return method
    if method["customer"] is not None:
        raise invalid("This payment method is attached to another customer.", code="payment_method_unexpected_state")
    method = tx.put({**method, "customer": customer})
    emit(tx, "payment_method.attached", method)
    return method


def check_owner(method: Json, customer: str | None) -> None:
    """Raises Refusal unless a saved payment method is used with its own customer."""
    if method["customer"] is not None and method["customer"] != customer:
        message = "A saved payment method can only be used together with its own customer."
        raise invalid(message, code="payment_method_customer_mismatch", param="payment_method")


def card_behind(tx: Transaction, method: Json) -> Card:
    """The test card of a stored payment method."""
    return CARDS[tx.hidden(method["id"])["card"]]


def _shape(id: str, card: Card, created: int) -> Json:
    face = {name: value for name, value in described(card).items() if name != "network_token"}
    return {
        "id": id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": BILLING_DETAILS,
        "card": {
            **face,
            "display_brand": card.brand,
            "generated_from": None,
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
        },
        "created": created,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def _get(call: Call) -> Json:
    card = card_of(call.ids["id"])
    return _shape(call.ids["id"], card, call.tx.now) if card else call.tx.need("payment_method", call.ids["id"])


def _update(call: Call) -> Json:
    method = call.tx.need("payment_method", call.ids["id"])
    return call.tx.put({**method, "metadata": merge_metadata(method["metadata"], call["metadata"])})


def _attach(call: Call) -> Json:
    call.tx.need("customer", call["customer"], "customer")
    method = resolve(call.tx, call.ids["id"], "id")
    card = card_behind(call.tx, method)
    if card.decline and card.refused_at_attach:
        decline = card.decline
        raise Refusal(402, "card_error", decline.message, code=decline.code, decline_code=decline.decline_code)
    return attach(call.tx, method, call["customer"])


def _detach(call: Call) -> Json:
    method = call.tx.need("payment_method", call.ids["id"])
    if method["customer"] is None:
        raise invalid("This payment method is not attached to a customer.", param="payment_method")
    detached = call.tx.put({**method, "customer": None}, spent=True)
    emit(call.tx, "payment_method.detached", detached, {"customer": method["customer"]})
    return detached


def _list(call: Call) -> Json:
    customer = call.ids.get("customer") or call["customer"]
    if customer is None:
        return page(call, "payment_method", where="0")
    call.tx.need("customer", customer, "id" if "customer" in call.ids else "customer")
    return page(call, "payment_method", customer=customer)


def _get_of_customer(call: Call) -> Json:
    method = call.tx.need("payment_method", call.ids["id"])
    if method["customer"] != call.ids["customer"]:
        raise missing("payment_method", call.ids["id"])
    return method


_LIST: Table = {**PAGE, "type": ("card",)}

OPERATIONS = (
    Operation("GET", "/v1/payment_methods", _list, {**_LIST, "customer": "text"}),
    Operation("GET", "/v1/payment_methods/{id}", _get, {"expand": "texts"}),
    Operation("POST", "/v1/payment_methods/{id}", _update, {"metadata": "metadata", "expand": "texts"}),
    Operation("POST", "/v1/payment_methods/{id}/attach", _attach, {"customer!": "text", "expand": "texts"}),
    Operation("POST", "/v1/payment_methods/{id}/detach", _detach, {"expand": "texts"}),
    Operation("GET", "/v1/customers/{customer}/payment_methods", _list, _LIST),
    Operation("GET", "/v1/customers/{customer}/payment_methods/{id}", _get_of_customer, {"expand": "texts"}),
)
