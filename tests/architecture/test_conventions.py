"""The conventions of the API, walked over every route of every service as its own document describes it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import pytest_asyncio
from skillscoop_chassis.http.problems import PROBLEM_CODES
from skillscoop_chassis.service import Service

from tests.support.applications import SERVICES, build
from tests.support.identity import Issuer

UNKNOWN = "01940000000070008000ffffffffffff"
PREFIXES = {
    "contracts": "ctr",
    "milestones": "ms",
    "offers": "off",
    "end-requests": "end",
    "payments": "pay",
    "disputes": "dsp",
    "reviews": "rvw",
    "conversations": "cnv",
    "notifications": "ntf",
}


@dataclass(frozen=True)
class Operation:
    """One route as documented."""

    service: str
    method: str
    path: str
    told: dict[str, Any]
    components: dict[str, Any]

    @property
    def public(self) -> bool:
        """Whether it needs no token."""
        return self.told.get("security") == []

    @property
    def body(self) -> dict[str, Any] | None:
        """The JSON body's content, None without one."""
        content: dict[str, Any] = self.told.get("requestBody", {}).get("content", {})
        return content.get("application/json")

    @property
    def uploads(self) -> bool:
        """Whether it takes files."""
        return "multipart/form-data" in self.told.get("requestBody", {}).get("content", {})

    @property
    def streams(self) -> bool:
        """Whether it answers with an endless stream."""
        return any("text/event-stream" in answer.get("content", {}) for answer in self.told["responses"].values())

    @property
    def headers(self) -> dict[str, bool]:
        """Documented request headers, and whether they are required."""
        return {p["name"]: p.get("required", False) for p in self.told.get("parameters", []) if p["in"] == "header"}

    @property
    def query(self) -> set[str]:
        """Documented query parameters."""
        return {p["name"] for p in self.told.get("parameters", []) if p["in"] == "query"}

    def address(self, value: str | None = None) -> str:
        """The path with ids that fit and belong to nobody, or with `value` in their place."""

        def fill(found: re.Match[str]) -> str:
            before = self.path[: found.start()].rstrip("/").rpartition("/")[2]
            return value if value is not None else f"{PREFIXES.get(before, 'x')}_{UNKNOWN}"

        return re.sub(r"\{[^}]+\}", fill, self.path)


