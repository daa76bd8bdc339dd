"""Stripe's own description of its API as a judge of objects, answers and requests.

The description lies in the folder named by STRIPE_DESCRIPTION_DIR, by default `../shared/stripe` beside the repository;
where it is absent, the types of the pinned SDK judge instead. It is OpenAPI 3.0; here it becomes JSON Schema 2020-12
once per process, with the overlay that brings it to the API version we use and with what that leaves out of version 2.
Stripe's lists of required fields are short, so `MUST_HAVE` adds what we rely on.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs

from tests.conformance.stripe import typed

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("STRIPE_DESCRIPTION_DIR", ROOT.parent / "shared" / "stripe"))
FILE = FOLDER / "stripe-openapi-2026-05-27.dahlia.cut.json"
OVERLAY = FOLDER / "overlay-to-2026-10-28.endive.jsonpatch.json"

PRESENT = FILE.exists()
"""Whether the description is there. Where it is absent, the pinned SDK's types judge: see `typed`."""

MUST_HAVE = {
    "payment_intent": "amount amount_received currency client_secret customer latest_charge last_payment_error"
    " next_action payment_method payment_method_types capture_method transfer_group metadata canceled_at"
    " cancellation_reason",
    "charge": "balance_transaction failure_code failure_message outcome payment_intent payment_method_details"
    " transfer_group",
    "transfer": "balance_transaction destination destination_payment source_transaction transfer_group",
    "refund": "balance_transaction charge payment_intent status reason metadata",
    "balance_transaction": "source",
    "checkout.session": "url amount_total currency customer metadata payment_intent status success_url",
    "event": "api_version request",
    "v2.core.account": "closed metadata dashboard",
    "v2.core.event": "related_object context",
}
"""By kind of object, the fields that must be there beside those Stripe's schema requires."""


class Violation(AssertionError):
    """Something is not as Stripe describes it; the message tells where."""


def validate_object(name: str, obj: Any) -> None:
    """Raises Violation unless the object fits the schema of that name, such as `charge` or `v2.core.account`."""
    if PRESENT:
        _judge(_object_validator(name), obj, name)
    elif name in ("error", "v2.error"):
        told = obj.get("error")
        _no_problems(name, [] if isinstance(told, dict) and {"type", "message"} <= told.keys() else ["no error"])
    else:
        _no_problems(name, typed.wrong_object(name, obj))
    absent = [field for field in MUST_HAVE.get(name, "").split() if field not in obj]
    if absent:
        raise Violation(f"{name} lacks {', '.join(absent)}")


def validate_event(event: Any) -> None:
    """Raises Violation unless a v1 or v2 event, and the object inside a v1 event, fit their schemas."""
    validate_object(event["object"], event)
    if event["object"] == "event":
        inner = event["data"]["object"]
        validate_object(inner["object"], inner)
        if event["type"] not in event_types():
            raise Violation(f"{event['type']} is no type of event")


def validate_request(method: str, path: str, body: str | bytes, query: str = "") -> None:
    """Raises Violation unless the call exists and its form (v1) or JSON (v2) body fits the call's schema.

    `path` is the real one, such as `/v1/refunds/re_1`; unknown parameters do not fit.
    """
    text = body.decode() if isinstance(body, bytes) else body
    where = f"{method} {path}"
    if not PRESENT:
        given = json.loads(text or "{}") if path.startswith("/v2/") and method == "POST" else _tree(text)
        _no_problems(where, typed.wrong_parameters(method, path, {**given, **_tree(query)}))
        return
    operation = _operation(method, path)
    content = operation.get("requestBody", {}).get("content", {})
    if path.startswith("/v2/"):
        if "application/json" in content:
            _judge(
                _body_validator(method, _template(method, path), "application/json"), json.loads(text or "{}"), where
            )
    else:
        schema = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
        given = _coerced(_convert(schema), _tree(text))
        _judge(_body_validator(method, _template(method, path), "application/x-www-form-urlencoded"), given, where)
    known = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "query"}
    unknown = set(_tree(query)) - known
    if unknown:
        raise Violation(f"{where}: unknown in the query: {', '.join(sorted(unknown))}")


def validate_answer(method: str, path: str, status: int, body: Any) -> None:
    """Raises Violation unless the answer's body fits what Stripe describes for the call and its status."""
    if status == 200:
        if PRESENT:
            _judge(_answer_validator(method, _template(method, path)), body, f"{method} {path}")
        else:
            _no_problems(f"{method} {path}", typed.wrong_answer(method, path, body))
        for item in body.get("data", [body]) if isinstance(body.get("data", [body]), list) else [body]:
            if not item.get("deleted") and "object" in item and "." not in path and item["object"] in MUST_HAVE:
                validate_object(item["object"], item)
    else:
        validate_object("v2.error" if path.startswith("/v2/") else "error", body)


@cache
def description() -> Any:
    """The whole description with the overlay applied."""
    document = json.loads(FILE.read_text())
    for step in json.loads(OVERLAY.read_text()):
        _patch(document, step)
    _without_configurations(document)
    return document


