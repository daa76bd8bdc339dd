"""Paying: by card, with declines, with 3-D Secure, and what it does to the balance."""

from typing import Any

import pytest
import stripe


async def test_a_card_pays_and_the_money_becomes_available_after_two_days(simulator: Any) -> None:
    intent = await simulator.pay(10_000, transfer_group="ms_1", metadata={"op_id": "op_1"})

    assert (intent.status, intent.amount_received, intent.transfer_group) == ("succeeded", 10_000, "ms_1")
    charge = await simulator.client.v1.charges.retrieve_async(
        intent.latest_charge, {"expand": ["balance_transaction", "payment_intent"]}
    )
    assert (charge.status, charge.payment_intent.id, charge.metadata["op_id"]) == ("succeeded", intent.id, "op_1")
    entry = charge.balance_transaction
    assert (entry.amount, entry.fee, entry.net, entry.status) == (10_000, 320, 9_680, "pending")

    simulator.clock.pass_days(2)
    entry = await simulator.client.v1.balance_transactions.retrieve_async(entry.id)
    balance = await simulator.client.v1.balance.retrieve_async()
    dollars = next(item for item in balance.available if item.currency == "usd")
    assert (entry.status, dollars.amount) == ("available", 10_000_000_000 + 9_680)


async def test_capture_follows_the_answer_with_an_event_of_its_own(simulator: Any) -> None:
    await simulator.pay()

    await simulator.mailbox.until(lambda: "charge.updated" in simulator.mailbox.types(simulator.client))
    events = {event["type"]: event for event in simulator.mailbox.events(simulator.client)}
    assert events["charge.succeeded"]["data"]["object"]["balance_transaction"] is None
    assert events["charge.updated"]["data"]["object"]["balance_transaction"].startswith("txn_")
    assert events["charge.updated"]["data"]["previous_attributes"] == {"balance_transaction": None}
    assert "payment_intent.succeeded" in events


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
async def test_a_declined_card_leaves_a_failed_charge_and_a_second_try_pays(
    simulator: Any, method: str, code: str, decline_code: str | None
) -> None:
    with pytest.raises(stripe.CardError) as refused:
        await simulator.pay(method=method)

    error = refused.value
    assert (error.http_status, error.code) == (402, code)
    told = error.json_body["error"]
    assert told.get("decline_code") == decline_code
    assert told["payment_intent"]["status"] == "requires_payment_method"
    id = told["payment_intent"]["id"]
    charges = await simulator.client.v1.charges.list_async({"payment_intent": id})
    assert [charge.status for charge in charges.data] == ["failed"]

    paid = await simulator.client.v1.payment_intents.confirm_async(id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


async def test_3d_secure_waits_for_the_payer(simulator: Any) -> None:
    intent = await simulator.pay(method="pm_card_threeDSecure2Required", return_url="http://shop.test/back")
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")

    url = intent.next_action.redirect_to_url.url
    async with simulator.browser.get(url) as page:
        assert page.status == 200
        assert "not Stripe" in await page.text()
    async with simulator.browser.post(url, data={"action": "complete"}, allow_redirects=False) as answer:
        assert answer.status == 303
        assert "redirect_status=succeeded" in answer.headers["location"]
    intent = await simulator.client.v1.payment_intents.retrieve_async(intent.id)
    assert intent.status == "succeeded"


async def test_3d_secure_that_fails_leaves_the_intent_open(simulator: Any) -> None:
    intent = await simulator.pay(method="pm_card_authenticationRequired")
    assert intent.next_action.type == "use_stripe_sdk"

    answered = await simulator.control(f"/payment_intents/{intent.id}/challenge", {"outcome": "fail"})

    assert answered["status"] == "requires_payment_method"
    assert answered["last_payment_error"]["code"] == "payment_intent_authentication_failure"


async def test_off_session_a_card_that_asks_for_authentication_is_declined(simulator: Any) -> None:
    with pytest.raises(stripe.CardError) as refused:
        await simulator.pay(method="pm_card_authenticationRequired", off_session=True)
    assert refused.value.code == "authentication_required"


async def test_a_browser_confirms_with_the_client_secret_and_nothing_more(simulator: Any) -> None:
    intent = await simulator.client.v1.payment_intents.create_async({"amount": 5_000, "currency": "usd"})
    keys = {"Authorization": "Bearer pk_test_browser"}
    url = f"{simulator.url}/v1/payment_intents/{intent.id}"
    given = {"payment_method": "pm_card_visa", "use_stripe_sdk": "true", "client_secret": intent.client_secret}

    async with simulator.browser.post(f"{url}/confirm", headers=keys, data=given | {"client_secret": "no"}) as wrong:
        assert wrong.status == 400
    async with simulator.browser.post(f"{url}/cancel", headers=keys) as forbidden:
        assert forbidden.status == 403
    async with simulator.browser.post(f"{url}/confirm", headers=keys, data=given) as paid:
        assert (await paid.json())["status"] == "succeeded"


async def test_an_intent_is_canceled_once_and_never_after_it_paid(simulator: Any) -> None:
    client = simulator.client.v1.payment_intents
    open_intent = await client.create_async({"amount": 5_000, "currency": "usd"})
    canceled = await client.cancel_async(open_intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")

    for id in (open_intent.id, (await simulator.pay()).id):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await client.cancel_async(id)
        assert refused.value.code == "payment_intent_unexpected_state"
        assert refused.value.json_body["error"]["payment_intent"]["id"] == id


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": "xyz"}, None, "currency"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"capture_method": "sometimes"}, None, "capture_method"),
    ],
)
async def test_wrong_parameters_are_refused_in_stripes_words(
    simulator: Any, change: dict[str, Any], code: str | None, param: str
) -> None:
    asked = {"amount": 5_000, "currency": "usd"} | change
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await simulator.client.v1.payment_intents.create_async(
            {name: value for name, value in asked.items() if value is not None}
        )
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert await simulator.objects("payment_intent") == []


