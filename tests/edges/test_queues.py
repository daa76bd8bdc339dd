"""Every queue, given all that is no message of its own: kept with a reason, seen by operators, in nobody's way."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from skillscoop_messages.envelope import encode
from skillscoop_messages.examples import EXAMPLES, example_envelope
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.registry import EVENTS, SUBSCRIPTIONS
from skillscoop_messages.tables import SCHEDULED
from skillscoop_messages.transport.base import RawMessage

from tests.edges.all_services import AllServices, Kept
from tests.edges.conftest import Prepared
from tests.edges.expectations import CANARY, wrong_with
from tests.edges.scenes import Scene
from tests.edges.test_webhooks import EVENT, deliver

Json = dict[str, Any]
QUEUES = sorted(SUBSCRIPTIONS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(whole: Prepared) -> AsyncIterator[Kept]:
    """The scenes went on until every kind of event was said at least once."""
    all_services, scenes = whole.all_services, whole.scenes
    all_services.bring_back(whole.kept)
    for who in ("ada", "grace"):
        await all_services.done(who, "POST", f"{scenes['proposal'].dispute}/proposal/accept", {})
    await all_services.done("ada", "POST", f"{scenes['disputed'].dispute}/withdraw")
    await all_services.done("sid", "POST", f"{scenes['judged'].dispute}/approve-decision")
    paying, active = scenes["paying"], scenes["active"]
    ((ref,),) = all_services.rows("payments", "SELECT checkout_ref FROM payments WHERE id = ?", paying.payment_id)
    all_services.stripe.pay(ref, 4_000)
    event = {**EVENT, "type": "checkout.session.completed", "data": {"object": {"id": ref}}}
    assert (await deliver(all_services, event)).status == 200
    fund = {"amount": 5_000, "revision": 1}
    await all_services.done("ada", "POST", f"/v1/milestones/{active.milestone_id}/fund", fund)
    await all_services.settle()
    await all_services.done("ada", "POST", f"/v1/milestones/{active.milestone_id}/cancel-funding")
    await all_services.settle()
    yield all_services.keep()


@pytest.fixture
def busy_services(whole: Prepared, told: Kept) -> AllServices:
    """The services after all of that."""
    whole.all_services.bring_back(told)
    return whole.all_services


def said(all_services: AllServices, queue: str) -> list[RawMessage]:
    """The last message of each kind that a queue takes."""
    newest = {raw.type: raw for raw in all_services.said if raw.type in SUBSCRIPTIONS[queue].types}
    return list(newest.values())


def raw(body: bytes | Json, id: str | None = None) -> RawMessage:
    """A delivery; a document gets the delivery's id unless it has none to have."""
    if isinstance(body, bytes):
        return RawMessage(id or new_message_id(), "a.b.c.v1", "nobody", body)
    known = id or new_message_id()
    document = {**body, "id": known} if body.get("id") == "of the delivery" else body
    return RawMessage(known, str(body.get("type", "")), str(body.get("subject", "")), json.dumps(document).encode())


def document(message: RawMessage) -> Json:
    """A message's document, to be sent once more as another message."""
    return {**json.loads(message.body), "id": "of the delivery"}


def without(body: Json, name: str) -> Json:
    return {known: value for known, value in body.items() if known != name}


