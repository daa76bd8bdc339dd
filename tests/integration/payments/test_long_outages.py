"""What becomes of money when answers are lost around a long outage: nothing happens twice, nothing goes unnoticed."""

import asyncio
from datetime import timedelta

import pytest
from skillscoop_messages.events import payments
from skillscoop_messages.events.payments import SettlementCompleted
from sqlalchemy import text

from tests.integration.payments.desk import Desk, stored


async def outage(desk: Desk, hours: float) -> None:
    """Nobody works for so long: what was ordered waits, and Stripe forgets the keys it knew."""
    async with desk.stage.service.database.begin() as tx:
        for column in ("created_at", "updated_at", "key_since", "unanswered_at"):
            for row in await tx.all(text(f"SELECT id, {column} FROM stripe_operations WHERE state = 'pending'")):
                if row[column] is not None:
                    await tx.execute(
                        text(f"UPDATE stripe_operations SET {column} = :then WHERE id = :id"),
                        {"id": row["id"], "then": stored(tx, timedelta(hours=hours))},
                    )
    await desk.stripe.play("/idempotency/forget")


async def due(desk: Desk) -> None:
    """The time of the next try has come; what is under way at Stripe still is."""
    async with desk.stage.service.database.begin() as tx:
        await tx.execute(
            text("UPDATE stripe_operations SET due_at = :now, lease_token = NULL WHERE state = 'pending'"),
            {"now": stored(tx)},
        )
    await desk.work()


async def ordered(desk: Desk, object: str) -> None:
    """Something is asked of Stripe, and not sent yet."""
    milestone = desk.milestone()
    if object == "payment_intent":
        await desk.request(milestone)
        return
    await desk.onboarded()
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 40_000 if object == "transfer" else 0)


@pytest.mark.parametrize("object", ["payment_intent", "transfer", "refund"])
async def test_a_first_answer_lost_after_a_long_outage_moves_money_once(desk: Desk, object: str) -> None:
    """Given a call that was ordered a day ago and sent only now, when its answer is lost and Stripe takes its time,
    then it is neither searched for nor sent with a new key while it may be under way, and exists once."""
    before = len(await desk.stripe.objects(object))
    await ordered(desk, object)
    await outage(desk, hours=24)
    operations, database = desk.stage.service.executors[0], desk.stage.service.database
    (claimed,) = await operations.claim(database, 1)
    await desk.stripe.play("/faults", path=f"/v1/{object}s", kind="slow", seconds=4)

    outcome = await operations.call(claimed)  # the SDK's patience ends before Stripe's work does
    async with database.begin() as tx:
        await operations.settle(tx, claimed, outcome)
    await due(desk)
    while len(await desk.stripe.objects(object)) == before:
        await asyncio.sleep(0.05)
    await desk.hurry()

    assert len(await desk.stripe.objects(object)) == before + 1
    assert desk.answers() == ["PaymentHeld"]
    assert len(desk.said(SettlementCompleted)) == (0 if object == "payment_intent" else 1)
    await desk.books()


@pytest.mark.parametrize("object", ["payment_intent", "transfer", "refund"])
async def test_a_process_killed_during_its_call_counts_as_a_try_without_an_answer(desk: Desk, object: str) -> None:
    """Given a process that was killed during its call and an outage until the key is forgotten, when somebody else goes
    on, then the object is searched for before anything is sent, and exists once."""
    before = len(await desk.stripe.objects(object))
    await ordered(desk, object)
    operations, database = desk.stage.service.executors[0], desk.stage.service.database
    (claimed,) = await operations.claim(database, 1)
    await operations.call(claimed)  # and the process dies before it writes anything down
    async with database.begin() as tx:
        await tx.execute(
            text("UPDATE stripe_operations SET tried_at = :then, key_since = :then WHERE state = 'pending'"),
            {"then": stored(tx, timedelta(hours=24))},
        )
    await desk.stripe.play("/idempotency/forget")
    await desk.hurry()
    await desk.hurry()

    assert len(await desk.stripe.objects(object)) == before + 1
    assert desk.answers() == ["PaymentHeld"]


async def copied(desk: Desk, object: str) -> None:
    """Stripe makes the same once more, as it would for a key it has forgotten."""
    sent = {"payment_intent": "create_intent", "transfer": "create_transfer", "refund": "create_refund"}
    async with desk.stage.service.database.read() as tx:
        row = await tx.first(
            text("SELECT * FROM stripe_operations WHERE kind = :kind ORDER BY id DESC"), {"kind": sent[object]}
        )
    assert row is not None
    parameters = (
        row["parameters"] if isinstance(row["parameters"], dict) else __import__("json").loads(row["parameters"])
    )
    await desk.stripe.post_form(f"/v1/{object}s", parameters)


async def alerts(desk: Desk) -> list[str]:
    """What operators are asked to look at."""
    answer = await desk.stage.call("olga", "GET", "/v1/admin/payments/alerts", roles=("ops",))
    assert answer.status_code == 200, answer.text
    return [one["kind"] for one in answer.json()["data"]]


