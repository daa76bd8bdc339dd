"""Checkout sessions: Stripe's hosted page, for a payment or for saving a card. open → complete | expired."""

from stripe_simulator import ids
from stripe_simulator.cards import Card
from stripe_simulator.errors import Json, Refusal, bad_parameter, invalid
from stripe_simulator.money import check_charge
from stripe_simulator.parameters import Table, merge_metadata
from stripe_simulator.resources import payment_intents, payment_methods, setup_intents
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import Call, Operation, listing, nulls, retrieval
from stripe_simulator.store import Transaction

_SHORTEST, _LONGEST = 1_800, 86_400

_CREATE: Table = {
    "mode!": ("payment", "setup"),
    "line_items": [
        {
            "quantity": "positive",
            "price_data": {
                "currency!": "text",
                "unit_amount!": "positive",
                "product_data": {"name!": "text", "description": "text", "metadata": "metadata"},
            },
        }
    ],
    "success_url": "text",
    "cancel_url": "text",
    "client_reference_id": "text",
    "currency": "text",
    "customer": "text",
    "customer_email": "text",
    "expires_at": "integer",
    "locale": "text",
    "metadata": "metadata",
    "allowed_payment_method_types": "texts",
    "payment_intent_data": {
        "capture_method": ("automatic", "automatic_async"),
        "description": "text",
        "metadata": "metadata",
        "receipt_email": "text",
        "setup_future_usage": ("off_session", "on_session"),
        "statement_descriptor": "text",
        "statement_descriptor_suffix": "text",
        "transfer_group": "text",
    },
    "setup_intent_data": {"description": "text", "metadata": "metadata"},
    "submit_type": ("auto", "book", "donate", "pay"),
    "ui_mode": ("hosted_page",),
    "expand": "texts",
}


def pay(tx: Transaction, session: Json, card: Card) -> Json:
    """The person pays (or saves) with this card on an open session. Answers the intent behind it.

    A declined card is no error here: the intent tells it and the person may try again.
    """
    payment = session["mode"] == "payment"
    intent = _intent(tx, session)
    method = payment_methods.from_card(tx, card)
    try:
        if payment:
            intent = tx.put({**intent, "payment_method": method["id"], "status": "requires_confirmation"})
            intent = payment_intents.confirm(tx, intent, session["url"])
        else:
            intent = setup_intents.confirm(tx, setup_intents.with_method(tx, intent, method["id"]), session["url"])
    except Refusal as refusal:
        if not refusal.effects:
            raise
        intent = tx.need(intent["object"], intent["id"])
    return finish(tx, session["id"]) or intent


def finish(tx: Transaction, id: str) -> Json | None:
    """Complete the open session whose intent has succeeded; answers that intent, or None."""
    session = tx.need("checkout.session", id)
    intent = tx.get(session["payment_intent"] or session["setup_intent"] or "")
    if intent is None or intent["status"] != "succeeded" or session["status"] != "open":
        return None
    paid = "paid" if session["mode"] == "payment" else "no_payment_required"
    session = tx.put({**session, "status": "complete", "payment_status": paid, "url": None})
    emit(tx, "checkout.session.completed", session)
    return intent


def answer_challenge(tx: Transaction, intent: str, passed: bool) -> Json:
    """The person answers the 3-D Secure challenge of a payment or setup intent, on a session or outside of one.

    Answers the intent afterwards. Raises Refusal when no challenge is open.
    """
    resource = setup_intents if intent.startswith("seti_") else payment_intents
    answered: Json = resource.answer_challenge(tx, intent, passed)
    session = tx.hidden(intent).get("session")
    if session:
        finish(tx, session)
    return answered


def expire(tx: Transaction, id: str) -> Json:
    """Close an open session and the intent behind it. Raises Refusal when it is not open any more."""
    session = tx.need("checkout.session", id, "session")
    if session["status"] != "open":
        raise invalid(f"Only an open Checkout Session can be expired; this one is {session['status']}.")
    intent = tx.get(session["payment_intent"] or session["setup_intent"] or "")
    if intent and intent["status"] in payment_intents.UNCONFIRMED:
        if session["mode"] == "payment":
            payment_intents.cancel(tx, intent, "expired")
        else:
            setup_intents.cancel(tx, intent, "abandoned")
    session = tx.put({**session, "status": "expired", "url": None})
    emit(tx, "checkout.session.expired", session)
    return session


def expire_when_due(tx: Transaction, id: str) -> None:
    """The timer's form of `expire`: no effect on a session that is not open."""
    session = tx.get(id, "checkout.session")
    if session and session["status"] == "open":
        expire(tx, id)