def poison(good: Json, queue: str) -> dict[str, tuple[RawMessage, str]]:
    """Everything that is no message of this queue, and the reason it is kept for."""
    data = good["data"]
    fields = EVENTS[good["type"]].event.model_fields
    first = next(name for name in data if fields[name].is_required())
    other = next(name for name in sorted(EVENTS) if name not in SUBSCRIPTIONS[queue].types)
    unreadable: dict[str, Any] = {
        "nothing": b"",
        "no JSON": CANARY.encode(),
        "bytes": bytes(range(256)),
        "half": json.dumps(good).encode()[:-20],
        "a list": b"[]",
        "null": b"null",
        "an empty object": b"{}",
        "too deep": b"[" * 200_000,
        "huge": b"x" * 3_000_000,
        **{f"without {name}": without(good, name) for name in ("id", "source", "type", "subject", "time", "data")},
        "without sequence": without(good, "sequence"),
        "without correlation": without(good, "correlationid"),
        "an empty id": {**good, "id": ""},
        "an id that is a number": {**good, "id": 7},
        "an id of 300 letters": {**good, "id": "i" * 300},
        "an id with NUL": {**good, "id": "a\0b"},
        "an empty subject": {**good, "subject": ""},
        "a subject with half a pair": {**good, "subject": "ctr_\ud800"},
        "a correlation with NUL": {**good, "correlationid": "a\0b"},
        "a correlation without end": {**good, "correlationid": "c" * 10_000},
        "another specification": {**good, "specversion": "2.0"},
        "a time without a zone": {**good, "time": "2026-01-01T00:00:00"},
        "a time in words": {**good, "time": "yesterday"},
        "sequence -1": {**good, "sequence": "-1"},
        "sequence 0": {**good, "sequence": "0"},
        "sequence 2^63": {**good, "sequence": str(2**63)},
        "sequence in words": {**good, "sequence": "first"},
        "data null": {**good, "data": None},
        "data a list": {**good, "data": [data]},
        "data empty": {**good, "data": {}},
        "a field missing": {**good, "data": without(data, first)},
        "a field of another type": {**good, "data": {**data, first: [CANARY]}},
    }  # fmt: skip
    amounts = [name for name, value in data.items() if isinstance(value, int) and not isinstance(value, bool)]
    for name in amounts:
        unreadable[f"{name} a text"] = {**good, "data": {**data, name: str(data[name])}}
        unreadable[f"{name} with a fraction"] = {**good, "data": {**data, name: data[name] + 0.5}}
        unreadable[f"{name} true"] = {**good, "data": {**data, name: True}}
    unknown = {
        "an unknown type": {**good, "type": "contracts.contract.exploded.v1"},
        "an unknown major": {**good, "type": re.sub(r"v1$", "v2", good["type"])},
        "a type in capitals": {**good, "type": good["type"].upper()},
    }
    misplaced = {
        "of another queue": {**good, "type": other, "data": json.loads(example(other))["data"],
                             "source": f"/services/{other.partition('.')[0]}"},
        "said by somebody else": {**good, "source": "/services/reviews" if queue[:7] != "reviews" and
                                  good["source"] != "/services/reviews" else "/services/payments"},
        "said by nobody": {**good, "source": "somebody"},
        "with another's id": {**good, "id": new_message_id()},
    }  # fmt: skip
    return {
        **{name: (raw(body), "unreadable") for name, body in unreadable.items()},
        **{name: (raw(body), "unknown_type") for name, body in unknown.items()},
        **{name: (raw(body), "permanent") for name, body in misplaced.items()},
    }


def example(type: str) -> bytes:
    """Any message of a type."""
    return encode(example_envelope(EXAMPLES[type]))


def kept(all_services: AllServices, queue: str) -> dict[str, tuple[str, str | None, str]]:
    """What is kept of a queue by message id: (state, reason, last error)."""
    query = "SELECT message_id, state, reason, last_error FROM scheduled WHERE subscriber = ? AND kind = 'message'"
    return {
        id: (state, reason, error) for id, state, reason, error in all_services.rows(service_of(queue), query, queue)
    }


def handled(all_services: AllServices, queue: str) -> set[str]:
    """The ids of messages a queue has handled."""
    query = "SELECT message_id FROM inbox WHERE subscriber = ?"
    return {id for (id,) in all_services.rows(service_of(queue), query, queue)}


def service_of(queue: str) -> str:
    return queue.partition(".")[0]


def test_every_queue_has_been_spoken_to(busy_services: AllServices) -> None:
    assert [queue for queue in QUEUES if not said(busy_services, queue)] == []
    assert {one.name for service in busy_services.by_name.values() for one in service.subscribers} == set(QUEUES)