together = pytest.mark.asyncio(loop_scope="module")
"""All services are built once, so everything about them runs on one loop."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(tmp_path_factory: pytest.TempPathFactory, keys: Issuer) -> AsyncIterator[dict[str, Service]]:
    folder = tmp_path_factory.mktemp("walk")
    built = {name: build(name, folder, keys.jwks_file(folder)) for name in SERVICES}
    async with AsyncExitStack() as stack:
        for service in built.values():
            stack.push_async_callback(service.database.close)
            for resource in service.resources:
                await stack.enter_async_context(resource)
        yield built


def operations(service: Service) -> list[Operation]:
    assert service.app is not None
    document = service.app.openapi()
    return [
        Operation(service.name, method.upper(), path, told, document["components"]["schemas"])
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, services: dict[str, Service]) -> Service:
    return services[request.param]


@pytest_asyncio.fixture(loop_scope="module")
async def http(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=service.app)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


class Walk:
    """Calls routes and holds every answer against its documentation."""

    def __init__(self, http: httpx2.AsyncClient, keys: Issuer) -> None:
        self._http = http
        self._keys = keys
        self.wrong: list[str] = []

    async def call(self, operation: Operation, *, path: str | None = None, token: bool = True, **sent: Any) -> Any:
        """The answer, after looking at what every answer must have."""
        headers = dict(sent.pop("headers", {}))
        if token and not operation.public:
            headers.update(self._keys.headers("walker", ["ops", "support"]))
        for name in operation.headers:
            if name == "Idempotency-Key":
                headers.setdefault(name, "walk")
        answer = await self._http.request(operation.method, path or operation.address(), headers=headers, **sent)
        self._look(operation, answer)
        return answer

    def _look(self, operation: Operation, answer: httpx2.Response) -> None:
        def expect(holds: bool, words: str) -> None:
            if not holds:
                self.wrong.append(
                    f"{operation.method} {operation.path}: {words} ({answer.status_code} {answer.text[:200]})"
                )

        expect(str(answer.status_code) in operation.told["responses"], "answered a status that is not documented")
        for name, value in (("cache-control", "no-store"), ("x-content-type-options", "nosniff")):
            expect(answer.headers.get(name) == value, f"{name} missing")
        expect("x-request-id" in answer.headers, "x-request-id missing")
        if answer.status_code >= 400:
            media = answer.headers.get("content-type")
            expect(media == "application/problem+json", "an error that is no problem")
            if media == "application/problem+json":
                body = answer.json()
                expect(PROBLEM_CODES[body["code"]].status == answer.status_code, "code and status differ")
        expect(answer.status_code < 500, "failed")

    def expect(self, operation: Operation, answer: httpx2.Response, status: int, words: str) -> None:
        """Note when the answer has another status."""
        if answer.status_code != status:
            told = f"expected {status} {words}, got {answer.status_code} {answer.text[:300]}"
            self.wrong.append(f"{operation.method} {operation.path}: {told}")


@pytest.fixture
def walk(http: httpx2.AsyncClient, keys: Issuer) -> Walk:
    return Walk(http, keys)


def example(operation: Operation) -> dict[str, Any]:
    found = operation.body or {}
    told = found.get("example")
    if told is None and found.get("examples"):
        told = next(iter(found["examples"].values()))["value"]
    return dict(told or {})


def test_operations_are_described(service: Service) -> None:
    wrong = []
    for operation in operations(service):
        told, name = operation.told, f"{operation.method} {operation.path}"
        wrong += [f"{name}: no {part}" for part in ("operationId", "summary", "tags") if not told.get(part)]
        succeeding = {status: answer for status, answer in told["responses"].items() if status[0] == "2"}
        if not succeeding:
            wrong.append(f"{name}: no success documented")
        for status, answer in succeeding.items():
            if status != "204" and not answer.get("content"):
                wrong.append(f"{name}: {status} without content")
            if any(
                "example" not in one and "examples" not in one
                for m, one in answer.get("content", {}).items()
                if "json" in m
            ):
                wrong.append(f"{name}: {status} without example")
        for status, answer in told["responses"].items():
            if status[0] in "45" and list(answer.get("content", {})) != ["application/problem+json"]:
                wrong.append(f"{name}: {status} is not documented as a problem alone")
        if operation.body is not None and not {"example", "examples"} & set(operation.body):
            wrong.append(f"{name}: request without example")

    assert not wrong, "\n".join(wrong)


def test_operation_ids_are_unique_over_all_services(services: dict[str, Service]) -> None:
    every = [operation.told["operationId"] for service in services.values() for operation in operations(service)]

    assert sorted(one for one in set(every) if every.count(one) > 1) == []


def test_paths_belong_to_one_service_each(services: dict[str, Service]) -> None:
    owners: dict[tuple[str, str], list[str]] = {}
    for service in services.values():
        for operation in operations(service):
            shape = re.sub(r"\{[^}]+\}", "{}", operation.path)
            owners.setdefault((operation.method, shape), []).append(service.name)

    assert {path: names for path, names in owners.items() if len(names) > 1} == {}


def test_examples_fit_their_schemas(service: Service) -> None:
    wrong = []
    for operation in operations(service):
        if operation.body is None:
            continue
        schema = {**operation.body["schema"], "components": {"schemas": operation.components}}
        errors = [error.message for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(example(operation))]
        wrong += [f"{operation.method} {operation.path}: {error}" for error in errors]

    assert not wrong, "\n".join(wrong)


def test_requests_refuse_unknown_fields_by_schema(service: Service) -> None:
    wrong = []
    for operation in operations(service):
        schema = (operation.body or {}).get("schema", {})
        options = [schema, *schema.get("anyOf", [])]
        for one in options:
            if "$ref" in one:
                found = operation.components[one["$ref"].rpartition("/")[2]]
                if found.get("type") == "object" and found.get("additionalProperties") is not False:
                    wrong.append(f"{operation.method} {operation.path}: {one['$ref']} takes unknown fields")

    assert not wrong, "\n".join(wrong)


@together
async def test_nothing_without_a_token_but_what_is_public(service: Service, walk: Walk) -> None:
    for operation in operations(service):
        if operation.streams and operation.public:
            continue
        answer = await walk.call(operation, token=False, json=example(operation) if operation.body else None)
        if operation.public:
            if answer.status_code == 401:
                walk.wrong.append(f"{operation.method} {operation.path}: public, yet 401")
        else:
            walk.expect(operation, answer, 401, "without a token")

    assert not walk.wrong, "\n".join(walk.wrong)


@together
async def test_ids_of_nobody_and_malformed_ids_are_404(service: Service, walk: Walk) -> None:
    for operation in operations(service):
        if "{" not in operation.path or operation.public or operation.uploads:
            continue
        body = example(operation) if operation.body else None
        for path in (
            None,
            operation.address("no-such-id"),
            operation.address("%F0%9F%92%A9"),
            operation.address("a%00b"),
        ):
            answer = await walk.call(operation, path=path, json=body, headers={"If-Match": "*"})
            if operation.method == "GET" and re.search(r"/story/|/users/", operation.path):
                continue
            walk.expect(operation, answer, 404, f"for {path or 'an id of nobody'}")

    assert not walk.wrong, "\n".join(walk.wrong)


@together
async def test_bodies_are_looked_at_before_anything_else(service: Service, walk: Walk) -> None:
    for operation in operations(service):
        if operation.method == "GET" or operation.public or operation.uploads:
            continue
        body = example(operation)
        fitting = {"Content-Type": "application/json"}
        unknown = await walk.call(operation, json={**body, "no_such_field": 1})
        walk.expect(operation, unknown, 422, "for an unknown field")
        if unknown.status_code == 422 and "/no_such_field" not in [e["pointer"] for e in unknown.json()["errors"]]:
            walk.wrong.append(
                f"{operation.method} {operation.path}: the unknown field is not pointed at: {unknown.text}"
            )
        walk.expect(operation, await walk.call(operation, content=b"{", headers=fitting), 400, "for half a body")
        walk.expect(operation, await walk.call(operation, json=[]), 422, "for a list")
        nul = json.dumps({**body, "no_such_field": "\0"}).encode()
        walk.expect(operation, await walk.call(operation, content=nul, headers=fitting), 400, "for NUL")
        walk.expect(
            operation, await walk.call(operation, content=b"x", headers={"Content-Type": "text/plain"}), 415, ""
        )
        large = await walk.call(operation, content=b" " * 270_000, headers=fitting)
        walk.expect(operation, large, 413, "for 270 kB")

    assert not walk.wrong, "\n".join(walk.wrong)


@together
async def test_money_moves_only_with_a_key(
    service: Service, walk: Walk, http: httpx2.AsyncClient, keys: Issuer
) -> None:
    for operation in operations(service):
        if not operation.headers.get("Idempotency-Key"):
            continue
        headers = keys.headers("walker", ["ops", "support"])
        answer = await http.request(operation.method, operation.address(), json=example(operation), headers=headers)
        walk.expect(operation, answer, 400, "without a key")

    assert not walk.wrong, "\n".join(walk.wrong)


NEVER_REPLAYED = {"/v1/payout-accounts/me/onboarding-link", "/v1/stream/tickets", "/v1/quotes"}
"""Answers that must be new each time, and a question that changes nothing."""

MONEY = {
    "contracts": [
        "/v1/milestones/{id}/fund",
        "/v1/milestones/{id}/release",
        "/v1/milestones/{id}/refund",
        "/v1/offers/{id}/accept",
        "/v1/end-requests/{id}/accept",
    ],
    "disputes": [
        "/v1/disputes/{id}/propose",
        "/v1/disputes/{id}/decide",
        "/v1/disputes/{id}/approve-decision",
        "/v1/disputes/{id}/proposal/accept",
    ],
    "payments": ["/v1/admin/payments/operations/{id}/retry"],
    "notifications": ["/v1/admin/notifications/parked/{id}/discard"],
    "reviews": ["/v1/admin/reviews/parked/{id}/replay"],
}


def test_what_moves_money_requires_a_key(service: Service) -> None:
    known = {re.sub(r"\{[^}]+\}", "{id}", one.path): one for one in operations(service) if one.method == "POST"}
    posts = [one for one in known.values() if not one.public]

    assert [
        path for path in MONEY[service.name] if path in known and not known[path].headers.get("Idempotency-Key")
    ] == []
    assert [one.path for one in posts if "Idempotency-Key" not in one.headers and one.path not in NEVER_REPLAYED] == []


@together
async def test_lists_have_limits_and_signed_cursors(service: Service, walk: Walk) -> None:
    for operation in operations(service):
        if operation.method != "GET" or not {"limit", "cursor"} <= operation.query or "{" in operation.path:
            continue
        path = operation.address()
        walk.expect(operation, await walk.call(operation, path=f"{path}?limit=0"), 422, "for limit 0")
        walk.expect(operation, await walk.call(operation, path=f"{path}?limit=101"), 422, "for limit 101")
        walk.expect(operation, await walk.call(operation, path=f"{path}?cursor=AAAA"), 400, "for a made-up cursor")

    assert not walk.wrong, "\n".join(walk.wrong)


@together
async def test_operators_routes_are_for_operators(service: Service, http: httpx2.AsyncClient, keys: Issuer) -> None:
    wrong = []
    for operation in operations(service):
        if not operation.path.startswith("/v1/admin/"):
            continue
        headers = {**keys.headers("nobody", ["support"]), "Idempotency-Key": "walk", "If-Match": "*"}
        body = example(operation) if operation.body else None
        answer = await http.request(operation.method, operation.address(), json=body, headers=headers)
        if answer.status_code != 403:
            wrong.append(f"{operation.method} {operation.path}: {answer.status_code}")

    assert not wrong, "\n".join(wrong)


@together
async def test_other_methods_are_405(service: Service, http: httpx2.AsyncClient, keys: Issuer) -> None:
    shapes: dict[str, set[str]] = {}
    for operation in operations(service):
        shapes.setdefault(operation.address("x"), set()).add(operation.method)
    wrong = []
    for path, methods in shapes.items():
        for method in {"PATCH", "PUT", "DELETE", "POST", "GET"} - methods:
            answer = await http.request(method, path, headers=keys.headers("walker"))
            if answer.status_code not in (404, 405) or answer.headers["content-type"] != "application/problem+json":
                wrong.append(f"{method} {path}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