async def test_a_second_charge_for_one_payment_is_given_back_and_told(desk: Desk) -> None:
    """Given a held payment, when a second charge of the same operation turns up, then it is returned whole, operators
    are alerted, and the payment itself is what it was."""
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone)
    await copied(desk, "payment_intent")
    await desk.carry()
    await desk.work()
    await desk.carry()

    assert await desk.payment(milestone) == payment
    assert [one["amount"] for one in await desk.stripe.objects("refund")] == [40_000]
    assert await desk.ledger() == {"charged": 80_000, "held": 40_000, "refunded": 40_000}
    assert await alerts(desk) == ["second_payment"]
    assert desk.answers() == ["PaymentHeld"] and desk.said(payments.PaymentReturned) == []
    await desk.books()


@pytest.mark.parametrize("object", ["transfer", "refund"])
async def test_a_second_transfer_or_refund_of_one_operation_is_held_in_suspense_and_told(
    desk: Desk, object: str
) -> None:
    """Given a leg that was delivered, when a second object of its operation turns up, then the books say that money
    went out twice, operators are alerted once, and nothing is sent after it."""
    await desk.onboarded()
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 30_000 if object == "transfer" else 10_000)
    await desk.work()
    before = await desk.ledger()
    # A charge gives no more than it took, so the second object is a smaller one.
    await copied_smaller(desk, object)
    await desk.carry()
    await desk.carry()

    assert await desk.ledger() == before
    assert await alerts(desk) == [f"second_{object}"]
    overpaid = {one["account"]: one["debits"] for one in (await desk.books())["accounts"]}["overpaid"]
    assert overpaid == 5_000
    assert len(desk.said(SettlementCompleted)) == 1


async def copied_smaller(desk: Desk, object: str) -> None:
    made = (await desk.stripe.objects(object))[-1]
    names = ("currency", "destination", "source_transaction", "transfer_group") if object == "transfer" else ("charge",)
    await desk.stripe.post_form(
        f"/v1/{object}s", {"amount": 5_000, "metadata": made["metadata"], **{name: made[name] for name in names}}
    )


async def test_a_payment_nobody_wants_any_more_is_not_charged_when_stripe_comes_back(desk: Desk) -> None:
    """Given a charge that Stripe surely did not make, being too busy, when the client cancels, then that is answered
    and nothing is charged when Stripe comes back."""
    await desk.stripe.play("/faults", path="/v1/payment_intents", kind="429", times=1)
    milestone = desk.milestone()
    funding = await desk.request(milestone)
    await desk.work()
    await desk.cancel(milestone, funding)
    assert desk.answers() == ["PaymentCanceled"]
    await desk.hurry()
    assert desk.answers() == ["PaymentCanceled"]
    assert await desk.stripe.objects("payment_intent") == []


async def test_a_canceled_charge_whose_answer_was_lost_is_searched_for_and_not_sent_again(desk: Desk) -> None:
    """Given a charge that never reached Stripe as far as nobody knows, when the client cancels and Stripe comes back,
    then it is searched for once that can tell, answered canceled, and never charged."""
    await desk.stripe.play("/faults", path="/v1/payment_intents", kind="drop_before", times=1)
    milestone = desk.milestone()
    funding = await desk.request(milestone)
    await desk.work()
    await desk.cancel(milestone, funding)
    await due(desk)
    assert desk.answers() == []
    await desk.hurry()
    assert desk.answers() == ["PaymentCanceled"]
    assert await desk.stripe.objects("payment_intent") == []


async def test_a_cancel_between_two_claims_is_seen_by_the_second(desk: Desk) -> None:
    """Given a charge whose first try got no answer, when a cancel comes while the second is being claimed, then the
    second sends nothing."""
    await desk.stripe.play("/faults", path="/v1/payment_intents", kind="429", times=1)
    milestone = desk.milestone()
    funding = await desk.request(milestone)
    await desk.work()
    async with desk.stage.service.database.begin() as tx:
        await tx.execute(text("UPDATE stripe_operations SET due_at = :now"), {"now": stored(tx)})
    operations, database = desk.stage.service.executors[0], desk.stage.service.database
    (claimed,) = await operations.claim(database, 1)
    await desk.cancel(milestone, funding)
    await operations.execute(database, claimed)
    assert desk.answers() == ["PaymentCanceled"]
    assert await desk.stripe.objects("payment_intent") == []


async def test_a_search_longer_than_its_lease_goes_on_where_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a page made without an answer, and lists of others made since, when it is searched for by turns too short
    for all of them, then each turn goes on where the last one was, and the page is found."""
    monkeypatch.setattr("skillscoop_payments.adapters.stripe_search.BUDGET", 0.0)
    await desk.stripe.play("/faults", path="/v1/checkout/sessions", kind="drop_after")
    milestone = desk.milestone()
    await desk.request(milestone, "checkout")
    await desk.work()
    session = (await desk.stripe.objects("checkout.session"))[0]
    for _ in range(120):
        await desk.stripe.post_form(
            "/v1/checkout/sessions",
            {
                "mode": "payment",
                "success_url": session["success_url"],
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "words"}},
                    }
                ],
            },
        )
    async with desk.stage.service.database.begin() as tx:
        await tx.execute(text("UPDATE stripe_operations SET search_first = true WHERE state = 'pending'"))
    await desk.hurry()

    assert (await desk.payment(milestone))["checkout_url"] == session["url"]
    (operation,) = await desk.operations("create_checkout")
    assert operation["state"] == "done" and operation["object_ref"] == session["id"]