@pytest.mark.parametrize("queue", QUEUES)
async def test_what_is_no_message_is_parked_with_its_reason(busy_services: AllServices, queue: str) -> None:
    messages = poison(document(said(busy_services, queue)[0]), queue)
    known = set(kept(busy_services, queue))

    await busy_services.put(queue, [one for one, _ in messages.values()])

    taken = handled(busy_services, queue)
    assert [name for name, (message, _) in messages.items() if message.id in taken] == []
    assert busy_services.changed() == [f"{service_of(queue)}.scheduled"]
    found = kept(busy_services, queue)
    wrong = []
    for name, (message, reason) in messages.items():
        state, why, error = found.get(message.id, ("gone", "", ""))
        if (state, why) != ("parked", reason) or not error or CANARY in error:
            wrong.append(f"{name}: {state} {why} {error}")
    assert not wrong, "\n".join(wrong)
    assert len(found) == len(messages) + len(known)


@pytest.mark.parametrize("queue", QUEUES)
async def test_good_messages_behind_bad_ones_are_handled(busy_services: AllServices, queue: str) -> None:
    good = [raw(document(one)) for one in said(busy_services, queue)]
    bad = [one for one, _ in poison(document(said(busy_services, queue)[0]), queue).values()]

    await busy_services.put(queue, [*bad[:50], *good, *bad[50:]])

    assert {one.id for one in good} <= handled(busy_services, queue), kept(busy_services, queue)
    assert not {one.id for one in bad} & handled(busy_services, queue)


@pytest.mark.parametrize("queue", QUEUES)
async def test_a_message_said_again_under_another_id_moves_no_money(busy_services: AllServices, queue: str) -> None:
    """The inbox does not know it, so the domain has to."""
    before = {
        table: busy_services.rows("payments", f"SELECT count(*) FROM {table}")
        for table in ("ledger_journals", "settlements")
    }
    made = busy_services.stripe.made.copy()

    await busy_services.put(queue, [raw(document(one)) for one in said(busy_services, queue)])
    await busy_services.settle()

    after = {table: busy_services.rows("payments", f"SELECT count(*) FROM {table}") for table in before}
    assert (after, busy_services.stripe.made) == (before, made)


@pytest.mark.parametrize("queue", QUEUES)
async def test_an_id_that_comes_again_with_another_body_is_a_duplicate(busy_services: AllServices, queue: str) -> None:
    first = raw(document(said(busy_services, queue)[0]))
    await busy_services.put(queue, [first])
    busy_services.changed()
    others = [one for one, _ in poison(document(first), queue).values() if b"CloudEvents" not in one.body]

    await busy_services.put(
        queue, [RawMessage(first.id, first.type, first.subject, first.body.replace(b'"usd"', b'"jpy"'))]
    )
    assert busy_services.changed() == []
    await busy_services.put(queue, [RawMessage(first.id, one.type, one.subject, one.body) for one in others])
    assert set(busy_services.changed()) <= {f"{service_of(queue)}.scheduled"}
    assert len([id for id in handled(busy_services, queue) if id == first.id]) == 1


@pytest.mark.parametrize("queue", QUEUES)
async def test_a_message_about_something_unknown_waits_or_is_noted(busy_services: AllServices, queue: str) -> None:
    for message in said(busy_services, queue):
        text = re.sub(rb"\b([a-z]{2,3})_[0-9a-f]{32}", lambda found: found[1] + b"_" + b"0" * 31 + b"1", message.body)
        stranger = raw({**json.loads(text), "id": "of the delivery"})

        await busy_services.put(queue, [stranger])

        waits = kept(busy_services, queue).get(stranger.id)
        assert (stranger.id in handled(busy_services, queue)) is (waits is None), message.type
        if waits is None:
            continue
        state, reason, error = waits
        assert (state, reason) == ("waiting", None) and error.startswith("NotYet: "), (message.type, waits)
        await forget_since(busy_services, queue, timedelta(hours=25))
        await busy_services.ring(service_of(queue))
        assert kept(busy_services, queue)[stranger.id][:2] == ("parked", "not_yet_for_too_long"), message.type
        await empty(busy_services, queue)


