"""Answers lost, servers in trouble, processes killed, webhooks forged, doubled, shuffled or never sent."""

import asyncio
import random
from datetime import timedelta

import pytest
from skillscoop_messages.events import payments
from skillscoop_messages.events.payments import SettlementBlocked, SettlementCompleted
from sqlalchemy import text

from tests.integration.payments.desk import OLGA, Desk

LOST = ("drop_after", "500_after", "hang_after")


@pytest.mark.parametrize("fault", [*LOST, "drop_before", "500_before", "409", "429"])
async def test_a_payment_whose_answer_is_lost_is_made_once(desk: Desk, fault: str) -> None:
    await desk.stripe.play("/faults", path="/v1/payment_intents", kind=fault, seconds=30)
    milestone = desk.milestone()
    await desk.request(milestone)
    for _ in range(4):
        await desk.hurry()
    assert desk.answers() == ["PaymentHeld"]
    assert len(await desk.stripe.objects("payment_intent")) == 1
    assert len(await desk.stripe.objects("charge")) == 1


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("leg", ["transfer", "refund"])
async def test_a_leg_whose_answer_is_lost_is_made_once(desk: Desk, fault: str, leg: str) -> None:
    await desk.onboarded()
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.stripe.play("/faults", path=f"/v1/{leg}s", kind=fault, seconds=30)
    await desk.settle(milestone, payment, 40_000 if leg == "transfer" else 0)
    for _ in range(4):
        await desk.hurry()
    assert len(desk.said(SettlementCompleted)) == 1
    assert len(await desk.stripe.objects(leg)) == 1
    await desk.books()


@pytest.mark.parametrize("leg", ["transfer", "refund", "payment_intent", "checkout.session"])
async def test_after_stripe_forgot_the_key_the_object_is_looked_up_and_not_made_again(desk: Desk, leg: str) -> None:
    await desk.onboarded()
    milestone = desk.milestone()
    path = {"checkout.session": "/v1/checkout/sessions"}.get(leg, f"/v1/{leg}s")
    if leg in ("transfer", "refund"):
        payment = await desk.fund(milestone)
        await desk.stripe.play("/faults", path=path, kind="drop_after")
        await desk.settle(milestone, payment, 40_000 if leg == "transfer" else 0)
    else:
        await desk.stripe.play("/faults", path=path, kind="drop_after")
        await desk.request(milestone, "checkout" if leg == "checkout.session" else "pm_card_visa")
    await desk.work()
    await desk.stripe.play("/idempotency/forget")
    await grow_old(desk, timedelta(hours=24))
    await desk.hurry()

    assert len(await desk.stripe.objects(leg)) == 1
    operations = await desk.stage.call(OLGA, "GET", "/v1/admin/payments/operations", roles=("ops",))
    assert {one["state"] for one in operations.json()["data"]} == {"done"}
    if leg in ("transfer", "refund"):
        assert len(desk.said(SettlementCompleted)) == 1


async def test_a_key_too_old_for_an_object_that_was_never_made_is_replaced(desk: Desk) -> None:
    await desk.stripe.play("/faults", path="/v1/payment_intents", kind="drop_before")
    milestone = desk.milestone()
    await desk.request(milestone)
    await desk.work()
    await grow_old(desk, timedelta(hours=24))
    await desk.hurry()
    await desk.hurry()
    assert desk.answers() == ["PaymentHeld"]
    assert len(await desk.stripe.objects("payment_intent")) == 1


async def test_a_payment_that_was_canceled_meanwhile_is_not_made_after_all(desk: Desk) -> None:
    await desk.stripe.play("/faults", path="/v1/payment_intents", kind="drop_before")
    milestone = desk.milestone()
    funding = await desk.request(milestone)
    await desk.work()
    await desk.cancel(milestone, funding)
    assert desk.answers() == []  # nobody knows yet what became of the call
    await grow_old(desk, timedelta(hours=24))
    await desk.hurry()
    assert desk.answers() == ["PaymentCanceled"]
    assert await desk.stripe.objects("payment_intent") == []


@pytest.mark.parametrize(
    ("method", "answer"), [("checkout", "PaymentCanceled"), ("pm_card_visa", "PaymentHeld"), ("pm_no", "PaymentFailed")]
)
async def test_a_cancel_while_our_call_is_under_way_is_answered_by_what_it_brings(
    desk: Desk, method: str, answer: str
) -> None:
    milestone = desk.milestone()
    funding = await desk.request(milestone, method)
    database, operations = desk.stage.service.database, desk.stage.service.executors[0]
    (claimed,) = await operations.claim(database, 8)
    await desk.cancel(milestone, funding)
    assert desk.answers() == []
    await operations.execute(database, claimed)
    await desk.work()
    assert desk.answers() == [answer]


