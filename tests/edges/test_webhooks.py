"""What arrives as a webhook: only Stripe's own, only now, only once, and believed in nothing but what to look at."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any

import pytest
import stripe

from tests.edges.all_services import HOOK_SECRET, THIN_SECRET, AllServices
from tests.edges.asking import JSON, Answer, Header, ask
from tests.edges.expectations import CANARY, wrong_with
from tests.edges.scenes import Scene

PLATFORM, CONNECT, THIN = "/webhooks/stripe", "/webhooks/stripe/connect", "/webhooks/stripe/thin"
LIMIT = 512 * 1024
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "livemode": False,
    "data": {"object": {"id": "pi_of_nobody", "object": "payment_intent", "description": CANARY}},
}
THIN_EVENT: dict[str, Any] = {
    "id": "evt_2",
    "object": "v2.core.event",
    "type": "v2.core.account.updated",
    "livemode": False,
    "related_object": {"id": "acct_of_nobody", "type": "v2.core.account"},
}


def now(all_services: AllServices) -> int:
    return int(all_services.clocks.wall().timestamp())


def signature(body: bytes, secret: str, at: int, scheme: str = "v1") -> str:
    """As Stripe signs, worked out by hand for what its library would not make."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},{scheme}={digest}"


async def knock(
    all_services: AllServices, body: bytes | list[bytes], header: str | bytes | None, path: str = PLATFORM
) -> Answer:
    """One delivery."""
    headers: list[Header] = [("Content-Type", JSON)]
    if header is not None:
        headers.append(("Stripe-Signature", header))
    return await ask(all_services.by_name["payments"].app, "POST", path, headers=headers, body=body)