async def forget_since(all_services: AllServices, queue: str, ago: timedelta) -> None:
    """What is kept of a queue is due, and was first tried some time ago."""
    async with all_services.by_name[service_of(queue)].database.begin() as tx:
        mine = SCHEDULED.update().where(SCHEDULED.c.subscriber == queue, SCHEDULED.c.state == "waiting")
        await tx.execute(mine.values(first_at=tx.wall() - ago, due_at=tx.wall()))


async def empty(all_services: AllServices, queue: str) -> None:
    async with all_services.by_name[service_of(queue)].database.begin() as tx:
        await tx.execute(SCHEDULED.delete().where(SCHEDULED.c.subscriber == queue, SCHEDULED.c.kind == "message"))


@pytest.mark.parametrize("queue", QUEUES)
async def test_operators_see_replay_and_give_up_what_is_parked(busy_services: AllServices, queue: str) -> None:
    service = service_of(queue)
    bad = raw({**document(said(busy_services, queue)[0]), "sequence": "-1"})
    await busy_services.put(queue, [bad])
    await busy_services.settle()
    path, here = f"/v1/admin/{service}/parked", f"/v1/admin/{service}/parked/{queue}:{bad.id}"

    listed = (await busy_services.done("olga", "GET", f"{path}?subscriber={queue}"))["data"]
    (mine,) = [one for one in listed if one["message_id"] == bad.id]
    assert (mine["reason"], mine["attempts"], mine["money"]) == ("unreadable", 1, SUBSCRIPTIONS[queue].money)
    assert mine["event"] is None and mine["last_error"] and mine["parked_at"]
    assert (await busy_services.done("olga", "GET", here))["event"]["sequence"] == "-1"

    assert (await busy_services.ask("olga", "POST", f"{here}/replay")).status == 200
    assert (await busy_services.ask("olga", "GET", here)).status == 404
    await busy_services.ring(service)
    again = await busy_services.done("olga", "GET", here)
    assert (again["reason"], again["attempts"]) == ("unreadable", 1)

    reason = {"reason": "It is nonsense."}
    if SUBSCRIPTIONS[queue].money:
        asked = await busy_services.ask("olga", "POST", f"{here}/discard", reason)
        assert (asked.status, asked.json()["state"]) == (202, "awaiting_second_operator")
        for who, body in (("olga", reason), ("otto", {"reason": "Another reason."})):
            refused = await busy_services.ask(who, "POST", f"{here}/discard", body)
            assert (refused.status, refused.code, wrong_with(refused)) == (409, "second_operator_differs", [])
        assert (await busy_services.ask("olga", "GET", here)).status == 200
        assert (await busy_services.ask("otto", "POST", f"{here}/discard", reason)).status == 200
    else:
        assert (await busy_services.ask("olga", "POST", f"{here}/discard", reason)).status == 200
    assert (await busy_services.ask("olga", "GET", here)).status == 404
    assert (await busy_services.ask("olga", "POST", f"{here}/discard", reason)).status == 404
    acts = busy_services.rows(
        service, "SELECT action FROM audit_log WHERE subject = ? ORDER BY id", f"{queue}:{bad.id}"
    )
    asked_first = [("ask_to_discard_parked",)] if SUBSCRIPTIONS[queue].money else []
    assert acts == [("replay_parked",), *asked_first, ("discard_parked",)]

    late = raw(document(said(busy_services, queue)[0]), bad.id)
    busy_services.changed()
    await busy_services.put(queue, [late])
    assert busy_services.changed() == [], "given up means given up, also for what comes late"


async def test_scenes_of_others_are_as_they_were(busy_services: AllServices, scenes: dict[str, Scene]) -> None:
    """Poison in every queue at once, and everything still works."""
    for queue in QUEUES:
        bad = [one for one, _ in poison(document(said(busy_services, queue)[0]), queue).values()]
        await busy_services.put(queue, bad)
    await busy_services.done("ada", "POST", f"{scenes['draft'].contract}/send")
    await busy_services.settle()

    notices = await busy_services.done("grace", "GET", "/v1/notifications?limit=1")
    assert notices["data"][0]["kind"] == "terms.proposed"