def _without_configurations(node: Any) -> None:
    """Account links name no configurations since 2026-09-30.endive; the overlay does not cover version 2."""
    if isinstance(node, list):
        for item in node:
            _without_configurations(item)
    if not isinstance(node, dict):
        return
    for name in ("account_onboarding", "account_update"):
        use_case = node.get(name)
        if isinstance(use_case, dict) and "configurations" in use_case.get("properties", {}):
            del use_case["properties"]["configurations"]
            use_case["required"] = [field for field in use_case.get("required", ()) if field != "configurations"]
    for inner in node.values():
        _without_configurations(inner)


@cache
def event_types() -> frozenset[str]:
    """Every type of snapshot event that an endpoint can ask for."""
    if not PRESENT:
        return typed.event_types()
    form = _operation("POST", "/v1/webhook_endpoints")["requestBody"]["content"]["application/x-www-form-urlencoded"]
    return frozenset(form["schema"]["properties"]["enabled_events"]["items"]["enum"])


def request_parameters(method: str, path: str) -> Any:
    """The call's parameters by name, from its body or its query; with their schemas where the description is there."""
    if not PRESENT:
        return dict.fromkeys(typed.parameters(method, path))
    operation = _operation(method, path)
    if method == "POST":
        (content,) = operation["requestBody"]["content"].values()
        return content["schema"].get("properties", {})
    return {item["name"]: item["schema"] for item in operation.get("parameters", ()) if item["in"] == "query"}


def _patch(document: Any, step: Any) -> None:
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
    node = document
    for part in way:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if step["op"] == "remove":
        del node[last]
    else:
        node[last] = step["value"]


def _template(method: str, path: str) -> str:
    templates = sorted(description()["paths"], key=lambda text: text.count("{"))
    for template in templates:
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in description()["paths"][template]:
            return str(template)
    raise Violation(f"Stripe has no {method} {path}")


def _operation(method: str, path: str) -> Any:
    return description()["paths"][_template(method, path)][method.lower()]


def _convert(node: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema 2020-12: null becomes a type or a branch of its own."""
    if isinstance(node, list):
        return [_convert(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {
        name: {key: _convert(inner) for key, inner in value.items()} if name == "properties" else _convert(value)
        for name, value in node.items()
        if name not in ("nullable", "discriminator", "example", "description") and not name.startswith("x-")
    }
    if "$ref" in plain:
        plain["$ref"] = plain["$ref"].replace("#/components/schemas/", "#/$defs/")
    if not node.get("nullable"):
        return plain
    if "enum" in plain:
        plain["enum"] = [*plain["enum"], None]
    if isinstance(plain.get("type"), str) and "anyOf" not in plain:
        plain["type"] = [plain["type"], "null"]
        return plain
    return {"anyOf": [plain, {"type": "null"}]}


@cache
def _definitions() -> Any:
    return {name: _convert(schema) for name, schema in description()["components"]["schemas"].items()}


def _compiled(schema: Any) -> Any:
    """A validator with only those definitions that the schema reaches."""
    needed: dict[str, Any] = {}
    waiting = [schema]
    while waiting:
        for name in re.findall(r'"#/\$defs/([^"]+)"', json.dumps(waiting.pop())):
            if name not in needed:
                needed[name] = _definitions()[name]
                waiting.append(needed[name])
    return jsonschema_rs.Draft202012Validator({"allOf": [schema], "$defs": needed})


@cache
def _object_validator(name: str) -> Any:
    return _compiled({"$ref": f"#/$defs/{name}"})


@cache
def _answer_validator(method: str, template: str) -> Any:
    content = description()["paths"][template][method.lower()]["responses"]["200"]["content"]
    return _compiled(_convert(content["application/json"]["schema"]))


@cache
def _body_validator(method: str, template: str, kind: str) -> Any:
    content = description()["paths"][template][method.lower()].get("requestBody", {}).get("content", {})
    empty = {"type": "object", "additionalProperties": False}
    return _compiled(_convert(content.get(kind, {}).get("schema", empty)))


def _no_problems(where: str, problems: list[str]) -> None:
    if problems:
        raise Violation(f"{where}: " + "; ".join(problem[:300] for problem in problems[:5]))


def _judge(validator: Any, value: Any, where: str) -> None:
    problems = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]
    if problems:
        raise Violation(f"{where}: " + "; ".join(problem[:300] for problem in problems[:5]))


def _tree(encoded: str) -> Any:
    root: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        node, steps = root, name.replace("]", "").split("[")
        for step in steps[:-1]:
            node = node.setdefault(step or str(len(node)), {})
        node[steps[-1] or str(len(node))] = value
    return {name: _lists(value) for name, value in root.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    inner = {name: _lists(value) for name, value in node.items()}
    return list(inner.values()) if inner and all(name.isdigit() for name in inner) else inner


def _coerced(schema: Any, value: Any) -> Any:
    """Form texts in the types their schema names; a blank one stays blank, which means unset."""
    for branch in schema.get("anyOf", ()):
        attempt = _coerced(branch, value)
        if _compiled(branch).is_valid(attempt):
            return attempt
    if isinstance(value, dict):
        properties, other = schema.get("properties", {}), schema.get("additionalProperties", {})
        rest = other if isinstance(other, dict) else {}
        return {name: _coerced(properties.get(name, rest), inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_coerced(schema.get("items", {}), inner) for inner in value]
    kinds = schema.get("type")
    if kinds == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kinds == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    if kinds == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