async def deliver(
    all_services: AllServices, event: Any, path: str = PLATFORM, *, secret: str = HOOK_SECRET, age: int = 0
) -> Answer:
    """A delivery signed by Stripe's own library, `age` seconds ago."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    header = (
        stripe.WebhookSignature.generate_signature_header(
            body.decode("utf-8", "surrogateescape"), secret, timestamp=now(all_services) - age
        )
        if not isinstance(event, bytes)
        else signature(body, secret, now(all_services) - age)
    )
    return await knock(all_services, body, header, path)


def notices(all_services: AllServices) -> list[str]:
    return [
        id for (id,) in all_services.rows("payments", "SELECT event_id FROM provider_notices WHERE origin <> 'sweeper'")
    ]


def forged(all_services: AllServices) -> dict[str, tuple[bytes, str | bytes | None]]:
    """Deliveries that Stripe did not make, or not now."""
    body, at = json.dumps(EVENT).encode(), now(all_services)
    good = signature(body, HOOK_SECRET, at)
    digest = good.partition("v1=")[2]
    return {
        "no header": (body, None),
        "an empty header": (body, ""),
        "words": (body, "words"),
        "only a time": (body, f"t={at}"),
        "only a signature": (body, f"v1={digest}"),
        "an empty signature": (body, f"t={at},v1="),
        "a short signature": (body, f"t={at},v1={digest[:10]}"),
        "a signature in capitals": (body, f"t={at},v1={digest.upper()}"),
        "a signature of letters": (body, f"t={at},v1={'z' * 64}"),
        "a signature not in ASCII": (body, f"t={at},v1=é{digest}".encode()),
        "the old scheme alone": (body, signature(body, HOOK_SECRET, at, "v0")),
        "another scheme": (body, signature(body, HOOK_SECRET, at, "v2")),
        "a wrong secret": (body, signature(body, "whsec_guessed", at)),
        "an empty secret": (body, signature(body, "", at)),
        "another door's secret": (body, signature(body, THIN_SECRET, at)),
        "the secret without its prefix": (body, signature(body, HOOK_SECRET.removeprefix("whsec_"), at)),
        "one byte more": (body + b" ", good),
        "one byte changed": (body.replace(b"succeeded", b"sUcceeded"), good),
        "written anew": (json.dumps(EVENT, indent=1).encode(), good),
        "an empty body with another's signature": (b"", good),
        "another time": (body, good.replace(f"t={at}", f"t={at - 1}")),
        "two times": (body, f"t={at},{good}"),
        "a time of letters": (body, f"t=now,v1={digest}"),
        "a time with a fraction": (body, f"t={at}.5,v1={digest}"),
        "a negative time": (body, signature(body, HOOK_SECRET, -at)),
        "a time in other digits": (body, f"t=١٢٣,v1={digest}".encode()),
        "a time without end": (body, f"t={'9' * 400},v1={digest}"),
        "301 seconds old": (body, signature(body, HOOK_SECRET, at - 302)),
        "three days old": (body, signature(body, HOOK_SECRET, at - 3 * 86_400)),
        "from the future": (body, signature(body, HOOK_SECRET, at + 3_600)),
        "milliseconds": (body, signature(body, HOOK_SECRET, at * 1000)),
    }


def nonsense() -> dict[str, bytes]:
    """Rightly signed bodies that are no event of the platform."""

    def text(**changed: Any) -> bytes:
        told = {name: value for name, value in {**EVENT, **changed}.items() if value != "left out"}
        return json.dumps(told).encode()

    return {
        "nothing": b"",
        "words": b"hello",
        "half a body": b'{"id": ',
        "a list": b"[]",
        "a text": b'"event"',
        "null": b"null",
        "a number": b"7",
        "an empty object": b"{}",
        "no UTF-8": text()[:-1] + b"\xff}",
        "bytes": bytes(range(256)),
        "NaN": text()[:-1] + b', "amount": NaN}',
        "far too deep": text()[:-1] + b', "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "without id": text(id="left out"),
        "without type": text(type="left out"),
        "without object": text(object="left out"),
        "an id that is a number": text(id=7),
        "an id that is a list": text(id=["evt_1"]),
        "an id that is empty": text(id=""),
        "an id of 256 letters": text(id="e" * 256),
        "an id with NUL": text(id="evt_\0"),
        "an id with half a pair": text(id="evt_\ud800"),
        "a type that is null": text(type=None),
        "a type that is an object": text(type={}),
        "a type with NUL": text(type="payment_intent.succeeded\0"),
        "another object": text(object="payment_intent"),
        "a thin event": json.dumps(THIN_EVENT).encode(),
        "a live event": text(livemode=True),
        "a live event in words": text(livemode="false"),
    }


@pytest.mark.parametrize("path", [PLATFORM, CONNECT, THIN])
async def test_what_stripe_did_not_send_now_is_refused(all_services: AllServices, path: str) -> None:
    wrong = []
    for name, (body, header) in forged(all_services).items():
        if path == THIN and name == "another door's secret":
            continue
        answer = await knock(all_services, body, header, path)
        problems = wrong_with(answer)
        if (answer.status, answer.code) != (400, "webhook_refused"):
            problems.append(f"{answer.status} {answer.text[:200]}")
        problems += [f"changed {table}" for table in all_services.changed()]
        wrong += [f"{name}: {one}" for one in problems]

    assert not wrong, "\n".join(wrong)
    assert notices(all_services) == []


async def test_what_is_signed_and_still_no_event_is_refused(all_services: AllServices) -> None:
    wrong = []
    for name, body in nonsense().items():
        answer = await deliver(all_services, body)
        problems = wrong_with(answer)
        if (answer.status, answer.code) != (400, "webhook_refused"):
            problems.append(f"{answer.status} {answer.text[:200]}")
        problems += [f"changed {table}" for table in all_services.changed()]
        wrong += [f"{name}: {one}" for one in problems]

    assert not wrong, "\n".join(wrong)


async def test_each_door_takes_its_own_events(all_services: AllServices) -> None:
    for path, event, secret in (
        (PLATFORM, THIN_EVENT, HOOK_SECRET),
        (CONNECT, THIN_EVENT, HOOK_SECRET),
        (THIN, EVENT, THIN_SECRET),
        (THIN, THIN_EVENT, HOOK_SECRET),
        (PLATFORM, EVENT, THIN_SECRET),
    ):
        answer = await deliver(all_services, event, path, secret=secret)
        assert (answer.status, answer.code, wrong_with(answer)) == (400, "webhook_refused", []), path
        assert all_services.changed() == []
    assert [
        (await deliver(all_services, EVENT)).status,
        (await deliver(all_services, EVENT, CONNECT)).status,
        (await deliver(all_services, THIN_EVENT, THIN, secret=THIN_SECRET)).status,
    ] == [200, 200, 200]


@pytest.mark.parametrize("path", [PLATFORM, CONNECT, THIN])
async def test_what_is_too_large_is_not_read_to_its_end(all_services: AllServices, path: str) -> None:
    body = json.dumps(EVENT).encode() + b" " * LIMIT
    header = signature(body, HOOK_SECRET, now(all_services))
    for pieces in (body, [body[:100_000], *[b" " * 65_536] * 9]):
        answer = await knock(all_services, pieces, header, path)
        assert (answer.status, answer.code, wrong_with(answer)) == (413, "body_too_large", [])
    assert all_services.changed() == []


@pytest.mark.parametrize("age", [0, 240, -299])
async def test_deliveries_a_little_early_or_late_are_taken(all_services: AllServices, age: int) -> None:
    assert (await deliver(all_services, EVENT, age=age)).status == 200
    assert notices(all_services) == ["evt_1"]


async def test_one_of_several_signatures_is_enough(all_services: AllServices) -> None:
    body, at = json.dumps(EVENT).encode(), now(all_services)
    good = signature(body, HOOK_SECRET, at)
    for number, header in enumerate(
        (
            f"{good},v1={'0' * 64}",
            f"t={at},v1={'0' * 64},v0=1,{good.partition(',')[2]}",
            f"x=1,,{good},",
            good.replace(",", " , "),
        )
    ):
        answer = await knock(all_services, body, header)
        assert answer.status == 200, number


async def test_what_nobody_waits_for_is_kept_and_leads_to_nothing(
    all_services: AllServices, scenes: dict[str, Scene]
) -> None:
    told = [
        {**EVENT, "id": "evt_unknown", "type": "something.new.happened"},
        {**EVENT, "id": "evt_foreign"},
        {**EVENT, "id": "evt_odd", "data": {"object": "a text"}},
        {**EVENT, "id": "evt_empty", "data": None},
        {**EVENT, "id": "evt_long", "data": {"object": {"id": "p" * 300}}},
        {**EVENT, "id": "evt_list", "data": {"object": {"id": ["pi_1"]}}},
        {**EVENT, "id": "evt_texts", "data": {"object": {"id": "pi_of_nobody", "description": "a\0b \ud800 c"}}},
        {**EVENT, "id": "evt_deep", "data": {"object": json.loads("[" * 900 + "]" * 900)}},
        {**EVENT, "id": "evt_old", "api_version": "2011-01-01", "created": 1},
    ]
    for event in told:
        answer = await deliver(all_services, json.dumps(event).encode())
        assert (answer.status, answer.json()) == (200, {"received": True}), event["id"]
    assert sorted(notices(all_services)) == sorted(event["id"] for event in told)
    assert all_services.changed() == ["payments.provider_notices"]

    await all_services.settle()

    assert all_services.changed() == ["payments.provider_notices"]
    states = all_services.rows("payments", "SELECT DISTINCT state FROM provider_notices WHERE event_id LIKE 'evt_%'")
    assert {state for (state,) in states} <= {"done", "ignored"}


async def test_fifty_deliveries_of_one_event_are_one_effect(
    all_services: AllServices, scenes: dict[str, Scene]
) -> None:
    paying = scenes["paying"]
    ((ref,),) = all_services.rows("payments", "SELECT checkout_ref FROM payments WHERE id = ?", paying.payment_id)
    all_services.stripe.pay(ref, 5_000)
    event = {**EVENT, "id": "evt_paid", "type": "checkout.session.completed", "data": {"object": {"id": ref}}}
    before = len(all_services.said)

    answers = [await deliver(all_services, event) for _ in range(25)]
    await all_services.settle()
    answers += await asyncio.gather(*(deliver(all_services, event) for _ in range(25)))
    await all_services.settle()

    assert {answer.status for answer in answers} == {200}
    assert notices(all_services) == ["evt_paid"]
    held = [raw for raw in all_services.said[before:] if raw.type == "payments.payment.held.v1"]
    funded = [raw for raw in all_services.said[before:] if raw.type == "contracts.milestone.funded.v1"]
    assert (len(held), len(funded)) == (1, 1)
    bookings = all_services.rows("payments", "SELECT leg FROM ledger_journals WHERE payment_id = ?", paying.payment_id)
    assert bookings == [("fund",)]
    assert (await all_services.done("ada", "GET", f"/v1/milestones/{paying.milestone_id}"))["state"] == "funded"


async def test_an_event_is_a_hint_and_no_fact(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    """It says paid, Stripe itself does not: nobody's money is held."""
    paying = scenes["paying"]
    ((ref,),) = all_services.rows("payments", "SELECT checkout_ref FROM payments WHERE id = ?", paying.payment_id)
    lie = {
        "id": ref,
        "object": "checkout.session",
        "payment_status": "paid",
        "status": "complete",
        "amount_total": 5_000,
    }
    await deliver(
        all_services, {**EVENT, "id": "evt_lie", "type": "checkout.session.completed", "data": {"object": lie}}
    )
    await all_services.settle()

    assert (await all_services.done("ada", "GET", f"/v1/milestones/{paying.milestone_id}"))["state"] == "funding"
    assert all_services.rows("payments", "SELECT 1 FROM ledger_journals WHERE payment_id = ?", paying.payment_id) == []
