"""The hosted checkout page, clicked through by a person."""

import re
from typing import Any

import pytest
import stripe

PAGES = {"success_url": "http://shop.test/ok?s={CHECKOUT_SESSION_ID}", "cancel_url": "http://shop.test/no"}
CARD = {"exp": "12/34", "cvc": "123"}


async def _session(simulator: Any, **more: Any) -> Any:
    line = {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 7_500, "product_data": {"name": "Work"}}}
    asked = {
        **PAGES,
        "mode": "payment",
        "line_items": [line],
        "payment_intent_data": {"metadata": {"op_id": "op_1"}, "transfer_group": "ms_1"},
        **more,
    }
    return await simulator.client.v1.checkout.sessions.create_async(asked)


async def _pay(simulator: Any, url: str, number: str, **more: str) -> tuple[int, str, str]:
    """Status, place to go, and text after the form was sent."""
    async with simulator.browser.post(url, data={"number": number, **CARD, **more}, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("location", ""), await answer.text()


async def test_the_page_says_it_is_not_stripe_and_its_first_form_pays(simulator: Any) -> None:
    session = await _session(simulator)
    assert session.url.startswith(simulator.url + "/checkout/cs_test_")

    async with simulator.browser.get(session.url) as page:
        text = await page.text()
        assert page.headers["X-Stripe-Simulator"] == "this is not Stripe"
    form = re.search(r"<form.*?</form>", text, re.S)
    assert form is not None
    assert re.findall(r'name="(\w+)"', form[0]) == ["number", "exp", "cvc"]
    assert "It is not Stripe" in text and "75.00 USD" in text

    status, place, _ = await _pay(simulator, session.url, "4242 4242 4242 4242")

    assert (status, place) == (303, f"http://shop.test/ok?s={session.id}")
    session = await simulator.client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    intent = session.payment_intent
    assert (session.status, session.payment_status, intent.status) == ("complete", "paid", "succeeded")
    assert (intent.amount, intent.metadata["op_id"], intent.transfer_group) == (7_500, "op_1", "ms_1")
    await simulator.mailbox.until(lambda: "checkout.session.completed" in simulator.mailbox.types(simulator.client))


async def test_the_page_says_what_is_paid_for(simulator: Any) -> None:
    """Given a seller's own words for what is sold, when the page is opened, then they stand beside the sum, escaped."""
    price = {"currency": "usd", "unit_amount": 7_500, "product_data": {"name": "<Logo> & co"}}
    session = await _session(simulator, line_items=[{"quantity": 1, "price_data": price}])

    async with simulator.browser.get(session.url) as page:
        assert "&lt;Logo&gt; &amp; co<br><strong>75.00 USD" in await page.text()
    _, _, declined = await _pay(simulator, session.url, "4000000000000002")
    assert "&lt;Logo&gt; &amp; co" in declined


async def test_a_declined_card_is_told_and_another_may_be_tried(simulator: Any) -> None:
    session = await _session(simulator)

    status, _, text = await _pay(simulator, session.url, "4000000000000002")
    assert (status, "Your card was declined." in text) == (200, True)
    _, _, text = await _pay(simulator, session.url, "4000000000009995")
    assert "insufficient funds" in text
    status, place, _ = await _pay(simulator, session.url, "4242424242424242")

    assert (status, place) == (303, f"http://shop.test/ok?s={session.id}")
    statuses = [charge["status"] for charge in await simulator.objects("charge")]
    assert statuses == ["failed", "failed", "succeeded"]
    assert len(await simulator.objects("payment_intent")) == 1


@pytest.mark.parametrize("number", ["4000002500003155", "4000000000003220"])
async def test_3d_secure_has_a_page_of_its_own(simulator: Any, number: str) -> None:
    session = await _session(simulator)

    _, challenge, _ = await _pay(simulator, session.url, number)
    async with simulator.browser.get(challenge) as page:
        assert re.findall(r"<button[^>]*>(\w+)", await page.text()) == ["Complete", "Fail"]
    async with simulator.browser.post(challenge, data={"action": "fail"}) as page:
        assert "could not be authenticated" in await page.text()
    _, challenge, _ = await _pay(simulator, session.url, number)
    async with simulator.browser.post(challenge, data={"action": "complete"}, allow_redirects=False) as answer:
        assert answer.headers["location"] == f"http://shop.test/ok?s={session.id}"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"number": "1234"}, "none of the test cards"),
        ({"exp": "1234"}, "MM/YY"),
        ({"exp": "01/20"}, "has expired"),
        ({"cvc": "1"}, "three or four digits"),
    ],
)
async def test_a_form_filled_in_wrongly_is_shown_again(simulator: Any, fields: dict[str, str], told: str) -> None:
    session = await _session(simulator)
    status, _, text = await _pay(simulator, session.url, **({"number": "4242424242424242"} | fields))
    assert (status, told in text) == (200, True)
    assert await simulator.objects("charge") == []


async def test_an_expired_session_takes_no_money(simulator: Any) -> None:
    session = await _session(simulator)
    await _pay(simulator, session.url, "4000000000000002")

    expired = await simulator.client.v1.checkout.sessions.expire_async(session.id)

    assert (expired.status, expired.url) == ("expired", None)
    assert [intent["status"] for intent in await simulator.objects("payment_intent")] == ["canceled"]
    status, _, text = await _pay(simulator, session.url, "4242424242424242")
    assert (status, "has expired" in text) == (410, True)
    with pytest.raises(stripe.InvalidRequestError):
        await simulator.client.v1.checkout.sessions.expire_async(session.id)
    await simulator.mailbox.until(lambda: "checkout.session.expired" in simulator.mailbox.types(simulator.client))


async def test_a_session_expires_by_itself(simulator: Any) -> None:
    session = await _session(simulator)
    simulator.clock.pass_days(1)
    assert (await simulator.client.v1.checkout.sessions.retrieve_async(session.id)).status == "expired"


async def test_the_intent_of_a_session_is_closed_only_through_the_session(simulator: Any) -> None:
    session = await _session(simulator)
    await _pay(simulator, session.url, "4000000000000002")
    (intent,) = await simulator.objects("payment_intent")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await simulator.client.v1.payment_intents.cancel_async(intent["id"])
    assert refused.value.code == "payment_intent_unexpected_state"


async def test_a_card_is_saved_without_a_payment(simulator: Any) -> None:
    customer = await simulator.client.v1.customers.create_async()
    session = await simulator.client.v1.checkout.sessions.create_async(
        {**PAGES, "mode": "setup", "currency": "usd", "customer": customer.id}
    )
    await _pay(simulator, session.url, "4242424242424242")

    saved = await simulator.client.v1.customers.payment_methods.list_async(customer.id)
    assert [method.card.last4 for method in saved.data] == ["4242"]
    assert (await simulator.client.v1.checkout.sessions.retrieve_async(session.id)).status == "complete"
