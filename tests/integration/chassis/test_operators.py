"""Operators' hands: what is parked, what waits, what happened; and two pairs of eyes on money."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from skillscoop_chassis.service import Service
from skillscoop_chassis.tables import AUDIT_LOG
from skillscoop_messages import inbox, outbox
from skillscoop_messages.examples import EXAMPLES
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.registry import EVENTS, SUBSCRIPTIONS
from skillscoop_messages.tables import SCHEDULED

from tests.support.example import ahead
from tests.support.identity import Issuer

BASE = "/v1/admin/contracts"
MONEY = next(name for name, one in SUBSCRIPTIONS.items() if one.money and name.startswith("contracts."))
OTHER = next(name for name, one in SUBSCRIPTIONS.items() if not one.money and name.startswith("contracts."))


@pytest.fixture
def ops(keys: Issuer) -> dict[str, str]:
    return {**keys.headers("olga", ["ops"]), "Idempotency-Key": new_message_id()}


@pytest.fixture
def second(keys: Issuer) -> dict[str, str]:
    return {**keys.headers("omar", ["ops"]), "Idempotency-Key": new_message_id()}


async def park(service: Service, subscriber: str, *, minutes_ago: int = 0) -> str:
    message = new_message_id()
    async with service.database.begin() as tx:
        at = tx.wall() - timedelta(minutes=minutes_ago)
        row: dict[str, Any] = {
            "subscriber": subscriber,
            "message_id": message,
            "kind": "message",
            "state": "parked",
            "due_at": at,
            "attempts": 10,
            "type": "payments.payment.held.v1",
            "subject": "ms_1",
            "correlation_id": "story-1",
            "body": b'{"specversion": "1.0"}',
            "reason": "attempts_used_up",
            "last_error": "ValueError: odd",
            "first_at": at,
            "parked_at": at,
        }
        await tx.execute(SCHEDULED.insert(), row)
    return f"{subscriber}:{message}"


async def acts(service: Service, subject: str) -> list[tuple[str, str, str | None]]:
    async with service.database.read() as tx:
        rows = await tx.all(sa.select(AUDIT_LOG).where(AUDIT_LOG.c.subject == subject).order_by(AUDIT_LOG.c.id))
    return [(row["actor"], row["action"], row["reason"]) for row in rows]


async def test_only_operators_look(http: httpx2.AsyncClient, keys: Issuer, service: Service) -> None:
    parked = await park(service, OTHER)
    for path in ("/parked", f"/parked/{parked}", "/outbox", "/story/x"):
        refused = await http.get(f"{BASE}{path}", headers=keys.headers("ada", ["support"]))
        assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")


async def test_parked_messages_are_listed_newest_first_and_shown(
    http: httpx2.AsyncClient, ops: dict[str, str], service: Service
) -> None:
    made = [await park(service, MONEY, minutes_ago=n) for n in range(3)]
    first = (await http.get(f"{BASE}/parked?limit=2", headers=ops)).json()
    rest = (await http.get(f"{BASE}/parked?limit=2&cursor={first['next_cursor']}", headers=ops)).json()
    shown = (await http.get(f"{BASE}/parked/{made[0]}", headers=ops)).json()

    assert [one["id"] for one in first["data"] + rest["data"]] == made
    assert rest["next_cursor"] is None
    assert (shown["event"], shown["money"], shown["reason"]) == ({"specversion": "1.0"}, True, "attempts_used_up")


async def test_replay_is_audited_and_happens_once(
    http: httpx2.AsyncClient, ops: dict[str, str], service: Service
) -> None:
    parked = await park(service, OTHER)
    done = await http.post(f"{BASE}/parked/{parked}/replay", headers=ops)
    again = await http.post(f"{BASE}/parked/{parked}/replay", headers=ops)
    gone = await http.post(f"{BASE}/parked/{parked}/replay", headers={**ops, "Idempotency-Key": "new"})

    assert (done.status_code, again.status_code, gone.status_code) == (200, 200, 404)
    assert await acts(service, parked) == [("olga", "replay_parked", None)]
    async with service.database.read() as tx:
        row = await tx.first(sa.select(SCHEDULED))
    assert row is not None
    assert row["state"] == "waiting"


async def test_discarding_needs_a_reason_and_is_audited(
    http: httpx2.AsyncClient, ops: dict[str, str], service: Service
) -> None:
    parked = await park(service, OTHER)
    path = f"{BASE}/parked/{parked}/discard"
    assert (await http.post(path, json={}, headers=ops)).status_code == 422
    done = await http.post(path, json={"reason": "a test message"}, headers=ops)

    assert done.status_code == 200
    assert await acts(service, parked) == [("olga", "discard_parked", "a test message")]
    subscriber, _, message = parked.partition(":")
    async with service.database.begin() as tx:
        assert await inbox.first_times(tx, subscriber, [message]) == set()


async def test_money_is_given_up_by_two(
    http: httpx2.AsyncClient, ops: dict[str, str], second: dict[str, str], service: Service
) -> None:
    parked = await park(service, MONEY)
    path, body = f"{BASE}/parked/{parked}/discard", {"reason": "paid by hand"}

    first = await http.post(path, json=body, headers=ops)
    assert (first.status_code, first.json()["state"]) == (202, "awaiting_second_operator")
    alone = await http.post(path, json=body, headers={**ops, "Idempotency-Key": "again"})
    assert (alone.status_code, alone.json()["code"]) == (409, "second_operator_differs")
    other = await http.post(path, json={"reason": "something else"}, headers=second)
    assert other.status_code == 409
    assert (await http.get(f"{BASE}/parked/{parked}", headers=ops)).status_code == 200

    done = await http.post(
        path, content=b'{ "reason":"paid by hand" }', headers={**second, "Content-Type": "application/json"}
    )
    assert done.status_code == 200
    assert (await http.get(f"{BASE}/parked/{parked}", headers=ops)).status_code == 404
    assert [(actor, action) for actor, action, _ in await acts(service, parked)] == [
        ("olga", "ask_to_discard_parked"),
        ("omar", "discard_parked"),
    ]


async def test_question_to_a_second_operator_lapses_after_a_day(
    http: httpx2.AsyncClient, ops: dict[str, str], second: dict[str, str], service: Service
) -> None:
    parked = await park(service, MONEY)
    path, body = f"{BASE}/parked/{parked}/discard", {"reason": "paid by hand"}
    await http.post(path, json=body, headers=ops)
    service.database.clocks = ahead(days=1.01)

    late = await http.post(path, json=body, headers=second)
    assert (late.status_code, late.json()["asked_by"]) == (202, "omar")


async def test_outbox_and_story_tell_what_was_recorded(
    http: httpx2.AsyncClient, ops: dict[str, str], service: Service
) -> None:
    kind = next(name for name, entry in EVENTS.items() if entry.publisher == "contracts" and name in EXAMPLES)
    event = EVENTS[kind].event.model_validate(EXAMPLES[kind])
    async with service.database.begin() as tx:
        outbox.record(tx, event)
    waiting = (await http.get(f"{BASE}/outbox", headers=ops)).json()
    story = (await http.get(f"{BASE}/story/{event.subject}", headers=ops)).json()

    assert (waiting["unpublished"], waiting["data"][0]["type"]) == (1, kind)
    assert [one["type"] for one in story["data"]] == [kind]
    assert story["data"][0]["event"]["type"] == kind
    by_correlation = await http.get(f"{BASE}/story/{story['data'][0]['correlation_id']}", headers=ops)
    assert by_correlation.json()["data"] == story["data"]
    assert (await http.get(f"{BASE}/story/nothing", headers=ops)).json() == {
        "data": [],
        "scheduled": [],
        "handled": [],
        "audit": [],
    }
