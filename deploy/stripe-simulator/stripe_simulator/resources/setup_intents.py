"""Setup intents: a card saved for a customer without a payment."""

from stripe_simulator import ids
from stripe_simulator.cards import Decline
from stripe_simulator.errors import Json, Refusal, invalid
from stripe_simulator.parameters import PAGE, Table, merge_metadata
from stripe_simulator.resources import payment_methods
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import Call, Operation, nulls, page
from stripe_simulator.resources.payment_intents import UNCONFIRMED, next_action, payment_error
from stripe_simulator.store import Transaction

_AUTHENTICATION_FAILED = Decline(
    "setup_intent_authentication_failure", None, "The card could not be authenticated. Try another one."
)

_CREATE: Table = {
    "customer": "text",
    "description": "text",
    "metadata": "metadata",
    "payment_method": "text",
    "allowed_payment_method_types": "texts",
    "automatic_payment_methods": {"enabled!": "boolean", "allow_redirects": ("always", "never")},
    "confirm": "boolean",
    "return_url": "text",
    "usage": ("off_session", "on_session"),
    "expand": "texts",
}


def open_intent(tx: Transaction, params: Json) -> Json:
    """A new setup intent from checked parameters of the create call."""
    if params.get("customer"):
        tx.need("customer", params["customer"], "customer")
    id = ids.new("seti")
    intent = tx.add(
        {
            "id": id,
            "object": "setup_intent",
            "allowed_payment_method_types": params.get("allowed_payment_method_types"),
            **nulls(
                "application cancellation_reason customer_account excluded_payment_method_types "
                "flow_directions last_setup_error latest_attempt mandate next_action on_behalf_of "
                "payment_method payment_method_configuration_details single_use_mandate"
            ),
            "automatic_payment_methods": params.get("automatic_payment_methods"),
            "client_secret": f"{id}_secret_{ids.letters(25)}",
            "created": tx.now,
            "customer": params.get("customer"),
            "description": params.get("description"),
            "livemode": False,
            "metadata": merge_metadata({}, params.get("metadata")),
            "payment_method_options": {"card": {"mandate_options": None, "request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            "usage": params.get("usage") or "off_session",
        }
    )
    emit(tx, "setup_intent.created", intent)
    return with_method(tx, intent, params["payment_method"]) if params.get("payment_method") else intent


def with_method(tx: Transaction, intent: Json, id: str) -> Json:
    """The setup intent with a payment method to be saved."""
    method = payment_methods.resolve(tx, id)
    payment_methods.check_owner(method, intent["customer"])
    return tx.put({**intent, "payment_method": method["id"], "status": "requires_confirmation"})


def confirm(tx: Transaction, intent: Json, return_url: str | None = None) -> Json:
    """Save the card: succeeded or requires_action. Raises Refusal 402 when the bank refuses it."""
    if intent["payment_method"] is None:
        raise unexpected_state(intent, "This SetupIntent has no payment method yet.")
    card = payment_methods.card_behind(tx, tx.need("payment_method", intent["payment_method"], "payment_method"))
    if not card.challenge:
        return _finish(tx, intent)
    page_url = f"{tx.settings.public_url}/challenge/{intent['id']}"
    intent = {**intent, "status": "requires_action", "next_action": next_action(page_url, return_url)}
    emit(tx, "setup_intent.requires_action", tx.put(intent))
    return intent


def answer_challenge(tx: Transaction, id: str, passed: bool) -> Json:
    """The holder answers 3-D Secure. Raises Refusal when no challenge is open."""
    intent = tx.need("setup_intent", id, "intent")
    if intent["status"] != "requires_action":
        raise unexpected_state(intent, "No authentication is asked of this SetupIntent now.")
    try:
        return _finish(tx, intent) if passed else _fail(tx, intent, _AUTHENTICATION_FAILED)
    except Refusal as refusal:
        if not refusal.effects:
            raise
        return tx.need("setup_intent", id, "intent")


def cancel(tx: Transaction, intent: Json, reason: str | None) -> Json:
    """Close the setup intent for good. Raises Refusal once it succeeded or is canceled already."""
    if intent["status"] not in UNCONFIRMED:
        raise unexpected_state(intent, f"A SetupIntent that is {intent['status']} cannot be canceled.")
    intent = intent | {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    emit(tx, "setup_intent.canceled", tx.put(intent))
    return intent


def unexpected_state(intent: Json, message: str) -> Refusal:
    """400: the setup intent's status forbids the call."""
    return invalid(message, code="setup_intent_unexpected_state", setup_intent=intent)


def _finish(tx: Transaction, intent: Json) -> Json:
    method = tx.need("payment_method", intent["payment_method"], "payment_method")
    card = payment_methods.card_behind(tx, method)
    if card.decline and card.refused_at_attach:
        return _fail(tx, intent, card.decline)
    if intent["customer"]:
        payment_methods.attach(tx, method, intent["customer"])
    intent = intent | {"status": "succeeded", "next_action": None, "last_setup_error": None}
    emit(tx, "setup_intent.succeeded", tx.put(intent))
    return intent


def _fail(tx: Transaction, intent: Json, decline: Decline) -> Json:
    error = payment_error(decline, tx.need("payment_method", intent["payment_method"], "payment_method"))
    changed = {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    intent = intent | changed | {"last_setup_error": error}
    emit(tx, "setup_intent.setup_failed", tx.put(intent))
    raise Refusal(402, **error, effects=True, setup_intent=intent)


def _create(call: Call) -> Json:
    intent = open_intent(call.tx, call.params)
    return confirm(call.tx, intent, call["return_url"]) if call["confirm"] else intent


def _confirm(call: Call) -> Json:
    intent = call.tx.need("setup_intent", call.ids["id"], "intent")
    if intent["status"] not in UNCONFIRMED:
        raise unexpected_state(intent, f"A SetupIntent that is {intent['status']} cannot be confirmed.")
    if call["payment_method"]:
        intent = with_method(call.tx, intent, call["payment_method"])
    return confirm(call.tx, intent, call["return_url"])


def _cancel(call: Call) -> Json:
    return cancel(call.tx, call.tx.need("setup_intent", call.ids["id"], "intent"), call["cancellation_reason"])


OPERATIONS = (
    Operation("POST", "/v1/setup_intents", _create, _CREATE),
    Operation(
        "GET",
        "/v1/setup_intents",
        lambda call: page(call, "setup_intent", customer=call["customer"], payment_method=call["payment_method"]),
        {**PAGE, "created": "range", "customer": "text", "payment_method": "text"},
    ),
    Operation(
        "GET",
        "/v1/setup_intents/{id}",
        lambda call: call.tx.need("setup_intent", call.ids["id"], "intent"),
        {"client_secret": "text", "expand": "texts"},
        for_browsers=True,
    ),
    Operation(
        "POST",
        "/v1/setup_intents/{id}/confirm",
        _confirm,
        {"client_secret": "text", "payment_method": "text", "return_url": "text", "expand": "texts"},
        for_browsers=True,
    ),
    Operation(
        "POST",
        "/v1/setup_intents/{id}/cancel",
        _cancel,
        {"cancellation_reason": ("abandoned", "duplicate", "requested_by_customer"), "expand": "texts"},
    ),
)
