"""The transaction at the edge: idempotency keys, versions, order of the checks, pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from skillscoop_chassis.http.idempotency import purge_keys
from skillscoop_chassis.service import Service
from skillscoop_chassis.tables import IDEMPOTENCY_KEYS

from tests.support.databases import create_tables
from tests.support.example import TARGETS, THINGS, ahead, build, settings_for
from tests.support.identity import Issuer


@asynccontextmanager
async def client(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=service.app)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as http:
        yield http


@pytest.fixture
def ada(keys: Issuer) -> dict[str, str]:
    return keys.headers("ada")


@pytest.fixture
async def thing(http: httpx2.AsyncClient, ada: dict[str, str]) -> str:
    made = await http.post("/v1/things", json={"title": "x"}, headers=ada)
    return str(made.headers["location"])


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def things(service: Service) -> int:
    async with service.database.read() as tx:
        row = await tx.first(sa.select(sa.func.count().label("n")).select_from(THINGS))
        return int(row["n"]) if row else 0


async def test_same_key_and_body_get_the_first_answer_again(
    http: httpx2.AsyncClient, ada: dict[str, str], service: Service
) -> None:
    headers = {**ada, "Idempotency-Key": "one"}
    first = await http.post("/v1/things", json={"title": "x"}, headers=headers)
    again = await http.post("/v1/things", json={"title": "x"}, headers=headers)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"]
    assert first.headers["etag"] == again.headers["etag"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await things(service) == 1


async def test_same_key_with_another_body_is_refused(
    http: httpx2.AsyncClient, ada: dict[str, str], service: Service
) -> None:
    headers = {**ada, "Idempotency-Key": "one"}
    await http.post("/v1/things", json={"title": "x"}, headers=headers)
    other = await http.post("/v1/things", json={"title": "y"}, headers=headers)

    assert code(other) == (422, "idempotency_key_reused")
    assert await things(service) == 1


async def test_key_belongs_to_its_caller_and_path(
    http: httpx2.AsyncClient, ada: dict[str, str], keys: Issuer, thing: str, service: Service
) -> None:
    key = {"Idempotency-Key": "one"}
    mine = await http.post("/v1/things", json={"title": "x"}, headers={**ada, **key})
    theirs = await http.post("/v1/things", json={"title": "x"}, headers={**keys.headers("bob"), **key})
    elsewhere = await http.post(f"{thing}/pay", json={"amount": 1}, headers={**ada, **key})

    assert [mine.status_code, theirs.status_code, elsewhere.status_code] == [201, 201, 200]
    assert mine.json()["id"] != theirs.json()["id"]
    assert await things(service) == 3


async def test_fifty_at_once_have_one_effect(http: httpx2.AsyncClient, ada: dict[str, str], service: Service) -> None:
    headers = {**ada, "Idempotency-Key": "one"}
    answers = await asyncio.gather(*(http.post("/v1/things", json={"title": "x"}, headers=headers) for _ in range(50)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 409)
    assert await things(service) == 1


async def test_two_processes_at_once_have_one_effect(database_url: str, jwks_file: Path, ada: dict[str, str]) -> None:
    create_tables(database_url, TARGETS)
    both = [build(settings_for(database_url, jwks_file)) for _ in range(2)]
    headers = {**ada, "Idempotency-Key": "one"}
    async with client(both[0]) as one, client(both[1]) as two:
        answers = await asyncio.gather(
            *(http.post("/v1/things", json={"title": "x"}, headers=headers) for http in (one, two) for _ in range(5))
        )
        assert await things(both[0]) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert 201 in {answer.status_code for answer in answers}
    for service in both:
        await service.database.close()


async def test_refused_calls_do_not_use_up_their_key(
    http: httpx2.AsyncClient, ada: dict[str, str], keys: Issuer, thing: str
) -> None:
    headers = {**ada, "Idempotency-Key": "one", "If-Match": '"9"'}
    refused = await http.post(f"{thing}/pay", json={"amount": 1}, headers=headers)
    done = await http.post(f"{thing}/pay", json={"amount": 2}, headers={**headers, "If-Match": '"1"'})

    assert code(refused) == (412, "version_stale")
    assert done.status_code == 200


async def test_keys_are_forgotten_after_thirty_days(
    http: httpx2.AsyncClient, ada: dict[str, str], service: Service
) -> None:
    headers = {**ada, "Idempotency-Key": "one"}
    await http.post("/v1/things", json={"title": "x"}, headers=headers)
    await purge_keys(service.database)
    async with service.database.read() as tx:
        assert len(await tx.all(sa.select(IDEMPOTENCY_KEYS))) == 1

    service.database.clocks = ahead(days=30.1)
    await purge_keys(service.database)
    async with service.database.read() as tx:
        assert await tx.all(sa.select(IDEMPOTENCY_KEYS)) == []


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ä"], ids=["empty", "256", "space", "not ASCII"])
async def test_unfit_keys_are_refused(http: httpx2.AsyncClient, ada: dict[str, str], key: str) -> None:
    sent = {**ada, "Idempotency-Key": key}
    headers = {name.encode(): value.encode("latin-1") for name, value in sent.items()}
    answer = await http.post("/v1/things", json={"title": "x"}, headers=headers)

    assert code(answer) == (400, "idempotency_key_invalid")


async def test_money_needs_a_key(http: httpx2.AsyncClient, ada: dict[str, str], thing: str) -> None:
    answer = await http.post(f"{thing}/pay", json={"amount": 1}, headers=ada)

    assert code(answer) == (400, "idempotency_key_required")


async def test_versions(http: httpx2.AsyncClient, ada: dict[str, str], thing: str) -> None:
    async def rename(match: str | None) -> httpx2.Response:
        extra = {} if match is None else {"If-Match": match}
        return await http.put(f"{thing}/title", json={"title": "y"}, headers={**ada, **extra})

    assert code(await rename(None)) == (428, "precondition_required")
    assert code(await rename('"2"')) == (412, "version_stale")
    assert (await rename('"2"')).json()["version"] == 1
    assert code(await rename('W/"1"')) == (412, "version_stale")
    first = await rename('"1"')
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    assert (await rename('"7", "2"')).status_code == 200
    assert (await rename("*")).status_code == 200


async def test_known_versions_are_not_sent_again(http: httpx2.AsyncClient, ada: dict[str, str], thing: str) -> None:
    seen = await http.get(thing, headers=ada)
    same = await http.get(thing, headers={**ada, "If-None-Match": seen.headers["etag"]})
    other = await http.get(thing, headers={**ada, "If-None-Match": '"99"'})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", seen.headers["etag"])
    assert other.status_code == 200


async def test_checks_come_in_their_order(http: httpx2.AsyncClient, keys: Issuer, thing: str) -> None:
    key = {"Idempotency-Key": "order"}
    good: dict[str, Any] = {"json": {"amount": 1}}
    bad: dict[str, Any] = {"json": {"amount": 0}}
    stale = {"If-Match": '"9"'}
    partner, ada = keys.headers("partner"), keys.headers("ada")

    async def pay(headers: dict[str, str], path: str = thing, **body: Any) -> int:
        return (await http.post(f"{path}/pay", headers=headers, **body)).status_code

    assert await pay({**key}, "/v1/things/none", **bad) == 401
    assert await pay({**partner, **key, **stale}, "/v1/things/none", **bad) == 422
    assert await pay({**partner, **key, **stale}, "/v1/things/none", **good) == 404
    assert await pay({**partner, **key, **stale}, **good) == 403
    assert await pay({**ada, **key, **stale}, **good) == 412
    assert await pay({**ada, **key}, **good) == 200
    assert await pay({**ada, **key, **stale}, **good) == 200  # the replay comes before the version
    assert await pay({**ada, "Idempotency-Key": "other"}, **good) == 409


async def test_conflict_tells_where_the_object_stands(
    http: httpx2.AsyncClient, ada: dict[str, str], thing: str
) -> None:
    for key in ("a", "b"):
        answer = await http.post(f"{thing}/pay", json={"amount": 5}, headers={**ada, "Idempotency-Key": key})

    assert {name: answer.json()[name] for name in ("state", "version", "allowed")} == {
        "state": "paid",
        "version": 2,
        "allowed": [],
    }


async def test_pages_show_everything_once_newest_first(http: httpx2.AsyncClient, ada: dict[str, str]) -> None:
    made = [(await http.post("/v1/things", json={"title": f"t{n}"}, headers=ada)).json()["id"] for n in range(7)]
    seen: list[str] = []
    path: str | None = "/v1/things?limit=3"
    while path:
        answer = (await http.get(path, headers=ada)).json()
        seen += [one["id"] for one in answer["data"]]
        path = f"/v1/things?limit=3&cursor={answer['next_cursor']}" if answer["next_cursor"] else None

    assert seen == made[::-1]


async def test_cursors_cannot_be_made_or_borrowed(http: httpx2.AsyncClient, ada: dict[str, str], keys: Issuer) -> None:
    for n in range(3):
        await http.post("/v1/things", json={"title": f"t{n}"}, headers=ada)
    real = (await http.get("/v1/things?limit=1", headers=ada)).json()["next_cursor"]
    assert (await http.get(f"/v1/things?cursor={real}", headers=ada)).status_code == 200

    for forged in ("x", real[:-2], real + "AA", "A" * len(real), "%C3%A4", "e30"):
        assert code(await http.get(f"/v1/things?cursor={forged}", headers=ada)) == (400, "cursor_invalid")
    borrowed = await http.get(f"/v1/things?cursor={real}", headers=keys.headers("eve"))
    assert code(borrowed) == (400, "cursor_invalid")


@pytest.mark.parametrize("limit", ["0", "101", "x", "1.5", ""])
async def test_limits_of_pages(http: httpx2.AsyncClient, ada: dict[str, str], limit: str) -> None:
    answer = await http.get(f"/v1/things?limit={limit}", headers=ada)

    assert code(answer) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "?limit"


async def test_new_cursor_secret_signs_and_the_old_one_still_verifies(
    sqlite_url: str, jwks_file: Path, ada: dict[str, str]
) -> None:
    create_tables(sqlite_url, TARGETS)
    old, new = "an-old-secret-of-ours", "a-new-secret-of-ours!"
    before = build(settings_for(sqlite_url, jwks_file, cursor_secrets=old))
    async with client(before) as http:
        for n in range(3):
            await http.post("/v1/things", json={"title": f"t{n}"}, headers=ada)
        cursor = (await http.get("/v1/things?limit=1", headers=ada)).json()["next_cursor"]
    await before.database.close()
    expected = {f"{new},{old}": 200, new: 400}
    for secrets, status in expected.items():
        after = build(settings_for(sqlite_url, jwks_file, cursor_secrets=secrets))
        async with client(after) as http:
            assert (await http.get(f"/v1/things?cursor={cursor}", headers=ada)).status_code == status
        await after.database.close()


async def test_commands_without_fields_take_nothing_or_an_empty_object(
    http: httpx2.AsyncClient, ada: dict[str, str], thing: str
) -> None:
    assert (await http.post(f"{thing}/touch", headers=ada)).status_code == 200
    assert (await http.post(f"{thing}/touch", json={}, headers=ada)).status_code == 200
    more = await http.post(f"{thing}/touch", json={"force": True}, headers=ada)
    assert code(more) == (422, "invalid_request")
    assert more.json()["errors"][0]["pointer"] == "/force"
    assert (await http.post(f"{thing}/touch", json=[], headers=ada)).status_code == 422
