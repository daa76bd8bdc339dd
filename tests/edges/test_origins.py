"""Pages of other sites: those that an installation names may call from a browser, all others may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.edges.asking import Answer, ask
from tests.edges.test_tokens import bearer
from tests.support.applications import SERVICES, build
from tests.support.identity import Issuer

OURS, PATH = "https://app.example", "/v1/nowhere"
STRANGERS = (
    "null",
    "https://evil.example",
    "https://app.example.evil.example",
    "http://app.example",
    "https://app.example:444",
)


@pytest.fixture(params=SERVICES)
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Any, Issuer]]:
    """Each service with two named origins."""
    issuer = Issuer()
    origins = (OURS, "https://admin.example:8443")
    built = build(request.param, tmp_path, issuer.jwks_file(tmp_path), cors_origins=origins)
    yield built.app, issuer
    await built.database.close()


def told(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("access-control-")}


async def test_named_origin_may_ask_and_call(app: tuple[Any, Issuer]) -> None:
    """Given a named origin, when its page asks what it may send and then calls, then the browser lets it."""
    application, issuer = app
    asked = [
        ("Origin", OURS),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "if-match"),
    ]
    preflight = await ask(application, "OPTIONS", PATH, headers=asked)

    assert (preflight.status, preflight.content) == (204, b"")
    assert told(preflight)["access-control-allow-origin"] == OURS
    allowed = told(preflight)["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key", "if-match"} <= set(allowed)

    called = await ask(application, "GET", PATH, headers=[("Origin", OURS), *bearer(issuer.token("ada"))])
    assert called.status == 404
    assert told(called)["access-control-allow-origin"] == OURS
    assert "etag" in told(called)["access-control-expose-headers"].lower()
    assert "access-control-allow-credentials" not in told(called)
    assert called.header("vary") == "Origin"


async def test_errors_can_be_read_by_a_named_origin(app: tuple[Any, Issuer]) -> None:
    """Given a named origin, when its call is refused, then the page can read why."""
    refused = await ask(app[0], "GET", PATH, headers=[("Origin", OURS)])

    assert (refused.status, told(refused)["access-control-allow-origin"]) == (401, OURS)


@pytest.mark.parametrize("origin", STRANGERS)
async def test_other_origins_may_not(app: tuple[Any, Issuer], origin: str) -> None:
    asked = [("Origin", origin), ("Access-Control-Request-Method", "POST")]

    assert told(await ask(app[0], "OPTIONS", PATH, headers=asked)) == {}
    assert told(await ask(app[0], "GET", PATH, headers=[*asked, *bearer(app[1].token("ada"))])) == {}


async def test_question_without_an_origin_needs_a_token(app: tuple[Any, Issuer]) -> None:
    asked = [("Access-Control-Request-Method", "POST")]

    assert (await ask(app[0], "OPTIONS", PATH, headers=asked)).status == 401
