"""Payment intents: one payment with as many attempts as it takes.

requires_payment_method → requires_confirmation → requires_action → succeeded; a decline goes back to the first;
canceled from anything but succeeded.
"""

from stripe_simulator import ids
from stripe_simulator.cards import Card, Decline
from stripe_simulator.errors import Json, Refusal, bad_parameter, invalid
from stripe_simulator.money import check_charge
from stripe_simulator.parameters import PAGE, Table, merge_metadata
from stripe_simulator.resources import charges, payment_methods
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import Call, Operation, nulls, page
from stripe_simulator.store import Transaction

UNCONFIRMED = ("requires_payment_method", "requires_confirmation", "requires_action")

AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure", None, "The payment could not be authenticated. Try another way to pay."
)
_AUTHENTICATION_REQUIRED = Decline(
    "authentication_required", "authentication_required", "Your card was declined. It asks for authentication."
)

_EDITABLE: Table = {
    "customer": "text",
    "description": "text",
    "metadata": "metadata",
    "payment_method": "text",
    "receipt_email": "text",
    "setup_future_usage": ("off_session", "on_session"),
    "statement_descriptor": "text",
    "statement_descriptor_suffix": "text",
    "transfer_group": "text",
    "allowed_payment_method_types": "texts",
    "payment_method_types": "texts",
    "expand": "texts",
}
_CONFIRMABLE: Table = {
    "error_on_requires_action": "boolean",
    "off_session": "boolean",
    "return_url": "text",
    "use_stripe_sdk": "boolean",
}
_CREATE: Table = {
    **_EDITABLE,
    **_CONFIRMABLE,
    "amount!": "positive",
    "currency!": "text",
    "automatic_payment_methods": {"enabled!": "boolean", "allow_redirects": ("always", "never")},
    "capture_method": ("automatic", "automatic_async"),
    "confirm": "boolean",
    "confirmation_method": ("automatic", "manual"),
}
_CONFIRM: Table = {
    **_CONFIRMABLE,
    "client_secret": "text",
    "payment_method": "text",
    "payment_method_types": "texts",
    "receipt_email": "text",
    "setup_future_usage": ("off_session", "on_session"),
    "capture_method": ("automatic", "automatic_async"),
    "expand": "texts",
}


def open_intent(tx: Transaction, params: Json) -> Json:
    """A new intent from checked parameters of the create call. Raises Refusal for what they refer to wrongly."""
    check_charge(params["amount"], params["currency"])
    if params.get("customer"):
        tx.need("customer", params["customer"], "customer")
    id = ids.new("pi")
    automatic = params.get("automatic_payment_methods")
    if automatic is None and not params.get("allowed_payment_method_types"):
        automatic = {"enabled": True, "allow_redirects": "always"}
    intent = tx.add(
        {
            "id": id,
            "object": "payment_intent",
            "allowed_payment_method_types": params.get("allowed_payment_method_types"),
            "amount": params["amount"],
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            **nulls(
                "application application_fee_amount canceled_at cancellation_reason customer_account "
                "excluded_payment_method_types last_payment_error latest_charge next_action "
                "on_behalf_of payment_method payment_method_configuration_details payment_record "
                "processing review shipping source transfer_data"
            ),
            "automatic_payment_methods": automatic,
            "capture_method": params.get("capture_method") or "automatic_async",
            "client_secret": f"{id}_secret_{ids.letters(25)}",
            "confirmation_method": params.get("confirmation_method") or "automatic",
            "created": tx.now,
            "currency": params["currency"],
            "customer": params.get("customer"),
            "description": params.get("description"),
            "livemode": False,
            "metadata": merge_metadata({}, params.get("metadata")),
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "receipt_email": params.get("receipt_email"),
            "setup_future_usage": params.get("setup_future_usage"),
            "statement_descriptor": params.get("statement_descriptor"),
            "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
            "status": "requires_payment_method",
            "transfer_group": params.get("transfer_group"),
        }
    )
    if params.get("payment_method"):
        intent = _with_method(tx, intent, params["payment_method"])
    emit(tx, "payment_intent.created", intent)
    return intent


