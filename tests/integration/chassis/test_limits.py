"""Flood limits: who asks too often is told when to come back, and nobody else notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from skillscoop_messages.clock import Clocks, wall_time

from tests.support.databases import create_tables
from tests.support.example import TARGETS, build, settings_for
from tests.support.identity import Issuer


@asynccontextmanager
async def limited(
    sqlite_url: str, jwks_file: Path, address: str = "203.0.113.7", **rates: Any
) -> AsyncIterator[tuple[httpx2.AsyncClient, list[timedelta]]]:
    """The example service with these rates, seen from an address; the list's one entry moves its clock."""
    create_tables(sqlite_url, TARGETS)
    elapsed = [timedelta(0)]
    clocks = Clocks(wall=lambda: wall_time() + elapsed[0], business=wall_time)
    service = build(settings_for(sqlite_url, jwks_file, rate_limits="on", **rates), clocks=clocks)
    assert service.app is not None
    transport = httpx2.ASGITransport(app=service.app, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        try:
            yield client, elapsed
        finally:
            await service.database.close()


async def test_a_user_who_asks_too_often_is_told_when_to_come_back(
    sqlite_url: str, jwks_file: Path, keys: Issuer
) -> None:
    """Given three reads a minute
    When Ada reads four times
    Then the fourth is 429 with Retry-After and the RateLimit fields, Ben still reads, Ada still writes,
    and Ada reads again once the time is over.
    """
    async with limited(sqlite_url, jwks_file, rate_reads="3/minute") as (http, elapsed):
        ada, ben = keys.headers("ada"), keys.headers("ben")
        told = [await http.get("/v1/things", headers=ada) for _ in range(3)]
        assert [one.status_code for one in told] == [200] * 3
        assert told[0].headers["ratelimit-policy"] == '"reads";q=3;w=60'
        assert [one.headers["ratelimit"].split(";")[1] for one in told] == ["r=2", "r=1", "r=0"]

        refused = await http.get("/v1/things", headers=ada)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers.get_list("ratelimit-policy") == ['"reads";q=3;w=60']
        assert (await http.get("/v1/things", headers=ben)).status_code == 200
        assert (await http.post("/v1/things", headers=ada, json={"title": "x"})).status_code < 300

        elapsed[0] += timedelta(seconds=61)
        assert (await http.get("/v1/things", headers=ada)).status_code == 200


async def test_guessing_tokens_ends_and_locks_nobody_else_out(sqlite_url: str, jwks_file: Path, keys: Issuer) -> None:
    """Given two refused tokens a minute for one address
    When somebody sends bad tokens
    Then the third answer is 429; a good token from the same address is still believed.
    """
    async with limited(sqlite_url, jwks_file, rate_refused="2/minute") as (http, _):
        bad = {"Authorization": "Bearer a.b.c"}
        answers = [await http.get("/v1/things", headers=bad) for _ in range(4)]
        assert [one.status_code for one in answers] == [401, 401, 429, 429]
        assert int(answers[2].headers["retry-after"]) >= 1
        assert (await http.get("/v1/things", headers=keys.headers("ada"))).status_code == 200


@pytest.mark.parametrize(
    ("trusted", "statuses"),
    [("203.0.113.0/24", [200, 429, 200]), ("", [200, 429, 429])],
    ids=["behind a proxy we trust", "a header anybody can send"],
)
async def test_callers_without_a_token_are_counted_by_address(
    sqlite_url: str, jwks_file: Path, trusted: str, statuses: list[int]
) -> None:
    """Given one call a minute without a token for each address
    When two addresses ask, as X-Forwarded-For tells
    Then each is counted by itself where the proxy is trusted, and the header counts for nothing where it is not.
    """
    async with limited(sqlite_url, jwks_file, rate_anonymous="1/minute", trusted_proxies=trusted) as (http, _):
        found = []
        for forwarded in ("198.51.100.1", "198.51.100.1", "198.51.100.2"):
            answer = await http.get("/v1/terms", headers={"X-Forwarded-For": f"10.9.9.9, {forwarded}"})
            found.append(answer.status_code)
        assert found == statuses
        assert (await http.get("/livez")).status_code == 200