async def test_yen_have_no_minor_unit(simulator: Any) -> None:
    intent = await simulator.pay(5_000, currency="jpy")
    charge = await simulator.client.v1.charges.retrieve_async(intent.latest_charge, {"expand": ["balance_transaction"]})
    assert (charge.balance_transaction.currency, charge.balance_transaction.fee) == ("jpy", 175)


async def test_a_saved_card_pays_again_and_an_unsaved_one_only_once(simulator: Any) -> None:
    client = simulator.client.v1
    customer = await client.customers.create_async({"metadata": {"user": "usr_1"}})
    saved = await client.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    for _ in range(2):
        assert (await simulator.pay(method=saved.id, customer=customer.id)).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        await simulator.pay(method=saved.id)

    once = (await simulator.pay()).payment_method
    with pytest.raises(stripe.InvalidRequestError):
        await simulator.pay(method=once)

    listed = await client.customers.payment_methods.list_async(customer.id)
    assert [method.id for method in listed.data] == [saved.id]
    await client.payment_methods.detach_async(saved.id)
    assert (await client.customers.payment_methods.list_async(customer.id)).data == []
    with pytest.raises(stripe.CardError):
        await client.payment_methods.attach_async("pm_card_chargeDeclined", {"customer": customer.id})


async def test_lists_go_by_cursor_newest_first(simulator: Any) -> None:
    made = [(await simulator.pay(1_000 + index)).id for index in range(5)]
    client = simulator.client.v1.payment_intents

    first = await client.list_async({"limit": 2})
    assert ([item.id for item in first.data], first.has_more) == ([made[4], made[3]], True)
    rest = await client.list_async({"limit": 10, "starting_after": made[3]})
    assert ([item.id for item in rest.data], rest.has_more) == ([made[2], made[1], made[0]], False)
    back = await client.list_async({"limit": 1, "ending_before": made[2]})
    assert ([item.id for item in back.data], back.has_more) == ([made[3]], True)
    assert [item.id async for item in (await client.list_async({"limit": 2})).auto_paging_iter()] == made[::-1]
