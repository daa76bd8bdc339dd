"""Situation 2: an edit while a checkout is open, and money nobody wants: it goes back by itself."""

from tests.acceptance.contract_flow import ContractFlow


async def test_while_a_checkout_is_open_its_milestone_is_locked(flow: ContractFlow) -> None:
    await flow.active(40_000, 30_000)
    assert (await flow.fund(1, "checkout")).status_code == 202

    locked = await flow.edit(45_000, 30_000)

    assert locked.status_code == 409
    assert locked.json()["code"] == "milestone_locked"
    assert locked.json()["milestones"] == [
        {"milestone_id": flow.milestones[0], "state": "funding", "fields": ["amount"]}
    ]
    # The other one is nobody's business of that checkout.
    assert (await flow.edit(40_000, 35_000)).status_code == 200
    assert (await flow.approve(2))["milestones"][1]["amount"]["amount"] == 35_000
    await flow.done(flow.cast.ada, "POST", f"{flow.milestone_path(1)}/cancel-funding")
    await flow.becomes("planned")


async def test_a_payment_of_another_amount_is_returned_by_itself(flow: ContractFlow) -> None:
    await flow.active(40_000)
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    payment = await flow.payment(lambda one: bool(one.get("client_secret")))
    intent = payment["client_secret"].partition("_secret_")[0]
    changed = await flow.system.stripe.api("POST", f"/v1/payment_intents/{intent}", amount="39000")
    assert changed.is_success, changed.text

    assert (await flow.confirm(payment)).is_success

    planned = await flow.becomes("planned")
    assert planned["failure_reason"] == "wrong_amount"
    await flow.payment(lambda one: one["state"] == "returned")
    assert await flow.ledger() == {"charged": 39_000, "refunded": 39_000}
    assert len(await flow.seen_notices(flow.cast.ada, "payment.returned")) == 1
    await flow.funded()


async def test_a_second_payment_is_returned_by_itself(flow: ContractFlow) -> None:
    await flow.active(40_000)
    first = await flow.abandoned_try()
    await flow.funded()

    await flow.paid_at_stripe(first["id"], 40_000)

    await flow.row_becomes(first["id"], "returned")
    assert (await flow.milestone())["state"] == "funded"
    assert await flow.ledger() == {"charged": 80_000, "held": 40_000, "refunded": 40_000}
    assert [one["state"] for one in await flow.payment_rows()] == ["returned", "held"]


async def test_a_payment_of_an_earlier_try_is_taken_when_it_still_fits(flow: ContractFlow) -> None:
    await flow.active(40_000)
    first = await flow.abandoned_try()
    assert (await flow.fund(1, "checkout")).status_code == 202
    second = await flow.payment(lambda one: bool(one.get("checkout_url")))

    await flow.paid_at_stripe(first["id"], 40_000)

    await flow.becomes("funded")
    await flow.row_becomes(second["id"], "canceled")
    assert await flow.ledger() == {"charged": 40_000, "held": 40_000}


async def test_a_late_payment_at_a_price_that_was_changed_since_is_returned(flow: ContractFlow) -> None:
    await flow.active(40_000)
    first = await flow.abandoned_try()
    assert (await flow.edit(45_000)).status_code == 200
    await flow.approve(2)

    await flow.paid_at_stripe(first["id"], 40_000)

    await flow.row_becomes(first["id"], "returned")
    assert (await flow.milestone())["state"] == "planned"
    assert await flow.ledger() == {"charged": 40_000, "refunded": 40_000}


async def test_a_payment_that_comes_after_the_end_is_returned(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await flow.onboarded()
    first = await flow.abandoned_try()
    await flow.funded()
    assert (await flow.release()).status_code == 202
    await flow.becomes("released")
    assert (await flow.done(flow.cast.ada, "POST", f"{flow.path}/complete"))["state"] == "completed"

    await flow.paid_at_stripe(first["id"], 40_000)

    await flow.row_becomes(first["id"], "returned")
    assert await flow.ledger() == {"charged": 80_000, "released": 40_000, "refunded": 40_000}
    assert (await flow.contract())["state"] == "completed"
