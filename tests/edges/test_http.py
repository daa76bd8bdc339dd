"""Odd methods, paths, headers and texts: nothing is guessed, reflected or run."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.edges.all_services import AllServices
from tests.edges.asking import JSON, Answer, Header, ask
from tests.edges.expectations import wrong_with
from tests.edges.operations import operations
from tests.edges.scenes import Scene
from tests.edges.test_tokens import DOORS
from tests.support.applications import SERVICES

NASTY = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "{{7*7}}${7*7}<%= 7*7 %>",
    "=HYPERLINK(\"http://x\")", "'; DROP TABLE contracts; --", "\u202egnirts\u202c", "a\u200bb\u2060c",
    "e" + "\u0301" * 500,
    "e\u0301 und é", "🏳️‍🌈👩‍👩‍👧‍👦", "مرحبا שלום", "line\r\nBcc: victim@mail.example",
    "\x1b[31mred\x1b[0m", "%00%0a%0d", "a" * 1_900,
    "\\u0000 \\ud800", "﷽" * 50, "\ufeffbom", "\x01\x02\x7f",
)  # fmt: skip
"""Texts that are fine to store and must come back as they are."""


def own(all_services: AllServices, service: str) -> list[Header]:
    return [("Authorization", f"Bearer {all_services.token('ada')}")]


async def get(all_services: AllServices, service: str, path: str, *headers: Header, method: str = "GET") -> Answer:
    app = all_services.by_name[service].app
    return await ask(app, method, path, headers=[*own(all_services, service), *headers])


@pytest.mark.parametrize("service", SERVICES)
async def test_methods_nobody_offers(all_services: AllServices, service: str) -> None:
    offered: dict[str, set[str]] = {}
    for operation in operations(all_services):
        if operation.service == service and not operation.streams:
            offered.setdefault(operation.address(None), set()).add(operation.method)
    for path, methods in offered.items():
        for method in {
            "GET",
            "HEAD",
            "OPTIONS",
            "POST",
            "PUT",
            "PATCH",
            "DELETE",
            "TRACE",
            "CONNECT",
            "BREW",
        } - methods:
            answer = await get(all_services, service, path, method=method)
            # Another route may answer for the same shape of path, with what it calls an id.
            assert answer.status in (404, 405, 422) or method in methods, (method, path, answer.status, answer.text)
            assert wrong_with(answer) == [], (method, path)
    assert all_services.changed() == []


@pytest.mark.parametrize("service", SERVICES)
async def test_allow_names_every_method_of_the_path(all_services: AllServices, service: str) -> None:
    """Given a path with several methods, when another one is asked, then Allow lists all that the path has."""
    own = [one for one in operations(all_services) if one.service == service]
    shapes = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", one.path)), one.method) for one in own]
    wrong = []
    for path in {one.address(None) for one in own}:
        offered = sorted({method for shape, method in shapes if shape.fullmatch(path.partition("?")[0])})
        answer = await get(all_services, service, path, method="BREW")
        if (answer.status, answer.header("allow")) != (405, ", ".join(offered)):
            wrong.append(f"{path}: {answer.status} {answer.header('allow')}, has {offered}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
async def test_the_method_is_what_the_request_line_says(
    all_services: AllServices, scenes: dict[str, Scene], service: str
) -> None:
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = await get(all_services, service, DOORS[service], (name, "DELETE"))
        assert answer.status in (200, 404)
    draft = scenes["draft"]
    answer = await get(all_services, "contracts", f"{draft.contract}?_method=POST", ("X-HTTP-Method-Override", "POST"))
    assert answer.status == 200
    assert all_services.changed() == []


@pytest.mark.parametrize("service", SERVICES)
async def test_paths_are_taken_as_they_are(all_services: AllServices, scenes: dict[str, Scene], service: str) -> None:
    known = scenes["funded"].contract
    for path in (
        DOORS[service] + "/", DOORS[service].upper(), "/" + DOORS[service], DOORS[service].replace("/v1", "/v2"),
        DOORS[service].replace("/v1/", "/v1//"), "/v1/../v1/contracts", "/v1/./contracts", "/v1/%2e%2e/admin",
        "/v1/contracts/..%2f..%2fadmin", f"{known}%252F", f"{known}/../../admin/contracts/parked", f"{known};admin",
        "/v1/admin", "/v1/admin/", f"/v1/admin/{service}", f"/v1/admin/{service}/", "/docs", "/redoc", "/", "", "//",
        "/openapi.json/", "/metrics/", "/.env", "/v1/" + "a" * 8_000, "/v1/\u00e4", "/v1/%E0%80%AF",
    ):  # fmt: skip
        answer = await get(all_services, service, path)
        assert (answer.status, answer.code, wrong_with(answer)) == (404, "not_found", []), (
            path[:60],
            answer.text[:200],
        )
    assert all_services.changed() == []


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_elses_page_may_ask(all_services: AllServices, service: str) -> None:
    for origin in ("null", "https://evil.example", "http://here.evil.example", "http://127.0.0.1"):
        for method in ("GET", "OPTIONS"):
            headers: list[Header] = [("Origin", origin), ("Access-Control-Request-Method", "POST")]
            answer = await get(all_services, service, DOORS[service], *headers, method=method)
            assert not [name for name, _ in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("service", SERVICES)
async def test_request_ids_are_taken_over_only_when_they_are_harmless(all_services: AllServices, service: str) -> None:
    for fine in ("abc", "01940000-0000-7000-8000-ffffffffffff", "a.b:c_d-e", "x" * 128):
        assert (await get(all_services, service, DOORS[service], ("X-Request-Id", fine))).header("x-request-id") == fine
    for odd in ("", " ", "a b", "x" * 129, "a\tb", "<b>", b"\xff", "a\x00", "ä", '"', "a,b", "{{7}}"):
        told = (await get(all_services, service, DOORS[service], ("X-Request-Id", odd))).header("x-request-id")
        assert told and len(told) == 36, odd
    for trace in ("", "00-x-y-z", "00-" + "0" * 400, b"\xff", "01-" + "a" * 32 + "-" + "b" * 16 + "-01"):
        assert (await get(all_services, service, DOORS[service], ("traceparent", trace))).status in (200, 404)


@pytest.mark.parametrize("service", SERVICES)
async def test_many_and_long_headers_change_nothing(all_services: AllServices, service: str) -> None:
    many: list[Header] = [(f"X-Header-{number}", "x") for number in range(10_000)]
    assert (await get(all_services, service, DOORS[service], *many)).status in (200, 404)
    assert (await get(all_services, service, DOORS[service], ("X-Long", "x" * 1_000_000))).status in (200, 404)
    for name in ("Host", "X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "X-Original-URL", "X-Rewrite-URL"):
        answer = await get(all_services, service, DOORS[service], (name, "evil.example/v1/admin"))
        assert answer.status in (200, 404) and "evil" not in answer.text + repr(answer.headers)


@pytest.mark.parametrize("service", SERVICES)
async def test_nul_in_a_query_reaches_nobody(all_services: AllServices, service: str) -> None:
    for query in ("a=%00", "%00", "limit=5&x=a%00b", "cursor=%00"):
        answer = await get(all_services, service, f"{DOORS[service]}?{query}")
        assert (answer.status, answer.code, wrong_with(answer)) == (400, "query_malformed", [])


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
async def test_texts_come_back_as_they_were_given(
    all_services: AllServices, scenes: dict[str, Scene], text: str
) -> None:
    draft: dict[str, Any] = {"title": text[:200], "freelancer_id": "grace", "currency": "usd"}
    line = {"description": text, "amount": 5_000, "criteria": [text]}
    made = await all_services.ask("ada", "POST", "/v1/contracts", {**draft, "milestones": [line]})
    assert made.status == 201, made.text
    assert made.header("content-type") == JSON and made.header("x-content-type-options") == "nosniff"
    contract = made.json()
    assert (contract["title"], contract["milestones"][0]["description"]) == (text[:200], text)
    assert contract["milestones"][0]["criteria"] == [text]
    await all_services.settle()

    talk = f"/v1/conversations/{scenes['funded'].conversation_id}/messages"
    said = await all_services.done("ada", "POST", talk, {"text": text})
    assert (await all_services.done("grace", "GET", f"{talk}/{said['id']}"))["text"] == text
    evidence = f"{scenes['disputed'].dispute}/evidence"
    filed = await all_services.done("ada", "POST", evidence, {"text": text})
    newest = filed["evidence"][-1]["id"]
    piece = await all_services.ask("grace", "GET", f"{evidence}/{newest}")
    assert piece.content.decode() == text
    assert str(piece.header("content-disposition")).startswith("attachment;")
    assert "sandbox" in str(piece.header("content-security-policy"))


async def test_what_people_write_is_escaped_in_their_mail(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    code = scenes["platform"].more["code"]
    await all_services.done("ada", "POST", "/v1/me/contact/confirm", {"code": code})
    kinds = (await all_services.done("ada", "GET", "/v1/notification-preferences"))["email"]
    await all_services.done("ada", "PUT", "/v1/notification-preferences", {"email": dict.fromkeys(kinds, True)})
    for nasty in NASTY[:9] + NASTY[12:14]:
        line = {"description": nasty, "amount": 5_000}
        body = {"title": nasty[:200], "freelancer_id": "grace", "currency": "usd", "milestones": [line]}
        contract = await all_services.done("ada", "POST", "/v1/contracts", body)
        await all_services.done("ada", "POST", f"/v1/contracts/{contract['id']}/send")
        await all_services.done(
            "grace", "POST", f"/v1/contracts/{contract['id']}/decline", {"revision": 1, "reason": nasty}
        )
    await all_services.settle()

    emails = all_services.emails[1:]
    assert len(emails) >= 10
    for email in emails:
        assert "<script" not in email.html.lower() and "onerror=alert(1)>" not in email.html
        assert "<img src=x" not in email.html
        assert "\n" not in email.subject and "\r" not in email.subject, email.subject


async def test_problems_cannot_be_mistaken_for_pages(all_services: AllServices) -> None:
    answer = await get(all_services, "contracts", "/v1/contracts/%3Cscript%3Ealert(1)%3C%2Fscript%3E")

    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("x-content-type-options") == "nosniff"
    json.loads(answer.content)


@pytest.mark.parametrize("service", SERVICES)
async def test_browsers_run_no_answer_and_put_none_in_a_frame(all_services: AllServices, service: str) -> None:
    """Given answers of every kind, pages included, when a browser shows one, then it is told what it may not do."""
    paths = [DOORS[service], "/v1/nowhere", "/livez", *(["/v1/returned"] if service == "payments" else [])]
    for path in paths:
        answer = await get(all_services, service, path)
        assert answer.header("x-frame-options") == "DENY", path
        assert answer.header("referrer-policy") == "no-referrer"
        policy = str(answer.header("content-security-policy"))
        assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy
