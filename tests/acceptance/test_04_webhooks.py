"""Situation 4: Stripe's webhook before our own call returned, duplicated, out of order, days late, never."""

from tests.acceptance.contract_flow import ContractFlow


async def test_a_webhook_that_overtakes_our_own_call_is_believed(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await flow.system.stripe.play("/faults", path="/v1/payment_intents", kind="hang_after", seconds=1)
    assert (await flow.fund()).status_code == 202
    await flow.becomes("funded")
    assert await flow.ledger() == {"charged": 40_000, "held": 40_000}


async def test_duplicated_and_out_of_order_webhooks_change_nothing(flow: ContractFlow) -> None:
    await flow.system.stripe.play("/webhooks", duplicate=True, shuffle=True)
    await flow.active(40_000)
    await flow.onboarded()
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    assert (await flow.confirm(await flow.payment(lambda one: bool(one.get("client_secret"))))).is_success
    await flow.becomes("funded")
    assert (await flow.release()).status_code == 202
    await flow.becomes("released")
    await flow.system.stripe.play("/webhooks/resend", type="payment_intent.succeeded")
    await flow.heard_all()
    assert await flow.ledger() == {"charged": 40_000, "released": 40_000}


async def test_webhooks_three_days_late_find_everything_done(flow: ContractFlow) -> None:
    await flow.active(40_000)
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    payment = await flow.payment(lambda one: bool(one.get("client_secret")))
    await flow.system.stripe.play("/webhooks", hold=True)
    assert (await flow.confirm(payment)).is_success

    # The time to pay runs out meanwhile; payments asks Stripe before it believes that nothing was paid.
    flow.system.pass_time(days=3)

    await flow.becomes("funded")
    await flow.system.stripe.play("/webhooks", hold=False)
    await flow.heard_all()
    assert (await flow.milestone())["state"] == "funded"
    assert await flow.ledger() == {"charged": 40_000, "held": 40_000}


async def test_webhooks_that_never_come_are_not_needed(flow: ContractFlow) -> None:
    await flow.system.stripe.play("/webhooks", drop=1_000)
    await flow.active(40_000)
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    assert (await flow.confirm(await flow.payment(lambda one: bool(one.get("client_secret"))))).is_success
    await flow.sweeper_looks()
    await flow.becomes("funded")
    made = await flow.done(flow.cast.grace, "POST", "/v1/payout-accounts", {"country": "US"})
    account = await flow.at_stripe("v2.core.account", object_id=made["id"])
    await flow.system.stripe.play(f"/accounts/{account['id']}/onboard")
    assert (await flow.release()).status_code == 202
    await flow.sweeper_looks()
    await flow.becomes("released")
    assert await flow.ledger() == {"charged": 40_000, "released": 40_000}


async def test_a_checkout_page_paid_in_silence_is_found(flow: ContractFlow) -> None:
    await flow.system.stripe.play("/webhooks", drop=1_000)
    await flow.active(40_000)
    assert (await flow.fund(1, "checkout")).status_code == 202
    await flow.pay_on_the_page(await flow.payment(lambda one: bool(one.get("checkout_url"))))
    await flow.sweeper_looks()
    await flow.becomes("funded")
