"""Situation 2: an edit while a checkout is open, and money nobody wants: it goes back by itself."""

from tests.acceptance.job import Job


async def test_while_a_checkout_is_open_its_milestone_is_locked(job: Job) -> None:
    await job.active(40_000, 30_000)
    assert (await job.fund(1, "checkout")).status_code == 202

    locked = await job.edit(45_000, 30_000)

    assert locked.status_code == 409
    assert locked.json()["code"] == "milestone_locked"
    assert locked.json()["milestones"] == [
        {"milestone_id": job.milestones[0], "state": "funding", "fields": ["amount"]}
    ]
    # The other one is nobody's business of that checkout.
    assert (await job.edit(40_000, 35_000)).status_code == 200
    assert (await job.approve(2))["milestones"][1]["amount"]["amount"] == 35_000
    await job.done(job.cast.ada, "POST", f"{job.milestone_path(1)}/cancel-funding")
    await job.becomes("planned")


async def test_a_payment_of_another_amount_is_returned_by_itself(job: Job) -> None:
    await job.active(40_000)
    assert (await job.fund(1, "payment_intent")).status_code == 202
    payment = await job.payment(lambda one: bool(one.get("client_secret")))
    intent = payment["client_secret"].partition("_secret_")[0]
    changed = await job.world.stripe.api("POST", f"/v1/payment_intents/{intent}", amount="39000")
    assert changed.is_success, changed.text

    assert (await job.confirm(payment)).is_success

    planned = await job.becomes("planned")
    assert planned["failure_reason"] == "wrong_amount"
    await job.payment(lambda one: one["state"] == "returned")
    assert await job.ledger() == {"charged": 39_000, "refunded": 39_000}
    assert len(await job.seen_notices(job.cast.ada, "payment.returned")) == 1
    await job.funded()


async def test_a_second_payment_is_returned_by_itself(job: Job) -> None:
    await job.active(40_000)
    first = await job.abandoned_try()
    await job.funded()

    await job.paid_at_stripe(first["id"], 40_000)

    await job.row_becomes(first["id"], "returned")
    assert (await job.milestone())["state"] == "funded"
    assert await job.ledger() == {"charged": 80_000, "held": 40_000, "refunded": 40_000}
    assert [one["state"] for one in await job.payment_rows()] == ["returned", "held"]


async def test_a_payment_of_an_earlier_try_is_taken_when_it_still_fits(job: Job) -> None:
    await job.active(40_000)
    first = await job.abandoned_try()
    assert (await job.fund(1, "checkout")).status_code == 202
    second = await job.payment(lambda one: bool(one.get("checkout_url")))

    await job.paid_at_stripe(first["id"], 40_000)

    await job.becomes("funded")
    await job.row_becomes(second["id"], "canceled")
    assert await job.ledger() == {"charged": 40_000, "held": 40_000}


async def test_a_late_payment_at_a_price_that_was_changed_since_is_returned(job: Job) -> None:
    await job.active(40_000)
    first = await job.abandoned_try()
    assert (await job.edit(45_000)).status_code == 200
    await job.approve(2)

    await job.paid_at_stripe(first["id"], 40_000)

    await job.row_becomes(first["id"], "returned")
    assert (await job.milestone())["state"] == "planned"
    assert await job.ledger() == {"charged": 40_000, "refunded": 40_000}


async def test_a_payment_that_comes_after_the_end_is_returned(job: Job) -> None:
    await job.active(40_000)
    await job.onboarded()
    first = await job.abandoned_try()
    await job.funded()
    assert (await job.release()).status_code == 202
    await job.becomes("released")
    assert (await job.done(job.cast.ada, "POST", f"{job.path}/complete"))["state"] == "completed"

    await job.paid_at_stripe(first["id"], 40_000)

    await job.row_becomes(first["id"], "returned")
    assert await job.ledger() == {"charged": 80_000, "released": 40_000, "refunded": 40_000}
    assert (await job.contract())["state"] == "completed"