async def test_a_process_killed_after_its_call_leaves_nothing_undone_and_nothing_doubled(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone)
    database, operations = desk.stage.service.database, desk.stage.service.executors[0]
    (claimed,) = await operations.claim(database, 8)
    await operations.call(claimed)  # and the process dies before it writes anything down
    assert await desk.work() == 0
    await desk.hurry()  # the lease has ended
    assert desk.answers() == ["PaymentHeld"]
    assert len(await desk.stripe.objects("payment_intent")) == 1


async def test_a_lost_lease_drops_its_outcome(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone)
    database, operations = desk.stage.service.database, desk.stage.service.executors[0]
    (slow,) = await operations.claim(database, 8)
    await desk.hurry()
    await operations.execute(database, slow)
    assert desk.answers() == ["PaymentHeld"]


async def test_webhooks_that_overtake_our_own_call_are_believed(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone)
    database, operations = desk.stage.service.database, desk.stage.service.executors[0]
    (claimed,) = await operations.claim(database, 8)
    outcome = await operations.call(claimed)
    await desk.carry()
    assert desk.answers() == ["PaymentHeld"]
    async with database.begin() as tx:
        await operations.settle(tx, claimed, outcome)
    assert desk.answers() == ["PaymentHeld"]
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}


async def test_a_transfers_webhook_that_overtakes_our_own_call_completes_the_settlement(desk: Desk) -> None:
    await desk.onboarded()
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment)
    database, operations = desk.stage.service.database, desk.stage.service.executors[0]
    (claimed,) = await operations.claim(database, 8)
    outcome = await operations.call(claimed)
    await desk.carry("transfer.created")
    assert len(desk.said(SettlementCompleted)) == 1
    async with database.begin() as tx:
        await operations.settle(tx, claimed, outcome)
    assert len(desk.said(SettlementCompleted)) == 1
    assert await desk.ledger() == {"charged": 40_000, "released": 40_000}


async def test_without_any_webhook_the_sweeper_finds_everything(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "payment_intent")
    await desk.work()
    payment = await desk.payment(milestone)
    intent = (await desk.stripe.objects("payment_intent"))[0]["id"]
    data = {"client_secret": payment["client_secret"], "payment_method": "pm_card_pendingRefund"}
    await desk.stripe.api("POST", f"/v1/payment_intents/{intent}/confirm", "pk_test_x", **data)
    await desk.sweep()
    await desk.sweep()
    assert desk.answers() == ["PaymentHeld"]
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}
    await desk.stage.call("grace", "POST", "/v1/payout-accounts", {})
    await desk.work()
    account = (await desk.stripe.objects("v2.core.account"))[0]["id"]
    await desk.stripe.play(f"/accounts/{account}/onboard")
    await desk.settle(milestone, payment, 10_000)
    await desk.work()
    await asyncio.sleep(1.2)  # the simulator's bank takes a second at most
    await desk.sweep()
    assert [(one.transferred, one.refunded) for one in desk.said(SettlementCompleted)] == [(10_000, 30_000)]


@pytest.mark.parametrize("seed", range(3))
async def test_webhooks_in_any_order_and_number_tell_the_same_story(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    milestone = desk.milestone()
    await desk.onboarded()
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 15_000)
    await desk.work()
    events = [*await desk.events() * 2]
    chance.shuffle(events)
    for event in events:
        assert (await desk.post_webhook(event)).status_code == 200
        if chance.random() < 0.3:
            await desk.work()
    await desk.work()
    assert desk.answers() == ["PaymentHeld"]
    assert len(desk.said(SettlementCompleted)) == 1
    assert await desk.ledger() == {"charged": 40_000, "released": 15_000, "refunded": 25_000}


async def test_people_are_told_when_stripe_stays_away(desk: Desk) -> None:
    await desk.onboarded()
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.stripe.play("/faults", path="/v1/transfers", kind="drop_before", times=5)
    await desk.settle(milestone, payment)
    for _ in range(6):
        await desk.hurry()
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["stripe_unavailable"]
    assert len(desk.said(SettlementCompleted)) == 1
    assert len(await desk.stripe.objects("transfer")) == 1


async def test_objects_of_others_are_looked_at_once_and_left_alone(desk: Desk) -> None:
    data = {"amount": "5000", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true",
            "return_url": "http://elsewhere/"}  # fmt: skip
    assert (await desk.stripe.api("POST", "/v1/payment_intents", **data)).is_success
    await desk.carry()
    assert await desk.hurry() == 0
    assert desk.said(payments.PaymentHeld) == []


async def grow_old(desk: Desk, age: timedelta) -> None:
    """Time passes for the keys of what is still open."""
    async with desk.stage.service.database.begin() as tx:
        then = tx.wall() - age
        stored = then if tx.dialect == "postgresql" else then.isoformat(timespec="microseconds")
        await tx.execute(
            text("UPDATE stripe_operations SET key_since = :then WHERE state = 'pending'"), {"then": stored}
        )
