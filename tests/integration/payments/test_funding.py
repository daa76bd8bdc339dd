"""Funding: by payment method, by intent, by hosted page; declined, challenged, canceled; paid once whatever happens."""

import asyncio

import httpx2
import pytest
from skillscoop_messages.events import payments

from tests.integration.payments.desk import ADA, EVE, GRACE, Desk


async def test_a_payment_method_funds_at_once_and_the_later_webhooks_change_nothing(desk: Desk) -> None:
    milestone = desk.milestone(40_000)
    await desk.request(milestone)
    await desk.work()
    assert desk.answers() == ["PaymentHeld"]
    assert (await desk.payment(milestone))["state"] == "held"
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}

    await desk.carry()
    await desk.carry()

    assert desk.answers() == ["PaymentHeld"]
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}
    held = desk.said(payments.PaymentHeld)[0]
    assert (held.paid, held.milestone_id) == (40_000, milestone["milestone_id"])
    books = {entry["account"]: entry["debits"] - entry["credits"] for entry in (await desk.books())["accounts"]}
    assert books == {"stripe_balance": 38_810, "stripe_fees": 1_190, "held": -40_000}


async def test_a_funding_requested_twice_is_one_payment(desk: Desk) -> None:
    milestone = desk.milestone()
    funding = await desk.request(milestone, times=2)
    await desk.request(milestone, funding_id=funding)
    await desk.work()
    assert len(await desk.stripe.objects("payment_intent")) == 1
    assert desk.answers() == ["PaymentHeld"]


async def test_an_intent_is_confirmed_by_the_client_who_alone_sees_its_secret(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "payment_intent")
    await desk.work()
    seen = await desk.payment(milestone)
    assert seen["state"] == "requires_action" and seen["publishable_key"].startswith("pk_")
    assert seen["next"] == [
        {"action": "pay", "actor": "client", "due_at": None, "on_timeout": None, "blocked_reason": None}
    ]
    hidden = await desk.payment(milestone, GRACE)
    assert (hidden["client_secret"], hidden["publishable_key"], hidden["checkout_url"]) == (None, None, None)
    assert [event.action for event in desk.said(payments.PaymentRequiresAction)] == ["confirm"]

    intent = (await desk.stripe.objects("payment_intent"))[0]["id"]
    data = {"client_secret": seen["client_secret"], "payment_method": "pm_card_visa"}
    assert (await desk.stripe.api("POST", f"/v1/payment_intents/{intent}/confirm", "pk_test_x", **data)).is_success
    await desk.carry()

    assert desk.answers() == ["PaymentHeld"]
    assert (await desk.payment(milestone))["client_secret"] is None


async def test_a_declined_card_on_an_open_intent_is_shown_and_another_card_pays(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "payment_intent")
    await desk.work()
    secret = (await desk.payment(milestone))["client_secret"]
    path = f"/v1/payment_intents/{(await desk.stripe.objects('payment_intent'))[0]['id']}/confirm"
    bad = "pm_card_visa_chargeDeclinedInsufficientFunds"
    declined = await desk.stripe.api("POST", path, "pk_test_x", client_secret=secret, payment_method=bad)
    assert declined.status_code == 402
    await desk.carry()
    shown = await desk.payment(milestone)
    assert (shown["state"], shown["failure"]["code"]) == ("requires_action", "insufficient_funds")
    assert desk.answers() == []

    await desk.stripe.api("POST", path, "pk_test_x", client_secret=secret, payment_method="pm_card_visa")
    await desk.carry()
    assert desk.answers() == ["PaymentHeld"]


async def test_a_payment_on_which_cards_are_tried_out_is_closed(desk: Desk) -> None:
    """Given an open payment, when ten cards were declined on it, then it is ended and no card pays it any more."""
    milestone = desk.milestone()
    await desk.request(milestone, "payment_intent")
    await desk.work()
    secret = (await desk.payment(milestone))["client_secret"]
    path = f"/v1/payment_intents/{(await desk.stripe.objects('payment_intent'))[0]['id']}/confirm"
    for _ in range(10):
        bad = {"client_secret": secret, "payment_method": "pm_card_visa_chargeDeclined"}
        assert (await desk.stripe.api("POST", path, "pk_test_x", **bad)).status_code == 402
    await desk.carry()

    assert [event.reason for event in desk.said(payments.PaymentCanceled)] == ["too_many_declines"]
    good = await desk.stripe.api("POST", path, "pk_test_x", client_secret=secret, payment_method="pm_card_visa")
    assert good.status_code >= 400


async def test_a_hosted_page_is_paid_by_its_form(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "checkout")
    await desk.work()
    url = (await desk.payment(milestone))["checkout_url"]
    assert [event.action for event in desk.said(payments.PaymentRequiresAction)] == ["checkout"]
    form = {"number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123"}
    assert (await desk.stripe.client.post(url, data=form)).status_code < 400
    await desk.carry()
    assert desk.answers() == ["PaymentHeld"]
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}


async def test_a_declined_payment_method_is_ended_at_stripe_before_it_is_called_failed(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "pm_card_visa_chargeDeclined")
    await desk.work()
    assert [event.reason for event in desk.said(payments.PaymentFailed)] == ["card_declined"]
    assert [intent["status"] for intent in await desk.stripe.objects("payment_intent")] == ["canceled"]
    await desk.carry()
    assert desk.answers() == ["PaymentFailed"]
    assert (await desk.payment(milestone))["failure"]["code"] == "card_declined"
    assert await desk.ledger() == {}


