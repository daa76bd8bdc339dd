"""Events: written in the transaction of their cause, together with a delivery for each endpoint that wants them."""

import json

from stripe_simulator import clock, ids
from stripe_simulator.errors import Json
from stripe_simulator.parameters import PAGE
from stripe_simulator.resources.operation import Call, Operation, page, retrieval
from stripe_simulator.settings import API_VERSION
from stripe_simulator.store import Transaction


def emit(tx: Transaction, type: str, body: Json, previous: Json | None = None, account: str = "") -> None:
    """Record a snapshot event of a v1 object; `previous` holds the former values of what changed."""
    data: Json = {"object": body} if previous is None else {"object": body, "previous_attributes": previous}
    event: Json = {
        "id": ids.new("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": tx.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": dict(tx.request),
        "type": type,
    }
    if account:
        event["account"] = account
    _send(tx, event, account, connect=bool(account))


def emit_thin(tx: Transaction, type: str, account: str, data: Json | None = None) -> None:
    """Record a v2 event about a connected account; the delivery carries no data, only where to fetch them."""
    event: Json = {
        "id": ids.new("evt", 32),
        "object": "v2.core.event",
        "type": type,
        "livemode": False,
        "created": clock.rfc3339(tx.now),
        "context": account,
        "related_object": {"id": account, "type": "v2.core.account", "url": f"/v2/core/accounts/{account}"},
    }
    if tx.request["id"] and tx.request["idempotency_key"]:
        event["reason"] = {"type": "request", "request": dict(tx.request)}
    if data is not None:
        event["data"] = data
    _send(tx, event, "", connect=None)


def payload(event: Json) -> str:
    """The text a delivery carries."""
    return json.dumps({name: value for name, value in event.items() if event["object"] == "event" or name != "data"})


def _send(tx: Transaction, event: Json, account: str, connect: bool | None) -> None:
    endpoints = _endpoints(tx, connect, event["type"])
    if "pending_webhooks" in event:
        event["pending_webhooks"] = len(endpoints)
    tx.add(event, account)
    plan = tx.meta("webhooks", {})
    now = clock.wall().timestamp()
    for endpoint in endpoints:
        dropped = plan.get("drop", 0) > 0
        if dropped:
            plan["drop"] -= 1
            tx.set_meta("webhooks", plan)
        for _ in range(2 if plan.get("duplicate") else 1):
            tx.sql(
                "INSERT INTO deliveries (event, endpoint, state, attempts, due, created) VALUES (?, ?, ?, 0, ?, ?)",
                (event["id"], endpoint, "dropped" if dropped else "pending", now, now),
            )


def _endpoints(tx: Transaction, connect: bool | None, type: str) -> list[str]:
    """Ids of those who asked for the type; `connect` None means a thin event."""
    if connect is None:
        found = tx.find("v2.core.event_destination", where="json_extract(body, '$.event_payload') = 'thin'")
    else:
        found = tx.find("webhook_endpoint", where=f"json_extract(hidden, '$.connect') IS {int(connect)}")
    return [
        endpoint["id"]
        for endpoint in reversed(found)
        if endpoint["status"] == "enabled" and {"*", type} & set(endpoint["enabled_events"])
    ]


def _list(call: Call) -> Json:
    undelivered = "EXISTS (SELECT 1 FROM deliveries WHERE event = objects.id AND state <> 'delivered')"
    where = {None: "", True: f"NOT {undelivered}", False: undelivered}[call["delivery_success"]]
    if call["types"]:
        words = ", ".join("'" + word.replace("'", "''") + "'" for word in call["types"])
        where = " AND ".join(filter(None, [where, f"json_extract(body, '$.type') IN ({words})"]))
    return page(call, "event", where, type=call["type"])


OPERATIONS = (
    Operation(
        "GET",
        "/v1/events",
        _list,
        {**PAGE, "created": "range", "type": "text", "types": "texts", "delivery_success": "boolean"},
        for_accounts=True,
    ),
    retrieval("/v1/events/{id}", "event", for_accounts=True),
    Operation(
        "GET",
        "/v2/core/events/{id}",
        lambda call: call.tx.need("v2.core.event", call.ids["id"]),
        for_accounts=True,
    ),
)
