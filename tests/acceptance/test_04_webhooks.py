"""Situation 4: Stripe's webhook before our own call returned, duplicated, out of order, days late, never."""

from tests.acceptance.job import Job


async def test_a_webhook_that_overtakes_our_own_call_is_believed(job: Job) -> None:
    await job.active(40_000)
    await job.world.stripe.play("/faults", path="/v1/payment_intents", kind="hang_after", seconds=1)
    assert (await job.fund()).status_code == 202
    await job.becomes("funded")
    assert await job.ledger() == {"charged": 40_000, "held": 40_000}


async def test_duplicated_and_out_of_order_webhooks_change_nothing(job: Job) -> None:
    await job.world.stripe.play("/webhooks", duplicate=True, shuffle=True)
    await job.active(40_000)
    await job.onboarded()
    assert (await job.fund(1, "payment_intent")).status_code == 202
    assert (await job.confirm(await job.payment(lambda one: bool(one.get("client_secret"))))).is_success
    await job.becomes("funded")
    assert (await job.release()).status_code == 202
    await job.becomes("released")
    await job.world.stripe.play("/webhooks/resend", type="payment_intent.succeeded")
    await job.heard_all()
    assert await job.ledger() == {"charged": 40_000, "released": 40_000}


async def test_webhooks_three_days_late_find_everything_done(job: Job) -> None:
    await job.active(40_000)
    assert (await job.fund(1, "payment_intent")).status_code == 202
    payment = await job.payment(lambda one: bool(one.get("client_secret")))
    await job.world.stripe.play("/webhooks", hold=True)
    assert (await job.confirm(payment)).is_success

    # The time to pay runs out meanwhile; payments asks Stripe before it believes that nothing was paid.
    job.world.pass_time(days=3)

    await job.becomes("funded")
    await job.world.stripe.play("/webhooks", hold=False)
    await job.heard_all()
    assert (await job.milestone())["state"] == "funded"
    assert await job.ledger() == {"charged": 40_000, "held": 40_000}


async def test_webhooks_that_never_come_are_not_needed(job: Job) -> None:
    await job.world.stripe.play("/webhooks", drop=1_000)
    await job.active(40_000)
    assert (await job.fund(1, "payment_intent")).status_code == 202
    assert (await job.confirm(await job.payment(lambda one: bool(one.get("client_secret"))))).is_success
    await job.sweeper_looks()
    await job.becomes("funded")
    made = await job.done(job.cast.grace, "POST", "/v1/payout-accounts", {"country": "US"})
    account = await job.at_stripe("v2.core.account", object_id=made["id"])
    await job.world.stripe.play(f"/accounts/{account['id']}/onboard")
    assert (await job.release()).status_code == 202
    await job.sweeper_looks()
    await job.becomes("released")
    assert await job.ledger() == {"charged": 40_000, "released": 40_000}


async def test_a_checkout_page_paid_in_silence_is_found(job: Job) -> None:
    await job.world.stripe.play("/webhooks", drop=1_000)
    await job.active(40_000)
    assert (await job.fund(1, "checkout")).status_code == 202
    await job.pay_on_the_page(await job.payment(lambda one: bool(one.get("checkout_url"))))
    await job.sweeper_looks()
    await job.becomes("funded")
