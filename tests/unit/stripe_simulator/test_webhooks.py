"""Webhooks: signed, at least once, held, doubled, dropped and sent again."""

import json
from typing import Any

import pytest
import stripe

from tests.unit.stripe_simulator.world import SECRETS


def _succeeded(world: Any) -> list[str]:
    """Ids of the payment_intent.succeeded events that arrived."""
    events = world.mailbox.events(world.client)
    return [event["id"] for event in events if event["type"] == "payment_intent.succeeded"]


async def test_a_forged_signature_is_noticed(world: Any) -> None:
    await world.pay()
    await world.mailbox.until(lambda: bool(world.mailbox.got))
    _, body, signature = world.mailbox.got[0]
    with pytest.raises(stripe.SignatureVerificationError):
        world.client.construct_event(body, signature, SECRETS["connect"])
    with pytest.raises(stripe.SignatureVerificationError):
        world.client.construct_event(body + b" ", signature, SECRETS["platform"])


async def test_an_event_says_which_request_caused_it(world: Any) -> None:
    intent = await world.client.v1.payment_intents.create_async(
        {"amount": 5_000, "currency": "usd"}, {"idempotency_key": "k1"}
    )
    listed = await world.client.v1.events.list_async({"type": "payment_intent.created"})
    (event,) = listed.data
    assert event.data.object["id"] == intent.id
    assert (event.request.idempotency_key, event.api_version) == ("k1", stripe.api_version)
    assert (await world.client.v1.events.retrieve_async(event.id)).id == event.id


async def test_a_refused_delivery_is_tried_until_it_is_taken(world: Any) -> None:
    world.mailbox.status["platform"] = 500
    await world.pay()
    await world.mailbox.until(lambda: len(_succeeded(world)) >= 2)
    undelivered = await world.client.v1.events.list_async({"delivery_success": False})
    assert "payment_intent.succeeded" in {event.type for event in undelivered.data}

    world.mailbox.status["platform"] = 200
    before = len(_succeeded(world))
    await world.mailbox.until(lambda: len(_succeeded(world)) > before)
    assert len(set(_succeeded(world))) == 1


async def test_webhooks_are_held_and_released(world: Any) -> None:
    await world.control("/webhooks", {"hold": True})
    await world.pay()
    assert {item["state"] for item in (await world.state())["deliveries"]} == {"pending"}
    assert world.mailbox.got == []

    await world.control("/webhooks", {"hold": False, "shuffle": True})
    await world.mailbox.until(lambda: len(_succeeded(world)) == 1)


async def test_webhooks_come_twice(world: Any) -> None:
    await world.control("/webhooks", {"duplicate": True})
    await world.pay()
    await world.mailbox.until(lambda: len(_succeeded(world)) == 2)
    assert len(set(_succeeded(world))) == 1


async def test_a_dropped_webhook_is_listed_and_can_be_sent_again(world: Any) -> None:
    await world.control("/webhooks", {"drop": 1})
    intent = await world.client.v1.payment_intents.create_async({"amount": 5_000, "currency": "usd"})
    missed = await world.client.v1.events.list_async({"delivery_success": False, "types": ["payment_intent.created"]})
    assert [event.data.object["id"] for event in missed.data] == [intent.id]
    assert world.mailbox.got == []

    await world.control("/webhooks/resend", {"type": "payment_intent.created"})
    await world.mailbox.until(lambda: "payment_intent.created" in world.mailbox.types(world.client))


async def test_an_endpoint_made_by_the_api_gets_only_what_it_asked_for(world: Any) -> None:
    endpoint = await world.client.v1.webhook_endpoints.create_async(
        {"url": f"{world.mailbox.url}/own", "enabled_events": ["customer.created"]}
    )
    await world.client.v1.customers.create_async()
    await world.pay()
    await world.mailbox.until(lambda: "own" in {kind for kind, _, _ in world.mailbox.got} and bool(_delivered(world)))
    own = [(body, signature) for kind, body, signature in world.mailbox.got if kind == "own"]
    assert [json.loads(body)["type"] for body, _ in own] == ["customer.created"]
    body, signature = own[0]
    assert world.client.construct_event(body, signature, endpoint.secret).type == "customer.created"


def _delivered(world: Any) -> list[bytes]:
    return [body for kind, body, _ in world.mailbox.got if kind == "platform" and b"payment_intent.succeeded" in body]


async def test_connected_accounts_events_go_to_their_own_endpoint(world: Any) -> None:
    account = await world.recipient()
    paid = await world.pay()
    await world.client.v1.transfers.create_async(
        {"amount": 500, "currency": "usd", "destination": account, "source_transaction": paid.latest_charge}
    )
    world.clock.pass_days(2)
    await world.mailbox.until(lambda: "connect" in {kind for kind, _, _ in world.mailbox.got})
    body = next(body for kind, body, _ in world.mailbox.got if kind == "connect")
    assert (json.loads(body)["type"], json.loads(body)["account"]) == ("balance.available", account)