async def test_an_unknown_payment_method_fails_without_anything_at_stripe(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "pm_nobody_has_this")
    await desk.work()
    assert [event.reason for event in desk.said(payments.PaymentFailed)] == ["method_invalid"]
    assert await desk.stripe.objects("payment_intent") == []


@pytest.mark.parametrize(("outcome", "answer"), [("complete", "PaymentHeld"), ("fail", "PaymentFailed")])
async def test_three_d_secure_decides(desk: Desk, outcome: str, answer: str) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "pm_card_authenticationRequired")
    await desk.work()
    assert [event.action for event in desk.said(payments.PaymentRequiresAction)] == ["authenticate"]
    seen = await desk.payment(milestone)
    assert seen["client_secret"] and seen["checkout_url"]
    intent = (await desk.stripe.objects("payment_intent"))[0]["id"]
    await desk.stripe.play(f"/payment_intents/{intent}/challenge", outcome=outcome)
    await desk.carry()
    assert desk.answers() == [answer]


async def test_a_cancel_before_the_call_takes_the_payment_back_and_stripe_never_hears_of_it(desk: Desk) -> None:
    milestone = desk.milestone()
    funding = await desk.request(milestone)
    await desk.cancel(milestone, funding)
    await desk.work()
    assert desk.answers() == ["PaymentCanceled"]
    assert await desk.stripe.objects("payment_intent") == []


@pytest.mark.parametrize("method", ["payment_intent", "checkout"])
async def test_a_cancel_of_an_open_payment_ends_it_at_stripe_and_is_answered_again_when_asked_again(
    desk: Desk, method: str
) -> None:
    milestone = desk.milestone()
    funding = await desk.request(milestone, method)
    await desk.work()
    await desk.cancel(milestone, funding)
    assert desk.answers() == []
    await desk.work()
    assert desk.answers() == ["PaymentCanceled"]
    kind = "payment_intent" if method == "payment_intent" else "checkout.session"
    assert (await desk.stripe.objects(kind))[0]["status"] in ("canceled", "expired")
    await desk.cancel(milestone, funding)
    assert desk.answers() == ["PaymentCanceled"] * 2


async def test_a_cancel_that_comes_before_its_request_leaves_a_tombstone(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.cancel(milestone, "fnd_early")
    assert desk.answers() == ["PaymentCanceled"]
    await desk.request(milestone, funding_id="fnd_early")
    await desk.work()
    assert desk.answers() == ["PaymentCanceled"]
    assert await desk.stripe.objects("payment_intent") == []


async def test_a_cancel_that_comes_after_the_money_is_answered_held(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "payment_intent")
    await desk.work()
    payment = await desk.payment(milestone)
    intent = (await desk.stripe.objects("payment_intent"))[0]["id"]
    data = {"client_secret": payment["client_secret"], "payment_method": "pm_card_visa"}
    await desk.stripe.api("POST", f"/v1/payment_intents/{intent}/confirm", "pk_test_x", **data)

    await desk.cancel(milestone, payment["funding_id"])
    await desk.work()
    assert desk.answers() == ["PaymentHeld"]
    await desk.cancel(milestone, payment["funding_id"])
    assert desk.answers() == ["PaymentHeld"] * 2
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}


async def test_a_page_that_expired_by_itself_is_found_by_the_sweeper(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone, "checkout")
    await desk.work()
    await desk.stripe.play("/clock/advance", seconds=90_000)
    await asyncio.sleep(1.2)  # the simulator notices a played clock within a second
    assert await desk.sweep() == 1
    assert [event.reason for event in desk.said(payments.PaymentCanceled)] == ["expired"]


async def test_a_late_cancel_of_the_first_try_leaves_the_second_alone(desk: Desk) -> None:
    milestone = desk.milestone()
    first = await desk.request(milestone, "checkout")
    await desk.work()
    await desk.cancel(milestone, first)
    await desk.work()
    await desk.fund(milestone)
    await desk.carry()
    assert desk.answers() == ["PaymentCanceled", "PaymentHeld"]
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}


async def test_strangers_see_nothing_and_parties_their_own(desk: Desk) -> None:
    milestone = desk.milestone()
    payment = await desk.fund(milestone)

    async def got(user: str, path: str) -> httpx2.Response:
        return await desk.stage.call(user, "GET", path)

    paths = (
        f"/v1/milestones/{milestone['milestone_id']}/payment",
        f"/v1/payments/{payment['id']}",
        f"/v1/contracts/{desk.contract_id}/ledger",
    )
    for path in paths:
        assert (await got(GRACE, path)).status_code == 200
        stranger, nowhere = await got(EVE, path), await got(EVE, path[:-8] + "00000000")
        assert (stranger.status_code, nowhere.status_code) == (404, 404)
        assert stranger.json()["detail"] == nowhere.json()["detail"]
        assert (await got("", path)).status_code == 401
    assert [one["id"] for one in (await got(ADA, "/v1/payments")).json()["data"]] == [payment["id"]]
    assert (await got(EVE, "/v1/payments")).json()["data"] == []
    fresh = await desk.stage.call(ADA, "GET", paths[1], headers={"If-None-Match": f'"{payment["version"]}"'})
    assert fresh.status_code == 304
