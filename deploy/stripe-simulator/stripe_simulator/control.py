"""The control plane under `/_sim`: play the world around Stripe, and look inside."""

import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stripe_simulator import errors
from stripe_simulator.errors import Json, Refusal, bad_parameter
from stripe_simulator.http import faults, idempotency
from stripe_simulator.money import check_currency
from stripe_simulator.parameters import check
from stripe_simulator.resources import (
    accounts,
    balance,
    checkout_sessions,
    disputes,
    refunds,
    transfers,
    webhook_endpoints,
)
from stripe_simulator.settings import NOT_STRIPE
from stripe_simulator.store import Store, Transaction
from stripe_simulator.webhooks import courier

Action = Callable[[Transaction, dict[str, str], Json], Any]

_TABLES = ("objects", "links", "balances", "timers", "idempotency", "deliveries", "meta")
_DECISIONS = {"onboard": "active", "restrict": "restricted", "reject": "unsupported"}
_ENDINGS = {"close": accounts.close, "delete": accounts.delete}


def begin(tx: Transaction) -> None:
    """The state at the first start; at every start the endpoints of the settings, and what still waits to be sent."""
    if tx.meta("begun") is None:
        balance.open_balances(tx)
        tx.set_meta("begun", tx.now)
    webhook_endpoints.register(tx, tx.settings.webhooks)
    courier.take_up(tx)
    idempotency.prune(tx)