def confirm(tx: Transaction, intent: Json, return_url: str | None = None, off_session: bool = False) -> Json:
    """Try to pay with the intent's payment method.

    Answers the intent as succeeded or requires_action. Raises Refusal: 402 with the failed attempt kept when the card
    declines, 400 when there is no payment method.
    """
    if intent["payment_method"] is None:
        message = "This PaymentIntent has no payment method yet, so it cannot be confirmed."
        raise unexpected_state(intent, message)
    method = tx.need("payment_method", intent["payment_method"], "payment_method")
    card = payment_methods.card_behind(tx, method)
    if card.challenge and off_session:
        return _fail(tx, intent, method, _AUTHENTICATION_REQUIRED, card)
    if card.challenge:
        page_url = f"{tx.settings.public_url}/challenge/{intent['id']}"
        intent = {**intent, "status": "requires_action", "next_action": next_action(page_url, return_url)}
        tx.put(intent)
        emit(tx, "payment_intent.requires_action", intent)
        return intent
    return _pay(tx, intent, method, card)


def answer_challenge(tx: Transaction, id: str, passed: bool) -> Json:
    """The payer answers 3-D Secure. Answers the intent afterwards, also when the bank then declines.

    Raises Refusal when no challenge is open.
    """
    intent = tx.need("payment_intent", id, "intent")
    if intent["status"] != "requires_action":
        raise unexpected_state(intent, "No authentication is asked of this PaymentIntent now.")
    method = tx.need("payment_method", intent["payment_method"], "payment_method")
    try:
        if not passed:
            return _fail(tx, intent, method, AUTHENTICATION_FAILED)
        return _pay(tx, intent, method, payment_methods.card_behind(tx, method), authenticated=True)
    except Refusal as refusal:
        if not refusal.effects:
            raise
        return tx.need("payment_intent", id, "intent")


def cancel(tx: Transaction, intent: Json, reason: str | None) -> Json:
    """Close the intent for good. Raises Refusal once it succeeded or is canceled already."""
    if intent["status"] not in UNCONFIRMED:
        raise unexpected_state(intent, f"A PaymentIntent that is {intent['status']} cannot be canceled.")
    changed = {"status": "canceled", "canceled_at": tx.now, "cancellation_reason": reason, "next_action": None}
    emit(tx, "payment_intent.canceled", tx.put(intent | changed))
    return intent | changed


def next_action(page_url: str, return_url: str | None) -> Json:
    """How 3-D Secure goes on: by redirect when the caller named a way back, else inside Stripe's own script."""
    if return_url:
        return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page_url}}
    inner = {"type": "three_d_secure_redirect", "stripe_js": page_url, "source": ids.new("src")}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": inner}


def unexpected_state(intent: Json, message: str) -> Refusal:
    """400: the intent's status forbids the call."""
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=intent)


def payment_error(decline: Decline, method: Json, charge: Json | None = None) -> Json:
    """The error object kept in `last_payment_error` and answered with 402."""
    error: Json = {"code": decline.code, "message": decline.message, "payment_method": method, "type": "card_error"}
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    return error | ({"charge": charge["id"]} if charge else {})


def _pay(tx: Transaction, intent: Json, method: Json, card: Card, authenticated: bool = False) -> Json:
    if card.decline:
        return _fail(tx, intent, method, card.decline, card)
    charge = charges.attempt(tx, intent, method, card, authenticated)
    paid = {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}
    intent = intent | paid | {"next_action": None, "last_payment_error": None}
    tx.put(intent)
    emit(tx, "payment_intent.succeeded", intent)
    if intent["setup_future_usage"] and intent["customer"]:
        payment_methods.attach(tx, method, intent["customer"])
    return intent


