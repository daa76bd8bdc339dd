"""The API document, completed: what the application does around each route is documented at each route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from skillscoop_chassis.http.examples import add_examples
from skillscoop_chassis.http.match import MATCH, MATCH_OPTIONAL, MATCH_REQUIRED, MATCH_UNUSED
from skillscoop_chassis.http.problems import PROBLEM_CONTENT, PROBLEM_SCHEMA, documented
from skillscoop_chassis.http.requests import money_transaction, transaction

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "The same key and body get the first answer again, for 30 days.",
}
_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string", "examples": ['"7"']},
    "description": "The ETag last seen, with its quotes: only when the object still has this version. `*` fits any.",
}


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    """Every API route of `app`, included routers resolved."""
    for found in app.routes:
        if isinstance(found, APIRoute):
            yield found
            continue
        contexts = getattr(found, "effective_route_contexts", None)
        if contexts is not None:
            yield from contexts()


def dependencies_of(dependant: Dependant) -> Iterator[Dependant]:
    """Every dependency below `dependant`, however deep."""
    for below in dependant.dependencies:
        yield below
        yield from dependencies_of(below)


def complete_document(document: dict[str, Any], app: FastAPI, public: tuple[str, ...]) -> dict[str, Any]:
    """Add security, problem answers and the headers of `transaction` routes to FastAPI's document."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    open_paths = {pattern.rpartition(" ")[2].partition("?")[0] for pattern in public}
    for route in routes_of(app):
        if not route.include_in_schema:
            continue
        uses = {below.call for below in dependencies_of(route.dependant)}
        for method in route.methods or ():
            operation = document["paths"][route.path_format].get(method.lower())
            if operation is not None:
                _complete(operation, method, route, uses, is_public=_is_public(route.path_format, open_paths))
                add_examples(operation, schemas)
    name_schemas(schemas)
    return document


def name_schemas(schemas: dict[str, Any]) -> None:
    """Give each schema a title of its own: generators of clients name their classes after titles."""
    for name, schema in schemas.items():
        schema["title"] = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def _is_public(path: str, open_paths: set[str]) -> bool:
    return path in open_paths or any(p.endswith("*") and path.startswith(p[:-1]) for p in open_paths)


def _complete(operation: dict[str, Any], method: str, route: APIRoute, uses: set[Any], *, is_public: bool) -> None:
    responses: dict[str, Any] = operation.setdefault("responses", {})
    _drop_framework_validation(responses)
    _drop_null_body(operation)
    statuses = {400, 408, 429, 431, 500, 503}
    if not is_public:
        operation["security"] = [{"token": []}]
        statuses |= {401, 403}
    else:
        operation["security"] = []
    if "{" in route.path_format:
        statuses.add(404)
    if operation.get("parameters") or "requestBody" in operation:
        statuses.add(422)
    if method != "GET":
        statuses |= {413, 415}
    match = operation.pop(MATCH, MATCH_OPTIONAL[MATCH])
    if transaction in uses or money_transaction in uses:
        statuses |= {409, 422}
        parameters: list[Any] = operation.setdefault("parameters", [])
        if method == "POST":
            parameters.append({**_KEY, "required": money_transaction in uses})
        if match != MATCH_UNUSED[MATCH]:
            statuses.add(412)
            parameters.append({**_MATCH, "required": match == MATCH_REQUIRED[MATCH]})
        if match == MATCH_REQUIRED[MATCH]:
            statuses.add(428)
    for status, entry in documented(*sorted(statuses)).items():
        responses.setdefault(str(status), entry)
    _add_reply_headers(responses)


def _drop_framework_validation(responses: dict[str, Any]) -> None:
    found = responses.get("422")
    if found and "HTTPValidationError" in str(found.get("content", {})):
        responses["422"] = {"description": "A field is not valid", "content": PROBLEM_CONTENT}


def _drop_null_body(operation: dict[str, Any]) -> None:
    """A body that may be left out is still an object where there is one."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        options = content["schema"].get("anyOf", [])
        if {"type": "null"} in options:
            (content["schema"],) = [one for one in options if one != {"type": "null"}]


def _add_reply_headers(responses: dict[str, Any]) -> None:
    for status, entry in responses.items():
        if status.startswith("2"):
            entry.setdefault("headers", {}).setdefault(
                "X-Request-Id", {"schema": {"type": "string"}, "description": "Names this request in our logs."}
            )