def _reset(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    for table in _TABLES:
        tx.sql(f"DELETE FROM {table}")  # noqa: S608
    begin(tx)
    return {"reset": True}


def _state(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    objects: dict[str, list[Json]] = {}
    for kind, account, body in tx.sql("SELECT kind, account, body FROM objects ORDER BY seq"):
        objects.setdefault(kind, []).append({**json.loads(body), **({"on_account": account} if account else {})})
    rows = tx.sql("SELECT account, currency, available, pending FROM balances ORDER BY account, currency")
    return {
        "note": NOT_STRIPE,
        "now": tx.now,
        "clock_offset": tx.meta("clock_offset", 0),
        "objects": objects,
        "balances": [dict(zip(("account", "currency", "available", "pending"), row, strict=True)) for row in rows],
        "deliveries": courier.states(tx),
        "timers": [
            dict(zip(("due", "kind", "subject"), row, strict=True))
            for row in tx.sql("SELECT due, kind, subject FROM timers ORDER BY due, id")
        ],
        "faults": tx.meta("faults", []),
        "webhooks": tx.meta("webhooks", {}),
        "idempotency_keys": tx.sql("SELECT count(*) FROM idempotency").fetchone()[0],
    }


def _advance(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    seconds = check({"seconds!": "positive"}, given)["seconds"]
    tx.set_meta("clock_offset", tx.meta("clock_offset", 0) + seconds)
    return {"clock_offset": tx.meta("clock_offset")}


def _decide(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    if ids["decision"] in _ENDINGS:
        return _ENDINGS[ids["decision"]](tx, ids["id"])
    if ids["decision"] not in _DECISIONS:
        raise bad_parameter(f"An account can be told to: {', '.join((*_DECISIONS, *_ENDINGS))}.")
    return accounts.decide(tx, ids["id"], _DECISIONS[ids["decision"]])


def _challenge(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    outcome = check({"outcome": ("complete", "fail")}, given).get("outcome", "complete")
    return checkout_sessions.answer_challenge(tx, ids["id"], outcome == "complete")


def _adjust(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    """Add (`amount` above 0) or take away; `drain` takes all that is available."""
    if given.get("drain"):
        currency = check({"currency!": "text", "drain": "boolean"}, given)["currency"]
        return balance.adjust(tx, currency, -balance.available(tx, currency))
    amount = given.pop("amount", None)
    if not isinstance(amount, int):
        raise bad_parameter("Name an amount in minor units, or drain.", code="parameter_missing", param="amount")
    return balance.adjust(tx, check({"currency!": "text"}, given)["currency"], amount)


def _plan(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    """How webhooks go: `hold`, `duplicate`, `shuffle` stay until switched off, `drop` counts the next ones lost."""
    table: dict[str, Any] = {"hold": "boolean", "duplicate": "boolean", "shuffle": "boolean", "drop": "integer"}
    plan: Json = tx.meta("webhooks", {}) | check(table, given)
    tx.set_meta("webhooks", plan)
    return plan


def _resend(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    """Send again: one `event`, all of a `type`, or everything; also what was dropped or delivered."""
    wanted = check({"event": "text", "type": "text"}, given)
    again = "SELECT DISTINCT event, endpoint FROM deliveries JOIN objects ON objects.id = event WHERE 1"
    values = []
    for name, condition in (("event", "event = ?"), ("type", "json_extract(body, '$.type') = ?")):
        if wanted.get(name):
            again += f" AND {condition}"
            values.append(wanted[name])
    added = tx.sql(
        "INSERT INTO deliveries (event, endpoint, state, attempts, due, created)"  # noqa: S608
        f" SELECT event, endpoint, 'pending', 0, 0, unixepoch() FROM ({again})",
        values,
    )
    return {"deliveries": added.rowcount}


def _fail_refund(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    """The bank does not take it; with `credited` false its money is on the way back until `credit`."""
    asked: Json = {"credited": True} | check({"reason": "text", "credited": "boolean"}, given)
    return refunds.fail(tx, ids["id"], asked.get("reason") or "expired_or_canceled_card", credited=asked["credited"])


def _dispute(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    return disputes.dispute(tx, ids["id"], check({"reason": "text"}, given).get("reason") or "fraudulent")


def _reverse(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    return transfers.reverse(tx, ids["id"], check({"amount": "positive"}, given).get("amount"))


def _settle_in(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    """The platform's bank accounts take these currencies; every other one is converted to the first."""
    currencies = check({"currencies!": "texts"}, given)["currencies"]
    for currency in currencies:
        check_currency(currency)
    tx.set_meta("settles_in", currencies)
    return {"settles_in": currencies}


def _ask_for_contact(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    """Stripe's reference asks for a recipient's mail address in some versions, and not in the one played here."""
    required = check({"required!": "boolean"}, given)["required"]
    tx.set_meta("contact_email_required", required)
    return {"contact_email_required": required}


def _clear_faults(tx: Transaction, ids: dict[str, str], given: Json) -> Json:
    tx.set_meta("faults", [])
    return {"faults": []}


ACTIONS: tuple[tuple[str, str, Action], ...] = (
    ("GET", "/state", _state),
    ("POST", "/reset", _reset),
    ("POST", "/clock/advance", _advance),
    ("POST", "/accounts/{id}/revoke", lambda tx, ids, given: accounts.revoke(tx, ids["id"])),
    ("POST", "/accounts/{id}/{decision}", _decide),
    ("POST", "/payment_intents/{id}/challenge", _challenge),
    ("POST", "/setup_intents/{id}/challenge", _challenge),
    ("POST", "/refunds/{id}/fail", _fail_refund),
    ("POST", "/refunds/{id}/credit", lambda tx, ids, given: refunds.credit(tx, ids["id"])),
    ("POST", "/charges/{id}/dispute", _dispute),
    ("POST", "/transfers/{id}/reverse", _reverse),
    ("POST", "/balance", _adjust),
    ("POST", "/settlement", _settle_in),
    ("POST", "/contact_email", _ask_for_contact),
    ("POST", "/faults", lambda tx, ids, given: faults.order(tx, given)),
    ("DELETE", "/faults", _clear_faults),
    ("POST", "/webhooks", _plan),
    ("POST", "/webhooks/resend", _resend),
    ("POST", "/idempotency/forget", lambda tx, ids, given: {"forgotten": idempotency.forget(tx)}),
)
"""Address below `/_sim` and what it does; bodies are JSON objects."""


def routes(store: Store, committed: Callable[[], None]) -> list[Route]:
    """The control plane's routes."""

    def endpoint(action: Action) -> Callable[[Request], Any]:
        async def play(request: Request) -> Response:
            try:
                _check_caller(request, store)
                raw = await request.body()
                _check_media_type(request, raw)
                given = _body(raw)
                with store.transaction() as tx:
                    done = action(tx, dict(request.path_params), given)
            except Refusal as refusal:
                return JSONResponse(refusal.body(), refusal.status)
            committed()
            return JSONResponse(done)

        return play

    return [Route("/_sim" + path, endpoint(action), methods=[method]) for method, path, action in ACTIONS]


def _body(raw: bytes) -> Json:
    try:
        given = json.loads(raw or b"{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise bad_parameter("The body must be a JSON object.")
    return given


def _check_caller(request: Request, store: Store) -> None:
    """Only this machine may play the world, unless the settings open the control plane, and no page of another site.

    A page can have its name lead to this machine, and can send forms here; what it cannot do is name our host, leave
    out its own origin, or send JSON without asking first.
    """
    host = request.client.host if request.client else "127.0.0.1"
    try:
        near = ip_address(host).is_loopback
    except ValueError:
        near = True
    if not (near or store.settings.open_control):
        raise errors.Refusal(403, "invalid_request_error", "The control plane answers this machine only.")
    asked = request.headers.get("host", "")
    if not _is_ours(asked, store.settings.public_url):
        raise errors.Refusal(403, "invalid_request_error", "The control plane does not answer under this name.")
    origin = request.headers.get("origin")
    if origin is not None and origin not in (f"http://{asked}", f"https://{asked}"):
        raise errors.Refusal(403, "invalid_request_error", "The control plane answers no page of another site.")
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise errors.Refusal(403, "invalid_request_error", "The control plane answers no page of another site.")


def _is_ours(asked: str, public_url: str) -> bool:
    """Whether a Host header names us: an address, this machine, a container, or the host of our public address."""
    name = urlsplit(f"//{asked}").hostname or ""
    if not name or name == urlsplit(public_url).hostname or name == "localhost" or name.endswith(".localhost"):
        return bool(name)
    try:
        ip_address(name)
    except ValueError:
        # Names without a dot are those of containers; no site of the internet has one.
        return "." not in name
    return True


def _check_media_type(request: Request, raw: bytes) -> None:
    sent = request.headers.get("content-type")
    kind = (sent or "").partition(";")[0].strip().lower()
    if kind != "application/json" and (raw or sent is not None):
        raise errors.Refusal(415, "invalid_request_error", "The control plane takes application/json.")
