"""Every operation that takes a body, sent every body that is none: a problem, and nothing changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.edges.access_table import TABLE, Row
from tests.edges.all_services import AllServices
from tests.edges.asking import JSON, Answer, Header, ask
from tests.edges.expectations import CANARY, wrong_with
from tests.edges.operations import Operation, operations
from tests.edges.scenes import Scene
from tests.support.applications import SERVICES

LIMIT = 256 * 1024
DEEP = 100_000


@dataclass(frozen=True)
class Sent:
    """One bad body and the code it must be answered with."""

    name: str
    raw: bytes | list[bytes]
    code: str
    headers: tuple[Header, ...] = ()
    pointer: str | None = None


def changing(all_services: AllServices, service: str) -> list[Operation]:
    """What may change something in a service. Webhooks take any bytes; they have tests of their own."""
    return [
        one
        for one in operations(all_services)
        if one.service == service and one.method != "GET" and not one.path.startswith("/webhooks/")
    ]


async def send(all_services: AllServices, scenes: dict[str, Scene], operation: Operation, **sent: Any) -> Answer:
    """A call of somebody who may make it, to where it would succeed."""
    row = TABLE[operation.id]
    path = operation.address(scenes[row.scene], **row.values)
    match = "*" if "If-Match" in operation.headers else None
    return await all_services.ask(row.who, operation.method, path, match=match, service=operation.service, **sent)


def fitting(row: Row, scenes: dict[str, Scene]) -> dict[str, Any]:
    """The body of a call that succeeds."""
    return {} if row.body is None else dict(row.body(scenes, scenes[row.scene]))


def unreadable(body: dict[str, Any]) -> Iterator[Sent]:
    """Bodies that no route should ever see."""
    text = json.dumps(body)
    whole = text.encode()
    into = text[:-1] + (", " if body else "")

    def added(value: str) -> bytes:
        return f'{into}"made_up": {value}}}'.encode()

    yield Sent("half a body", b'{"a": ', "body_malformed")
    yield Sent("only space", b" \n", "body_malformed")
    yield Sent("words", CANARY.encode(), "body_malformed")
    yield Sent("two values", whole + b" {}", "body_malformed")
    yield Sent("a comma too many", whole[:-1] + b",}", "body_malformed")
    yield Sent("single quotes", b"{'a': 1}", "body_malformed")
    yield Sent("a comment", whole + b"// " + CANARY.encode(), "body_malformed")
    yield Sent("a byte order mark", b"\xef\xbb\xbf" + whole, "body_malformed")
    yield Sent("UTF-16", text.encode("utf-16"), "body_malformed")
    yield Sent("no UTF-8", whole[:-1] + b"\xff\xfe}", "body_malformed")
    yield Sent("an overlong encoding", whole[:-1] + b'"\xc0\xaf"}', "body_malformed")
    yield Sent("a surrogate in UTF-8", b'{"a": "\xed\xa0\x80"}', "body_malformed")
    yield Sent("NUL as it is", added('"a\0b"'), "body_malformed")
    yield Sent("NUL escaped", added('"a\\u0000b"'), "body_malformed")
    yield Sent("NUL in a name", f'{into}"a\\u0000": 1}}'.encode(), "body_malformed")
    yield Sent("half a surrogate pair", added('"\\ud800"'), "body_malformed")
    yield Sent("half a pair in a name", f'{into}"\\udfff": 1}}'.encode(), "body_malformed")
    yield Sent("a name twice", f'{into}"a": 1, "a": 2}}'.encode(), "body_malformed")
    yield Sent("a name twice further in", added('[{"b": 1, "b": 1}]'), "body_malformed")
    yield Sent("too deep", added("[" * 32 + "]" * 32), "body_malformed")
    yield Sent("far too deep", added("[" * DEEP + "]" * DEEP), "body_malformed")
    yield Sent("deep objects", added('{"a":' * 40 + "1" + "}" * 40), "body_malformed")
    yield Sent("NaN", added("NaN"), "body_malformed")
    yield Sent("Infinity", added("Infinity"), "body_malformed")
    yield Sent("minus Infinity", added("-Infinity"), "body_malformed")
    yield Sent("a number of 5,000 digits", added("9" * 5_000), "body_malformed")
    yield Sent("too large", whole + b" " * LIMIT, "body_too_large")
    yield Sent("too large in pieces", [whole, *[b" " * 16_384] * 17], "body_too_large")
    yield Sent("a large text", added(f'"{"x" * LIMIT}"'), "body_too_large")
    for media in (
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
        "",
    ):
        yield Sent(f"as {media or 'nothing'}", whole, "media_type_unsupported", (("Content-Type", media),))
    for coding in ("gzip", "br", "identity, gzip"):
        coded = (("Content-Type", JSON), ("Content-Encoding", coding))
        yield Sent(f"coded as {coding}", whole, "media_type_unsupported", coded)


def no_objects(body: dict[str, Any]) -> Iterator[Sent]:
    """JSON that is no object, and objects with a field too many."""
    for name, value in {
        "list": [],
        "list around": [body],
        "text": CANARY,
        "number": 7,
        "null": None,
        "true": True,
    }.items():
        yield Sent(name, json.dumps(value).encode(), "invalid_request", pointer="")
    for name in ("made_up", "id", "state", "version", "client_id", "held", "fee", "created_at", "__proto__"):
        if name not in body:
            extra = {**body, name: CANARY}
            yield Sent(f"unknown {name}", json.dumps(extra).encode(), "invalid_request", pointer=f"/{name}")


async def refused(all_services: AllServices, scenes: dict[str, Scene], operation: Operation, sent: Sent) -> list[str]:
    """What is wrong with the answer to a bad body."""
    answer = await send(all_services, scenes, operation, raw=sent.raw, headers=sent.headers)
    wrong = wrong_with(answer, operation)
    if answer.code != sent.code:
        wrong.append(f"expected {sent.code}, got {answer.status} {answer.text[:200]}")
    elif sent.pointer is not None and sent.pointer not in [one["pointer"] for one in answer.json()["errors"]]:
        wrong.append(f"does not point at {sent.pointer!r}: {answer.text}")
    wrong += [f"changed {table}" for table in all_services.changed()]
    return [f"{operation.id}, {sent.name}: {one}" for one in wrong]


@pytest.mark.parametrize("service", SERVICES)
async def test_bodies_that_cannot_be_read(all_services: AllServices, scenes: dict[str, Scene], service: str) -> None:
    wrong = []
    for operation in changing(all_services, service):
        for sent in unreadable(fitting(TABLE[operation.id], scenes)):
            wrong += await refused(all_services, scenes, operation, sent)

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
async def test_bodies_that_are_no_object_or_have_a_field_too_many(
    all_services: AllServices, scenes: dict[str, Scene], service: str
) -> None:
    wrong = []
    for operation in changing(all_services, service):
        for sent in no_objects(fitting(TABLE[operation.id], scenes)):
            wrong += await refused(all_services, scenes, operation, sent)
        if operation.body_required:
            wrong += await refused(all_services, scenes, operation, Sent("nothing", b"", "invalid_request"))

    assert not wrong, "\n".join(wrong)


ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 12.0, 12.5, 2**53 + 1, 2**63, 10**30, "", " ", "\n", CANARY, "1", "1e3", "١٢",
    [], [None], [CANARY], {}, {"made_up": CANARY}, [[[]]], "9999-99-99", "2026-02-30", "x" * 6_000,
)  # fmt: skip
"""Values that hardly any field takes; those that the document allows are left out, field by field."""


def spoiled(operation: Operation, schema: dict[str, Any], body: Any) -> Iterator[tuple[str, Any]]:
    """(pointer, value) of every field, required or not, with everything it must not be."""
    told = operation.resolved(schema)
    if told.get("type") == "object" and isinstance(body, dict):
        for name in told.get("properties", {}) | body:
            below = operation.below(told, name)
            assert below is not None, f"{operation.id} has no field {name}"
            yield from ((f"/{name}", value) for value in (*ODD, *edges(operation.resolved(below))))
            if name in body:
                yield from ((f"/{name}{rest}", value) for rest, value in spoiled(operation, below, body[name]))
    elif told.get("type") == "array" and isinstance(body, list) and body:
        yield from (("/0", value) for value in (*ODD, *edges(operation.resolved(told["items"]))))
        yield from ((f"/0{rest}", value) for rest, value in spoiled(operation, told["items"], body[0]))


def edges(told: dict[str, Any]) -> Iterator[Any]:
    """What lies just outside of what a field takes."""
    if "minimum" in told:
        yield told["minimum"] - 1
    if "maximum" in told:
        yield told["maximum"] + 1
    if "maxLength" in told:
        yield "x" * (told["maxLength"] + 1)
    if "maxItems" in told:
        yield [1] * (told["maxItems"] + 1)


def with_value(body: Any, pointer: str, value: Any) -> Any:
    """The body with one value in another's place."""
    changed = copy.deepcopy(body)
    *path, last = pointer.split("/")[1:]
    at = changed
    for part in path:
        at = at[int(part) if isinstance(at, list) else part]
    at[int(last) if isinstance(at, list) else last] = value
    return changed


