"""What every request meets before and after its route: identity, form of the body, problems, headers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from skillscoop_chassis.service import Service

from tests.support.example import build, settings_for
from tests.support.identity import Issuer


def problem(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "detail", "instance", "code"} <= set(body)
    return answer.status_code, body["code"]


async def test_without_a_token_nothing_is_said_about_the_body(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/v1/things", content=b"x" * 400_000)

    assert problem(answer) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_public_paths_need_no_token(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/v1/terms")).status_code == 200
    assert (await http.get("/v1/stream?ticket=abc")).status_code == 200
    assert (await http.get("/v1/stream")).status_code == 401
    assert (await http.post("/v1/terms")).status_code == 401


async def test_public_path_still_knows_a_caller(http: httpx2.AsyncClient, keys: Issuer) -> None:
    answer = await http.get("/v1/stream?ticket=abc", headers=keys.headers("ada"))

    assert answer.json() == {"size": 1}


MALFORMED = {
    "not JSON": b"{",
    "a name twice": b'{"title":"x","title":"y"}',
    "a name twice, deep": b'{"title":"x","more":[{"a":1,"a":2}]}',
    "not UTF-8": b'{"title":"\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"title":"x"}',
    "NUL": b'{"title":"a\\u0000b"}',
    "NUL in a name": b'{"ti\\u0000tle":"a"}',
    "lone surrogate": b'{"title":"\\ud800"}',
    "NaN": b'{"amount":NaN}',
    "Infinity": b'{"amount":-Infinity}',
    "33 levels": b"[" * 33 + b"]" * 33,
    "ten thousand levels": b"[" * 10_000 + b"]" * 10_000,
    "a number of five thousand digits": b'{"amount":' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
async def test_unreadable_bodies_are_400(http: httpx2.AsyncClient, keys: Issuer, body: bytes) -> None:
    headers = {**keys.headers("ada"), "Content-Type": "application/json"}

    assert problem(await http.post("/v1/things", content=body, headers=headers)) == (400, "body_malformed")


async def test_pairs_of_surrogates_and_32_levels_are_fine(http: httpx2.AsyncClient, keys: Issuer) -> None:
    headers = {**keys.headers("ada"), "Content-Type": "application/json; charset=utf-8"}
    answer = await http.post("/v1/things", content=b'{"title":"\\ud83d\\ude00"}', headers=headers)
    deep = await http.post("/v1/things", content=b'{"title":' + b"[" * 31 + b"]" * 31 + b"}", headers=headers)

    assert (answer.status_code, answer.json()["title"]) == (201, "😀")
    assert deep.status_code == 422


FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown field": ({"title": "x", "role": "admin"}, "/role", "unknown_field"),
    "missing field": ({}, "/title", "required"),
    "empty title": ({"title": ""}, "/title", "too_short"),
    "blank title": ({"title": " \t"}, "/title", "malformed"),
    "long title": ({"title": "x" * 201}, "/title", "too_long"),
    "title of a number": ({"title": 1}, "/title", "wrong_type"),
    "amount 0": ({"title": "x", "amount": 0}, "/amount", "out_of_range"),
    "amount -1": ({"title": "x", "amount": -1}, "/amount", "out_of_range"),
    "amount too large": ({"title": "x", "amount": 100_000_000}, "/amount", "out_of_range"),
    "amount 2^53+1": ({"title": "x", "amount": 2**53 + 1}, "/amount", "out_of_range"),
    "amount 2^63": ({"title": "x", "amount": 2**63}, "/amount", "out_of_range"),
    "amount 1e400 as integer": ({"title": "x", "amount": 10**400}, "/amount", "out_of_range"),
    "amount as float": ({"title": "x", "amount": 100.0}, "/amount", "wrong_type"),
    "amount as text": ({"title": "x", "amount": "100"}, "/amount", "wrong_type"),
    "amount as boolean": ({"title": "x", "amount": True}, "/amount", "wrong_type"),
    "amount as list": ({"title": "x", "amount": []}, "/amount", "wrong_type"),
    "date without zeros": ({"title": "x", "due_date": "2030-1-1"}, "/due_date", "malformed"),
    "date that is none": ({"title": "x", "due_date": "2030-02-30"}, "/due_date", "malformed"),
    "date with a time": ({"title": "x", "due_date": "2030-01-01T00:00:00Z"}, "/due_date", "malformed"),
    "date in Arabic digits": ({"title": "x", "due_date": "٢٠٣٠-٠١-٠١"}, "/due_date", "malformed"),
}


@pytest.mark.parametrize(("body", "pointer", "code"), FIELDS.values(), ids=FIELDS.keys())
async def test_wrong_fields_are_pointed_at(
    http: httpx2.AsyncClient, keys: Issuer, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await http.post("/v1/things", json=body, headers=keys.headers("ada"))

    assert problem(answer) == (422, "invalid_request")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


async def test_input_is_never_echoed(http: httpx2.AsyncClient, keys: Issuer) -> None:
    body = {"title": "x", "amount": "echo-marker", "due_date": "echo-marker"}
    answer = await http.post("/v1/things", json=body, headers=keys.headers("ada"))

    assert answer.status_code == 422
    assert "echo-marker" not in answer.text


async def test_media_types(http: httpx2.AsyncClient, keys: Issuer) -> None:
    ada = keys.headers("ada")
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await http.post("/v1/things", content=b'{"title":"x"}', headers={**ada, "Content-Type": media})
        assert problem(answer) == (415, "media_type_unsupported")
    packed = {**ada, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert problem(await http.post("/v1/things", content=b"xx", headers=packed)) == (415, "media_type_unsupported")


async def test_large_bodies_announced_or_not(http: httpx2.AsyncClient, keys: Issuer) -> None:
    headers = {**keys.headers("ada"), "Content-Type": "application/json"}
    large = json.dumps({"title": "x" * 300_000}).encode()

    async def in_parts() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000]

    assert problem(await http.post("/v1/things", content=large, headers=headers)) == (413, "body_too_large")
    assert problem(await http.post("/v1/things", content=in_parts(), headers=headers)) == (413, "body_too_large")


async def test_webhooks_take_any_bytes_up_to_their_own_limit(http: httpx2.AsyncClient) -> None:
    taken = await http.post("/webhooks/anything", content=b"\xff\x00" * 200_000)
    refused = await http.post("/webhooks/anything", content=b"x" * (512 * 1024 + 1))

    assert taken.json() == {"size": 400_000}
    assert problem(refused) == (413, "body_too_large")


async def test_uploads_are_counted_while_they_come(http: httpx2.AsyncClient, keys: Issuer) -> None:
    ada = keys.headers("ada")
    taken = await http.post("/v1/files", files={"file": ("a.bin", b"x" * 500_000)}, headers=ada)
    refused = await http.post("/v1/files", files={"file": ("a.bin", b"x" * 2_000_000)}, headers=ada)

    assert taken.json() == {"size": 500_000}
    assert problem(refused) == (413, "body_too_large")


async def test_unknown_paths_and_methods_are_problems_too(http: httpx2.AsyncClient, keys: Issuer) -> None:
    ada = keys.headers("ada")

    assert problem(await http.get("/v1/nothing", headers=ada)) == (404, "not_found")
    assert problem(await http.get("/v1/things/", headers=ada)) == (404, "not_found")
    assert problem(await http.delete("/v1/things", headers=ada)) == (405, "method_not_allowed")
    assert problem(await http.get("/v1/things/a%00b", headers=ada)) == (404, "not_found")
    assert problem(await http.get("/v1/things?limit=1&x=%00", headers=ada)) == (400, "query_malformed")


async def test_stranger_and_nobody_hear_the_same(http: httpx2.AsyncClient, keys: Issuer) -> None:
    made = await http.post("/v1/things", json={"title": "x"}, headers=keys.headers("ada"))
    stranger = (await http.get(made.headers["location"], headers=keys.headers("eve"))).json()
    nobody = (await http.get("/v1/things/thg_none", headers=keys.headers("eve"))).json()

    own = {"request_id", "instance"}
    assert {k: v for k, v in stranger.items() if k not in own} == {k: v for k, v in nobody.items() if k not in own}


async def test_unexpected_errors_say_nothing_of_their_reason(http: httpx2.AsyncClient, keys: Issuer) -> None:
    answer = await http.get("/v1/broken", headers=keys.headers("ada"))

    assert problem(answer) == (500, "internal_error")
    assert "secret reason" not in answer.text


async def test_every_answer_carries_the_headers(http: httpx2.AsyncClient, keys: Issuer) -> None:
    ada = keys.headers("ada")
    answers = [
        await http.get("/v1/terms"),
        await http.get("/v1/things"),
        await http.get("/v1/nothing", headers=ada),
        await http.get("/v1/broken", headers=ada),
        await http.post("/v1/things", json={"title": "x"}, headers={**ada, "X-Request-Id": "mine-1"}),
    ]

    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"]
    assert answers[-1].headers["x-request-id"] == "mine-1"


async def test_request_id_that_could_break_a_log_is_replaced(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/terms", headers={"X-Request-Id": 'a" b\t{'})

    assert answer.headers["x-request-id"] != 'a" b\t{'


async def test_database_away_is_503_with_a_hint(jwks_file: Path, keys: Issuer) -> None:
    service = build(settings_for("postgresql://postgres@127.0.0.1:1/none", jwks_file))
    transport = httpx2.ASGITransport(app=service.app)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as http:
        answer = await http.post("/v1/things", json={"title": "x"}, headers=keys.headers("ada"))
        ready = await http.get("/readyz")

    assert problem(answer) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert ready.status_code in (200, 503)
    await service.database.close()


async def test_keys_that_cannot_be_read_are_503_and_not_401(tmp_path: Path, keys: Issuer) -> None:
    service = build(settings_for(f"sqlite:///{tmp_path}/a.sqlite", tmp_path / "none.json"))
    transport = httpx2.ASGITransport(app=service.app)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as http:
        before = await http.get("/v1/things/x", headers=keys.headers("ada"))
        without = await http.get("/v1/things/x")

    assert problem(before) == (503, "unavailable")
    assert problem(without) == (401, "unauthenticated")
    await service.database.close()


async def test_metrics_name_routes_and_never_paths(http: httpx2.AsyncClient, keys: Issuer, service: Service) -> None:
    await http.get("/v1/things/thg_secret", headers=keys.headers("ada"))
    await http.get("/v1/made-up-path", headers=keys.headers("ada"))
    text = (await http.get("/metrics")).text

    assert 'route="/v1/things/{id}"' in text
    assert "thg_secret" not in text
    assert "made-up-path" not in text


async def test_services_in_one_process_count_for_themselves(tmp_path: Path, jwks_file: Path) -> None:
    both = [build(settings_for(f"sqlite:///{tmp_path}/{name}.sqlite", jwks_file)) for name in "ab"]
    for service, calls in zip(both, (1, 2), strict=True):
        transport = httpx2.ASGITransport(app=service.app)  # type: ignore[arg-type]
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as http:
            for _ in range(calls):
                await http.get("/v1/terms")
            text = (await http.get("/metrics")).text
        counted = [
            line for line in text.splitlines() if line.startswith("http_request_seconds_count") and "terms" in line
        ]
        assert [float(line.rpartition(" ")[2]) for line in counted] == [calls]
        await service.database.close()