def _fail(tx: Transaction, intent: Json, method: Json, decline: Decline, card: Card | None = None) -> Json:
    charge = charges.attempt(tx, intent, method, card, decline=decline) if card else None
    error = payment_error(decline, method, charge)
    changed = {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    intent = intent | changed | {"last_payment_error": error}
    intent["latest_charge"] = charge["id"] if charge else intent["latest_charge"]
    tx.put(intent)
    emit(tx, "payment_intent.payment_failed", intent)
    raise Refusal(402, **error, effects=True, payment_intent=intent)


def _with_method(tx: Transaction, intent: Json, id: str) -> Json:
    method = payment_methods.resolve(tx, id)
    payment_methods.check_owner(method, intent["customer"])
    return tx.put({**intent, "payment_method": method["id"], "status": "requires_confirmation"})


def _refuse_types(call: Call) -> None:
    if "payment_method_types" in call.params:
        raise bad_parameter(
            "payment_method_types is no longer accepted in this API version; see allowed_payment_method_types.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
        )


def _create(call: Call) -> Json:
    _refuse_types(call)
    if call["automatic_payment_methods"] and call["allowed_payment_method_types"]:
        message = "automatic_payment_methods and allowed_payment_method_types exclude each other."
        raise bad_parameter(message, param="allowed_payment_method_types")
    for name in ("return_url", "off_session", "error_on_requires_action"):
        if call[name] is not None and not call["confirm"]:
            raise bad_parameter(f"{name} may only be given together with confirm=true.", param=name)
    intent = open_intent(call.tx, call.params)
    return _confirm_as_asked(call, intent) if call["confirm"] else intent


def _confirm_as_asked(call: Call, intent: Json) -> Json:
    automatic = intent["automatic_payment_methods"] or {}
    if automatic.get("allow_redirects", "never") != "never" and not call["return_url"] and not call["use_stripe_sdk"]:
        message = (
            "This PaymentIntent accepts ways to pay that may redirect, so confirming it needs a return_url; "
            "name allowed_payment_method_types, or set automatic_payment_methods[allow_redirects] to never."
        )
        raise invalid(message, param="return_url")
    intent = confirm(call.tx, intent, call["return_url"], bool(call["off_session"]))
    if intent["status"] == "requires_action" and call["error_on_requires_action"]:
        method = call.tx.need("payment_method", intent["payment_method"])
        return _fail(call.tx, intent, method, _AUTHENTICATION_REQUIRED)
    return intent


def _confirm(call: Call) -> Json:
    _refuse_types(call)
    intent = call.tx.need("payment_intent", call.ids["id"], "intent")
    if intent["status"] not in UNCONFIRMED:
        raise unexpected_state(intent, f"A PaymentIntent that is {intent['status']} cannot be confirmed.")
    if call["payment_method"]:
        intent = _with_method(call.tx, intent, call["payment_method"])
    for name in ("receipt_email", "setup_future_usage", "capture_method"):
        intent[name] = call[name] or intent[name]
    return _confirm_as_asked(call, intent)


def _update(call: Call) -> Json:
    _refuse_types(call)
    intent = call.tx.need("payment_intent", call.ids["id"], "intent")
    free = {"description", "metadata", "expand", "receipt_email"}
    if intent["status"] not in UNCONFIRMED and set(call.params) - free:
        raise unexpected_state(intent, f"A PaymentIntent that is {intent['status']} cannot be changed like this.")
    if call["amount"] or call["currency"]:
        check_charge(call["amount"] or intent["amount"], call["currency"] or intent["currency"])
    if call["customer"]:
        call.tx.need("customer", call["customer"], "customer")
    changed = {name: call[name] for name in call.params if name not in ("metadata", "payment_method", "expand")}
    intent |= changed | {"metadata": merge_metadata(intent["metadata"], call["metadata"])}
    call.tx.put(intent)
    return _with_method(call.tx, intent, call["payment_method"]) if call["payment_method"] else intent


def _cancel(call: Call) -> Json:
    intent = call.tx.need("payment_intent", call.ids["id"], "intent")
    if call.tx.hidden(intent["id"]).get("session"):
        raise unexpected_state(intent, "This PaymentIntent belongs to a Checkout Session; expire that instead.")
    return cancel(call.tx, intent, call["cancellation_reason"])


OPERATIONS = (
    Operation("POST", "/v1/payment_intents", _create, _CREATE),
    Operation(
        "GET",
        "/v1/payment_intents",
        lambda call: page(call, "payment_intent", customer=call["customer"]),
        {**PAGE, "created": "range", "customer": "text"},
    ),
    Operation(
        "GET",
        "/v1/payment_intents/{id}",
        lambda call: call.tx.need("payment_intent", call.ids["id"], "intent"),
        {"client_secret": "text", "expand": "texts"},
        for_browsers=True,
    ),
    Operation("POST", "/v1/payment_intents/{id}", _update, {**_EDITABLE, "amount": "positive", "currency": "text"}),
    Operation("POST", "/v1/payment_intents/{id}/confirm", _confirm, _CONFIRM, for_browsers=True),
    Operation(
        "POST",
        "/v1/payment_intents/{id}/cancel",
        _cancel,
        {
            "cancellation_reason": ("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
            "expand": "texts",
        },
    ),
)
