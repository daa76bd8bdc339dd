"""Where events are sent: v1 webhook endpoints (snapshots) and v2 event destinations (thin)."""

from stripe_simulator import clock, ids
from stripe_simulator.errors import Json, bad_parameter
from stripe_simulator.parameters import Table, merge_metadata
from stripe_simulator.resources.operation import Call, Operation, listing, retrieval
from stripe_simulator.settings import API_VERSION, WebhookTarget
from stripe_simulator.store import Transaction

_ENDPOINT: Table = {
    "url!": "text",
    "enabled_events!": "texts",
    "api_version": (API_VERSION,),
    "connect": "boolean",
    "description": "text",
    "metadata": "metadata",
    "expand": "texts",
}
_DESTINATION: Table = {
    "name!": "text",
    "type!": ("webhook_endpoint",),
    "event_payload!": ("thin",),
    "enabled_events!": "texts",
    "events_from": "texts",
    "description": "text",
    "include": "texts",
    "metadata": "metadata",
    "webhook_endpoint": {"url!": "text"},
}


_PREFIX = {"platform": "we", "connect": "we", "thin": "ed_test"}


def register(tx: Transaction, targets: tuple[WebhookTarget, ...]) -> None:
    """Have exactly the targets of the settings exist, beside those made by the API.

    A target keeps its id when its address changes, so what still waits for it after a restart reaches the new one.
    """
    configured: set[str] = set()
    for target in targets:
        place = sum(id.startswith(f"{_PREFIX[target.kind]}_configured{target.kind}") for id in configured)
        id = f"{_PREFIX[target.kind]}_configured{target.kind}{place}"
        configured.add(id)
        hidden: Json = {"secret": target.secret, "url": target.url}
        if target.kind == "thin":
            body = _destination(tx, id, target.url, ["*"], "configured")
        else:
            body = _endpoint(tx, id, target.url, ["*"])
            hidden["connect"] = target.kind == "connect"
        if tx.get(id):
            tx.put(body, **hidden)
        else:
            tx.add(body, **hidden)
    for row in tx.sql(
        "SELECT id FROM objects WHERE id GLOB 'we_configured*' OR id GLOB 'ed_test_configured*'"
    ).fetchall():
        if row[0] not in configured:
            tx.remove(row[0])


def _endpoint(tx: Transaction, id: str, url: str, events: list[str]) -> Json:
    return {
        "id": id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": tx.now,
        "description": None,
        "enabled_events": events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def _destination(tx: Transaction, id: str, url: str, events: list[str], name: str) -> Json:
    return {
        "id": id,
        "object": "v2.core.event_destination",
        "created": clock.rfc3339(tx.now),
        "description": "",
        "enabled_events": events,
        "event_payload": "thin",
        "events_from": ["@accounts"],
        "livemode": False,
        "metadata": {},
        "name": name,
        "status": "enabled",
        "type": "webhook_endpoint",
        "updated": clock.rfc3339(tx.now),
        "webhook_endpoint": {"url": url},
    }


def _check_url(url: str, param: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise bad_parameter("An endpoint's address begins with http:// or https://.", code="url_invalid", param=param)


def _create(call: Call) -> Json:
    _check_url(call["url"], "url")
    body = _endpoint(call.tx, ids.new("we"), call["url"], call["enabled_events"])
    body |= {"description": call["description"], "metadata": merge_metadata({}, call["metadata"])}
    secret = ids.new("whsec", 32)
    call.tx.add(body, secret=secret, url=call["url"], connect=bool(call["connect"]))
    return {**body, "secret": secret}


def _create_destination(call: Call) -> Json:
    endpoint = call["webhook_endpoint"]
    if endpoint is None:
        raise bad_parameter("Missing required param: webhook_endpoint.", code="parameter_missing")
    _check_url(endpoint["url"], "webhook_endpoint[url]")
    id = ids.new("ed_test", 40)
    body = _destination(call.tx, id, endpoint["url"], call["enabled_events"], call["name"])
    body |= {"description": call["description"] or "", "metadata": merge_metadata({}, call["metadata"])}
    body["events_from"] = call["events_from"] or ["@self"]
    secret = ids.new("whsec", 32)
    call.tx.add(body, secret=secret, url=endpoint["url"])
    if "webhook_endpoint.signing_secret" in (call["include"] or []):
        body = {**body, "webhook_endpoint": {"url": endpoint["url"], "signing_secret": secret}}
    return body


def _update(call: Call) -> Json:
    body = call.tx.need("webhook_endpoint", call.ids["id"])
    changed: Json = {name: call[name] for name in ("url", "enabled_events", "description") if name in call.params}
    if call["disabled"] is not None:
        changed["status"] = "disabled" if call["disabled"] else "enabled"
    return call.tx.put(body | changed, url=changed.get("url", body["url"]))


def _delete(call: Call) -> Json:
    body = call.tx.need("webhook_endpoint", call.ids["id"])
    call.tx.remove(body["id"])
    return {"id": body["id"], "object": "webhook_endpoint", "deleted": True}


def _delete_destination(call: Call) -> Json:
    body = call.tx.need("v2.core.event_destination", call.ids["id"])
    call.tx.remove(body["id"])
    return {"id": body["id"], "object": "v2.core.event_destination"}


def _list_destinations(call: Call) -> Json:
    found = call.tx.find("v2.core.event_destination")
    return {"data": found, "next_page_url": None, "previous_page_url": None}


OPERATIONS = (
    Operation("POST", "/v1/webhook_endpoints", _create, _ENDPOINT),
    Operation(
        "POST",
        "/v1/webhook_endpoints/{id}",
        _update,
        {"url": "text", "enabled_events": "texts", "description": "text", "disabled": "boolean", "expand": "texts"},
    ),
    listing("/v1/webhook_endpoints", "webhook_endpoint", dated=False),
    retrieval("/v1/webhook_endpoints/{id}", "webhook_endpoint"),
    Operation("DELETE", "/v1/webhook_endpoints/{id}", _delete),
    Operation("POST", "/v2/core/event_destinations", _create_destination, _DESTINATION),
    Operation("GET", "/v2/core/event_destinations", _list_destinations, {"limit": "positive", "include": "texts"}),
    Operation(
        "GET",
        "/v2/core/event_destinations/{id}",
        lambda call: call.tx.need("v2.core.event_destination", call.ids["id"]),
        {"include": "texts"},
    ),
    Operation("DELETE", "/v2/core/event_destinations/{id}", _delete_destination),
)