def _intent(tx: Transaction, session: Json) -> Json:
    """The intent behind the session; a payment's comes to be with the first attempt."""
    if session["mode"] == "setup":
        return tx.need("setup_intent", session["setup_intent"])
    if session["payment_intent"]:
        return tx.need("payment_intent", session["payment_intent"])
    params = {
        **tx.hidden(session["id"])["intent"],
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": session["customer"],
        "allowed_payment_method_types": session["allowed_payment_method_types"] or ["card"],
    }
    intent = payment_intents.open_intent(tx, params)
    tx.put(intent, session=session["id"])
    session["payment_intent"] = intent["id"]
    tx.put(session)
    return intent


def _create(call: Call) -> Json:
    tx = call.tx
    payment = call["mode"] == "payment"
    if call["success_url"] is None:
        raise bad_parameter("Missing required param: success_url.", code="parameter_missing", param="success_url")
    if call["customer"]:
        tx.need("customer", call["customer"], "customer")
    expires_at = call["expires_at"] or tx.now + _LONGEST
    if not tx.now + _SHORTEST - 60 <= expires_at <= tx.now + _LONGEST:
        raise bad_parameter("expires_at must be 30 minutes to 24 hours from now.", param="expires_at")
    total, currency = _total(call) if payment else (None, call["currency"])
    id = ids.new("cs_test", 58)
    setup = None
    if not payment:
        data = call["setup_intent_data"] or {}
        intent = setup_intents.open_intent(tx, {**data, "customer": call["customer"]})
        setup = tx.put(intent, session=id)["id"]
    session = tx.add(
        {
            "id": id,
            "object": "checkout.session",
            "adaptive_pricing": {"enabled": False},
            **nulls(
                "after_expiration allow_promotion_codes billing_address_collection client_secret "
                "collected_information consent consent_collection currency_conversion "
                "customer_account customer_details invoice invoice_creation origin_context "
                "payment_intent payment_link payment_method_configuration_details permissions "
                "recovered_from saved_payment_method_options shipping_address_collection "
                "shipping_cost subscription wallet_options"
            ),
            "allowed_payment_method_types": call["allowed_payment_method_types"],
            "amount_subtotal": total,
            "amount_total": total,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "cancel_url": call["cancel_url"],
            "client_reference_id": call["client_reference_id"],
            "created": tx.now,
            "currency": currency,
            "custom_fields": [],
            "custom_text": nulls("after_submit shipping_address submit terms_of_service_acceptance"),
            "customer": call["customer"],
            "customer_creation": None if call["customer"] else "if_required",
            "customer_email": call["customer_email"],
            "discounts": [],
            "expires_at": expires_at,
            "livemode": False,
            "locale": call["locale"],
            "metadata": merge_metadata({}, call["metadata"]),
            "mode": call["mode"],
            "payment_method_collection": "always",
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "payment_status": "unpaid" if payment else "no_payment_required",
            "phone_number_collection": {"enabled": False},
            "setup_intent": setup,
            "shipping_options": [],
            "status": "open",
            "submit_type": call["submit_type"],
            "success_url": call["success_url"],
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0} if payment else None,
            "ui_mode": "hosted_page",
            "url": f"{tx.settings.public_url}/checkout/{id}",
        },
        intent=call["payment_intent_data"] or {},
        items=call["line_items"] or [],
    )
    tx.at(expires_at, "expire_session", id)
    return session


def _total(call: Call) -> tuple[int, str]:
    """Sum of the line items and their one currency."""
    items = call["line_items"] or []
    if not items or any(item.get("price_data") is None for item in items):
        message = "Missing required param: line_items, each with price_data."
        raise bad_parameter(message, code="parameter_missing", param="line_items")
    currencies = {item["price_data"]["currency"] for item in items}
    if len(currencies) > 1:
        raise bad_parameter("All line items must have one currency.", param="line_items")
    total = sum(item["price_data"]["unit_amount"] * item.get("quantity", 1) for item in items)
    currency = currencies.pop()
    check_charge(total, currency)
    return total, currency


OPERATIONS = (
    Operation("POST", "/v1/checkout/sessions", _create, _CREATE),
    listing("/v1/checkout/sessions", "checkout.session", "customer", "payment_intent", "status"),
    retrieval("/v1/checkout/sessions/{id}", "checkout.session", "session"),
    Operation(
        "POST",
        "/v1/checkout/sessions/{id}/expire",
        lambda call: expire(call.tx, call.ids["id"]),
        {"expand": "texts"},
    ),
)