@pytest.mark.parametrize("service", SERVICES)
async def test_fields_with_values_they_do_not_take(
    all_services: AllServices, scenes: dict[str, Scene], service: str
) -> None:
    wrong, sent = [], 0
    for operation in changing(all_services, service):
        body = fitting(TABLE[operation.id], scenes)
        assert operation.fits(body), f"{operation.id}: the table's own body does not fit the document"
        for pointer, value in spoiled(operation, operation.schema, body):
            spoilt = with_value(body, pointer, value)
            if operation.fits(spoilt):
                continue
            sent += 1
            answer = await send(all_services, scenes, operation, body=spoilt)
            problems = wrong_with(answer, operation)
            if answer.status != 422 or not any(one["pointer"].startswith(pointer) for one in answer.json()["errors"]):
                problems.append(f"expected 422 that points at it, got {answer.status} {answer.text[:300]}")
            problems += [f"changed {table}" for table in all_services.changed()]
            wrong += [f"{operation.id} {pointer} = {value!r:.60}: {one}" for one in problems]
        for name in operation.resolved(operation.schema).get("required", []):
            without = {known: value for known, value in body.items() if known != name}
            answer = await send(all_services, scenes, operation, body=without)
            if (
                answer.status != 422
                or {"pointer": f"/{name}", "code": "required"}.items() - answer.json()["errors"][0].items()
            ):
                wrong.append(f"{operation.id} without {name}: {answer.status} {answer.text[:300]}")
        wrong += [f"{operation.id} changed {table}" for table in all_services.changed()]

    assert not wrong, "\n".join(wrong)
    assert sent or service == "nothing"


