"""API keys, versions, idempotency keys and ordered faults."""

import asyncio
from typing import Any

import pytest
import stripe

from tests.unit.stripe_simulator.simulator import sdk

ASKED: Any = {"amount": 5_000, "currency": "usd"}


async def test_only_test_keys_are_taken(simulator: Any) -> None:
    for key in ("sk_live_secret", "rk_live_secret", "whatever"):
        async with sdk(simulator.url, key) as client:
            with pytest.raises(stripe.AuthenticationError) as refused:
                await client.v1.balance.retrieve_async()
            assert refused.value.http_status == 401
    async with simulator.browser.get(f"{simulator.url}/v1/balance") as answer:
        assert answer.status == 401


async def test_another_api_version_is_refused_and_ours_is_the_default(simulator: Any) -> None:
    keys = {"Authorization": "Bearer sk_test_x"}
    async with simulator.browser.get(f"{simulator.url}/v1/balance", headers=keys) as answer:
        assert (answer.status, answer.headers["Stripe-Version"]) == (200, stripe.api_version)
        assert answer.headers["Request-Id"].startswith("req_")
        assert answer.headers["X-Stripe-Simulator"] == "this is not Stripe"
    async with simulator.browser.get(
        f"{simulator.url}/v1/balance", headers={**keys, "Stripe-Version": "2020-08-27"}
    ) as answer:
        assert answer.status == 400


async def test_an_unknown_address_is_told(simulator: Any) -> None:
    async with simulator.browser.get(
        f"{simulator.url}/v1/plans", headers={"Authorization": "Bearer sk_test_x"}
    ) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (404, "invalid_request_error")


async def test_the_same_key_gives_the_same_answer_and_one_effect(simulator: Any) -> None:
    intents = simulator.client.v1.payment_intents
    options: Any = {"idempotency_key": "k1"}
    first = await intents.create_async(ASKED, options)
    again = await intents.create_async({"currency": "usd", "amount": 5_000}, options)

    assert again.to_dict() == first.to_dict()
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(await simulator.objects("payment_intent")) == 1


async def test_a_key_is_not_used_for_anything_else(simulator: Any) -> None:
    options: Any = {"idempotency_key": "k1"}
    await simulator.client.v1.payment_intents.create_async(ASKED, options)
    with pytest.raises(stripe.IdempotencyError) as refused:
        await simulator.client.v1.payment_intents.create_async({**ASKED, "amount": 5_001}, options)
    assert (refused.value.http_status, refused.value.code) == (400, None)
    with pytest.raises(stripe.IdempotencyError):
        await simulator.client.v1.customers.create_async({}, options)


async def test_a_decline_is_replayed_but_wrong_parameters_leave_the_key_free(simulator: Any) -> None:
    declined: Any = {"idempotency_key": "declined"}
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await simulator.client.v1.payment_intents.create_async(
                {
                    **ASKED,
                    "confirm": True,
                    "payment_method": "pm_card_chargeDeclined",
                    "allowed_payment_method_types": ["card"],
                },
                declined,
            )
    assert len(await simulator.objects("charge")) == 1

    corrected: Any = {"idempotency_key": "corrected"}
    with pytest.raises(stripe.InvalidRequestError):
        await simulator.client.v1.payment_intents.create_async({"amount": 1, "currency": "usd"}, corrected)
    assert (await simulator.client.v1.payment_intents.create_async(ASKED, corrected)).amount == 5_000


@pytest.mark.parametrize(("kind", "effects"), [("500_before", 0), ("500_after", 1)])
async def test_v1_replays_a_500_also_when_it_took_effect(simulator: Any, kind: str, effects: int) -> None:
    await simulator.control("/faults", {"path": "/v1/payment_intents", "kind": kind})
    options: Any = {"idempotency_key": "k1"}
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            await simulator.client.v1.payment_intents.create_async(ASKED, options)
        assert failed.value.http_status == 500
    assert len(await simulator.objects("payment_intent")) == effects

    await simulator.control("/idempotency/forget")
    assert (await simulator.client.v1.payment_intents.create_async(ASKED, options)).id


async def test_v2_works_again_what_failed(simulator: Any) -> None:
    await simulator.control("/faults", {"path": "/v2/core/accounts", "kind": "500_before"})
    options: Any = {"idempotency_key": "k1"}
    with pytest.raises(stripe.APIError):
        await simulator.client.v2.core.accounts.create_async({"identity": {"country": "us"}}, options)
    made = await simulator.client.v2.core.accounts.create_async({"identity": {"country": "us"}}, options)
    again = await simulator.client.v2.core.accounts.create_async({"identity": {"country": "us"}}, options)
    assert made.id == again.id
    assert len(await simulator.objects("v2.core.account")) == 1


@pytest.mark.parametrize("kind", ["hang_after", "drop_after"])
async def test_an_answer_that_is_lost_is_found_by_its_key(simulator: Any, kind: str) -> None:
    await simulator.control("/faults", {"path": "/v1/payment_intents", "kind": kind})
    options: Any = {"idempotency_key": "k1"}
    async with sdk(simulator.url, timeout=0.3) as client:
        with pytest.raises(stripe.APIConnectionError):
            await client.v1.payment_intents.create_async(ASKED, options)
    (made,) = await simulator.objects("payment_intent")

    found = await simulator.client.v1.payment_intents.create_async(ASKED, options)

    assert found.id == made["id"]
    assert len(await simulator.objects("payment_intent")) == 1


async def test_a_call_dropped_before_its_effect_leaves_nothing(simulator: Any) -> None:
    await simulator.control("/faults", {"path": "/v1/*", "kind": "drop_before"})
    with pytest.raises(stripe.APIConnectionError):
        await simulator.client.v1.payment_intents.create_async(ASKED)
    assert await simulator.objects("payment_intent") == []


async def test_a_key_in_flight_is_refused_and_the_sdk_tries_again(simulator: Any) -> None:
    await simulator.control("/faults", {"path": "/v1/payment_intents", "kind": "hang_before", "seconds": 1})
    options: Any = {"idempotency_key": "k1"}
    slow = asyncio.create_task(simulator.client.v1.payment_intents.create_async(ASKED, options))
    while (await simulator.state())["faults"]:
        await asyncio.sleep(0)
    with pytest.raises(stripe.APIError) as refused:
        await simulator.client.v1.payment_intents.create_async(ASKED, options)
    assert (refused.value.http_status, refused.value.json_body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await slow).id == (await simulator.client.v1.payment_intents.create_async(ASKED, options)).id


@pytest.mark.parametrize(("kind", "error"), [("409", stripe.APIError), ("429", stripe.RateLimitError)])
async def test_conflict_and_rate_limit_are_ordered_by_number(simulator: Any, kind: str, error: type[Exception]) -> None:
    await simulator.control("/faults", {"path": "/v1/payment_intents", "kind": kind, "times": 2})
    options: Any = {"idempotency_key": "k1"}
    for _ in range(2):
        with pytest.raises(error):
            await simulator.client.v1.payment_intents.create_async(ASKED, options)
    assert (await simulator.client.v1.payment_intents.create_async(ASKED, options)).amount == 5_000
