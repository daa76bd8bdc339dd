"""Webhooks: signed, at least once, held, doubled, dropped and sent again."""

import json
from typing import Any

import pytest
import stripe

from tests.unit.stripe_simulator.simulator import SECRETS


def _succeeded(simulator: Any) -> list[str]:
    """Ids of the payment_intent.succeeded events that arrived."""
    events = simulator.mailbox.events(simulator.client)
    return [event["id"] for event in events if event["type"] == "payment_intent.succeeded"]


async def test_a_forged_signature_is_noticed(simulator: Any) -> None:
    await simulator.pay()
    await simulator.mailbox.until(lambda: bool(simulator.mailbox.got))
    _, body, signature = simulator.mailbox.got[0]
    with pytest.raises(stripe.SignatureVerificationError):
        simulator.client.construct_event(body, signature, SECRETS["connect"])
    with pytest.raises(stripe.SignatureVerificationError):
        simulator.client.construct_event(body + b" ", signature, SECRETS["platform"])


async def test_an_event_says_which_request_caused_it(simulator: Any) -> None:
    intent = await simulator.client.v1.payment_intents.create_async(
        {"amount": 5_000, "currency": "usd"}, {"idempotency_key": "k1"}
    )
    listed = await simulator.client.v1.events.list_async({"type": "payment_intent.created"})
    (event,) = listed.data
    assert event.data.object["id"] == intent.id
    assert (event.request.idempotency_key, event.api_version) == ("k1", stripe.api_version)
    assert (await simulator.client.v1.events.retrieve_async(event.id)).id == event.id


async def test_a_refused_delivery_is_tried_until_it_is_taken(simulator: Any) -> None:
    simulator.mailbox.status["platform"] = 500
    await simulator.pay()
    await simulator.mailbox.until(lambda: len(_succeeded(simulator)) >= 2)
    undelivered = await simulator.client.v1.events.list_async({"delivery_success": False})
    assert "payment_intent.succeeded" in {event.type for event in undelivered.data}

    simulator.mailbox.status["platform"] = 200
    before = len(_succeeded(simulator))
    await simulator.mailbox.until(lambda: len(_succeeded(simulator)) > before)
    assert len(set(_succeeded(simulator))) == 1


async def test_webhooks_are_held_and_released(simulator: Any) -> None:
    await simulator.control("/webhooks", {"hold": True})
    await simulator.pay()
    assert {item["state"] for item in (await simulator.state())["deliveries"]} == {"pending"}
    assert simulator.mailbox.got == []

    await simulator.control("/webhooks", {"hold": False, "shuffle": True})
    await simulator.mailbox.until(lambda: len(_succeeded(simulator)) == 1)


async def test_webhooks_come_twice(simulator: Any) -> None:
    await simulator.control("/webhooks", {"duplicate": True})
    await simulator.pay()
    await simulator.mailbox.until(lambda: len(_succeeded(simulator)) == 2)
    assert len(set(_succeeded(simulator))) == 1


async def test_a_dropped_webhook_is_listed_and_can_be_sent_again(simulator: Any) -> None:
    await simulator.control("/webhooks", {"drop": 1})
    intent = await simulator.client.v1.payment_intents.create_async({"amount": 5_000, "currency": "usd"})
    missed = await simulator.client.v1.events.list_async(
        {"delivery_success": False, "types": ["payment_intent.created"]}
    )
    assert [event.data.object["id"] for event in missed.data] == [intent.id]
    assert simulator.mailbox.got == []

    await simulator.control("/webhooks/resend", {"type": "payment_intent.created"})
    await simulator.mailbox.until(lambda: "payment_intent.created" in simulator.mailbox.types(simulator.client))


async def test_an_endpoint_made_by_the_api_gets_only_what_it_asked_for(simulator: Any) -> None:
    endpoint = await simulator.client.v1.webhook_endpoints.create_async(
        {"url": f"{simulator.mailbox.url}/own", "enabled_events": ["customer.created"]}
    )
    await simulator.client.v1.customers.create_async()
    await simulator.pay()
    await simulator.mailbox.until(
        lambda: "own" in {kind for kind, _, _ in simulator.mailbox.got} and bool(_delivered(simulator))
    )
    own = [(body, signature) for kind, body, signature in simulator.mailbox.got if kind == "own"]
    assert [json.loads(body)["type"] for body, _ in own] == ["customer.created"]
    body, signature = own[0]
    assert simulator.client.construct_event(body, signature, endpoint.secret).type == "customer.created"


def _delivered(simulator: Any) -> list[bytes]:
    return [
        body for kind, body, _ in simulator.mailbox.got if kind == "platform" and b"payment_intent.succeeded" in body
    ]


async def test_connected_accounts_events_go_to_their_own_endpoint(simulator: Any) -> None:
    account = await simulator.recipient()
    paid = await simulator.pay()
    await simulator.client.v1.transfers.create_async(
        {"amount": 500, "currency": "usd", "destination": account, "source_transaction": paid.latest_charge}
    )
    simulator.clock.pass_days(2)
    await simulator.mailbox.until(lambda: "connect" in {kind for kind, _, _ in simulator.mailbox.got})
    body = next(body for kind, body, _ in simulator.mailbox.got if kind == "connect")
    assert (json.loads(body)["type"], json.loads(body)["account"]) == ("balance.available", account)