@pytest.mark.parametrize("service", SERVICES)
async def test_without_the_fault_the_same_call_succeeds(
    all_services: AllServices, scenes: dict[str, Scene], service: str
) -> None:
    """Otherwise the refusals above would say nothing."""
    kept = all_services.keep()
    wrong = []
    for operation in changing(all_services, service):
        row = TABLE[operation.id]
        body = None if row.body is None else fitting(row, scenes)
        answer = await send(all_services, scenes, operation, body=body)
        if answer.status >= 300 or str(answer.status) not in operation.told["responses"]:
            wrong.append(f"{operation.id}: {answer.status} {answer.text[:300]}")
        all_services.bring_back(kept)
        if not operation.body_required:
            answer = await send(all_services, scenes, operation, raw=b"{}")
            if answer.status >= 300:
                wrong.append(f"{operation.id} with {{}}: {answer.status} {answer.text[:300]}")
        all_services.bring_back(kept)

    assert not wrong, "\n".join(wrong)


async def test_what_is_said_too_large_is_not_read(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    app = all_services.by_name["contracts"].app
    headers: list[Header] = [("Authorization", f"Bearer {all_services.token('ada')}"), ("Content-Type", JSON)]
    for announced in (LIMIT + 1, 10**12):
        answer = await ask(app, "POST", "/v1/contracts", headers=headers, body=b"{}", announced=announced)
        assert (answer.status, answer.code, answer.header("connection")) == (413, "body_too_large", "close")
    for length in ("-1", "abc", "1e3", "٣"):
        odd: list[Header] = [*headers, ("Content-Length", length.encode())]
        answer = await ask(app, "POST", "/v1/contracts", headers=odd)
        assert (answer.status, answer.code) == (400, "body_malformed")
    assert all_services.changed() == []


async def test_evidence_as_a_file_in_every_wrong_form(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    path = f"{scenes['disputed'].dispute}/evidence"
    part = b'--x\r\nContent-Disposition: form-data; name="%b"; filename="a.txt"\r\n\r\n%b\r\n'
    forms: dict[str, tuple[bytes, str, int]] = {
        "no boundary": (b"--x--", "multipart/form-data", 400),
        "nothing in it": (b"--x--\r\n", "multipart/form-data; boundary=x", 422),
        "another name": (part % (b"other", b"1") + b"--x--\r\n", "multipart/form-data; boundary=x", 422),
        "an empty file": (part % (b"file", b"") + b"--x--\r\n", "multipart/form-data; boundary=x", 422),
        "two files": (
            part % (b"file", b"1") + part % (b"file", b"2") + b"--x--\r\n",
            "multipart/form-data; boundary=x",
            400,
        ),
        "a text for a file": (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
        ),
        "another boundary": (part % (b"file", b"1") + b"--x--\r\n", "multipart/form-data; boundary=y", 400),
        "broken off": ((part % (b"file", b"1"))[:-9], "multipart/form-data; boundary=x", 422),
        "too large": (part % (b"file", b"1" * 5_000_001) + b"--x--\r\n", "multipart/form-data; boundary=x", 413),
        "far too large": (part % (b"file", b"1" * 6_000_000) + b"--x--\r\n", "multipart/form-data; boundary=x", 413),
    }
    for name, (body, media, status) in forms.items():
        for pieces in (body, [body]):
            answer = await all_services.ask("ada", "POST", path, raw=pieces, headers=[("Content-Type", media)])
            assert (answer.status, wrong_with(answer)) == (status, []), (name, answer.text)
            assert all_services.changed() == [], name
