"""At the door of the webhooks: only Stripe's, only now, kept once."""

import json
from typing import Any

import pytest
from skillscoop_chassis.http.limits import FloodLimits
from sqlalchemy import text

from tests.integration.payments.desk import SECRET, Desk

EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "livemode": False,
    "data": {"object": {"id": "pi_unknown", "object": "payment_intent"}},
}
THIN: dict[str, Any] = {
    "id": "evt_2",
    "object": "v2.core.event",
    "type": "v2.core.account.updated",
    "livemode": False,
    "related_object": {"id": "acct_1", "type": "v2.core.account"},
}


async def kept(desk: Desk) -> list[str]:
    async with desk.stage.service.database.read() as tx:
        return [row["event_id"] for row in await tx.all(text("SELECT event_id FROM provider_notices ORDER BY id"))]


async def test_what_is_stripes_is_kept_once_and_answered_200_each_time(desk: Desk) -> None:
    for _ in range(3):
        assert (await desk.post_webhook(EVENT)).status_code == 200
    assert (await desk.post_webhook(THIN)).status_code == 200
    assert await kept(desk) == ["evt_1", "evt_2"]


async def test_a_second_secret_is_known_during_a_rotation(desk: Desk) -> None:
    assert (await desk.post_webhook(EVENT, secret="whsec_before_the_rotation")).status_code == 200
    assert (await desk.post_webhook(EVENT, secret=SECRET)).status_code == 200


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "whsec_guessed"},
        {"age": 301},
        {"age": -3_600},
        {"path": "/webhooks/stripe/thin", "secret": "whsec_thin"},
    ],
)
async def test_forged_old_future_and_misdirected_deliveries_leave_nothing(desk: Desk, how: dict[str, Any]) -> None:
    answer = await desk.post_webhook(EVENT, **how)
    assert (answer.status_code, answer.json()["code"]) == (400, "webhook_refused")
    assert await kept(desk) == []


async def test_forging_webhooks_ends_and_fills_no_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Given two refused signatures a minute for one address
    When somebody forges ten webhooks, and Stripe delivers one from there
    Then all but two get 429 and leave no line in the log, and Stripe's is kept.
    """
    desk.stage.service.limits = FloodLimits({"refused": "2/minute"}, desk.stage.service.clocks.wall)
    forged = [await desk.post_webhook(EVENT, secret="whsec_guessed") for _ in range(10)]
    assert [one.status_code for one in forged] == [400, 400] + [429] * 8
    assert int(forged[-1].headers["retry-after"]) >= 1
    assert sum("was refused" in one.getMessage() for one in caplog.records) == 2
    assert (await desk.post_webhook(EVENT)).status_code == 200
    assert await kept(desk) == ["evt_1"]


async def test_a_live_event_is_refused_where_no_real_money_moves(desk: Desk) -> None:
    assert (await desk.post_webhook({**EVENT, "livemode": True})).status_code == 400
    assert await kept(desk) == []


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (b"", ""),
        (b"{}", "t=1,v1=00"),
        (b"\xff\xfe", "t=abc"),
        (b"{}", "v1=00"),
        (b"{}", "t=99999999999999999999,v1=00"),
        (b"{}", "t=1,t=2,v1=\xc3\xa9"),
    ],
)
async def test_nonsense_is_refused(desk: Desk, body: bytes, header: str) -> None:
    sent = {"Stripe-Signature": header.encode("latin-1")}
    answer = await desk.stage.client.post("/webhooks/stripe", content=body, headers=sent)
    assert answer.status_code == 400
    assert await kept(desk) == []


async def test_a_body_that_was_changed_on_the_way_is_refused(desk: Desk) -> None:
    import stripe

    body = json.dumps(EVENT)
    now = int(desk.stage.service.clocks.wall().timestamp())
    header = stripe.WebhookSignature.generate_signature_header(body, SECRET, timestamp=now)
    answer = await desk.stage.client.post(
        "/webhooks/stripe", content=body.replace("succeeded", "canceled"), headers={"Stripe-Signature": header}
    )
    assert answer.status_code == 400


async def test_nothing_about_people_is_kept_of_a_webhook(desk: Desk) -> None:
    """Given a payment whose event names its payer, when it was taken, then only names and ids of objects are stored."""
    person = {"email": "ada@example.org", "name": "Ada L.", "address": {"line1": "12 St James's Square"}}
    inner = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "billing_details": person}
    event = {**EVENT, "created": 1_700_000_000, "data": {"object": {**inner, "receipt_email": "ada@example.org"}}}
    assert (await desk.post_webhook(event)).status_code == 200
    async with desk.stage.service.database.read() as tx:
        (row,) = await tx.all(text("SELECT payload FROM provider_notices"))
    stored = row["payload"] if isinstance(row["payload"], str) else json.dumps(row["payload"])
    assert json.loads(stored)["about"] == {"id": "pi_1", "object": "payment_intent", "status": "succeeded"}
    assert json.loads(stored)["type"] == EVENT["type"]
    for told in ("ada@example.org", "Ada L.", "St James"):
        assert told not in stored
