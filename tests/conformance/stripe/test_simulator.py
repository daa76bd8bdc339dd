"""What the simulator answers and sends is what Stripe describes, along every call it plays."""

import json
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import stripe
from stripe_simulator.http.routes import OPERATIONS
from stripe_simulator.settings import API_VERSION

from tests.conformance.stripe.description import (
    PRESENT,
    Violation,
    request_parameters,
    validate_answer,
    validate_event,
    validate_request,
)
from tests.unit.stripe_simulator.simulator import Simulator


class Witness(stripe.AIOHTTPClient):
    """Stripe's own client that has every request and answer judged."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=20)
        self.base = base
        self.seen: set[tuple[str, str]] = set()

    async def request_async(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        content, status, told = await super().request_async(method, url, headers, post_data)
        path, _, query = url.removeprefix(self.base).partition("?")
        if status == 200:
            validate_request(method.upper(), path, post_data or "", query)
        validate_answer(method.upper(), path, status, json.loads(content))
        self.seen.add((method.upper(), path))
        return content, status, told


async def _walk(simulator: Simulator, client: stripe.StripeClient) -> None:
    """Every call once or more, with its errors."""
    v1, v2 = client.v1, client.v2
    customer = await v1.customers.create_async({"email": "a@example.test", "metadata": {"user": "usr_1"}})
    await v1.customers.update_async(customer.id, {"name": "A"})
    await v1.customers.retrieve_async(customer.id)
    await v1.customers.list_async({"limit": 3})
    who: Any = {"customer": customer.id}
    saved = await v1.payment_methods.attach_async("pm_card_visa", who)
    await v1.payment_methods.retrieve_async(saved.id)
    await v1.payment_methods.retrieve_async("pm_card_mastercard")
    await v1.payment_methods.update_async(saved.id, {"metadata": {"a": "b"}})
    await v1.payment_methods.list_async({"customer": customer.id, "type": "card"})
    await v1.customers.payment_methods.list_async(customer.id)
    await v1.customers.payment_methods.retrieve_async(customer.id, saved.id)

    await v1.payment_methods.detach_async((await v1.payment_methods.attach_async("pm_card_visa", who)).id)

    card: Any = {"currency": "usd", "allowed_payment_method_types": ["card"], "confirm": True}
    paid = await v1.payment_intents.create_async(
        {**card, "amount": 20_000, "payment_method": saved.id, "customer": customer.id, "expand": ["latest_charge"]}
    )
    charge = paid.latest_charge.id  # type: ignore[union-attr]
    for method in ("pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds"):
        with pytest.raises(stripe.CardError):
            await v1.payment_intents.create_async({**card, "amount": 20_000, "payment_method": method})
    await v1.payment_intents.create_async({**card, "amount": 900, "payment_method": "pm_card_threeDSecure2Required"})
    challenged = await v1.payment_intents.create_async(
        {**card, "amount": 900, "payment_method": "pm_card_authenticationRequired", "return_url": "http://a.test"}
    )
    await simulator.control(f"/payment_intents/{challenged.id}/challenge", {"outcome": "fail"})
    await v1.payment_intents.update_async(challenged.id, {"amount": 950, "metadata": {"x": "y"}})
    await v1.payment_intents.confirm_async(challenged.id, {"payment_method": "pm_card_authenticationRequired"})
    await simulator.control(f"/payment_intents/{challenged.id}/challenge")
    abandoned = await v1.payment_intents.create_async({"amount": 900, "currency": "eur"})
    await v1.payment_intents.cancel_async(abandoned.id, {"cancellation_reason": "abandoned"})
    await v1.payment_intents.retrieve_async(challenged.id, {"expand": ["latest_charge.balance_transaction"]})
    await v1.payment_intents.list_async({"customer": customer.id, "expand": ["data.latest_charge"]})
    await v1.charges.retrieve_async(charge, {"expand": ["refunds", "customer"]})
    await v1.charges.list_async({"payment_intent": paid.id})

    saving = await v1.setup_intents.create_async({"customer": customer.id})
    await v1.setup_intents.confirm_async(saving.id, {"payment_method": "pm_card_visa"})
    await v1.setup_intents.retrieve_async(saving.id)
    await v1.setup_intents.list_async({"customer": customer.id})
    unsaved = await v1.setup_intents.create_async({"customer": customer.id})
    with pytest.raises(stripe.CardError):
        await v1.setup_intents.confirm_async(unsaved.id, {"payment_method": "pm_card_chargeDeclined"})
    await v1.setup_intents.cancel_async(unsaved.id)

    account = await v2.core.accounts.create_async(
        {
            "contact_email": "f@example.test",
            "dashboard": "express",
            "display_name": "F",
            "identity": {"country": "us", "entity_type": "individual"},
            "configuration": {
                "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
            },
            "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
            "include": ["configuration.recipient", "requirements", "identity", "defaults"],
            "metadata": {"user": "usr_2"},
        }
    )
    await v2.core.account_links.create_async(
        {
            "account": account.id,
            "use_case": {
                "type": "account_onboarding",
                "account_onboarding": {"refresh_url": "http://a.test/again"},
            },
        }
    )
    for decision in ("onboard", "restrict", "reject", "onboard"):
        await simulator.control(f"/accounts/{account.id}/{decision}")
        await v2.core.accounts.retrieve_async(account.id, {"include": ["configuration.recipient", "requirements"]})
    await v2.core.accounts.list_async({"limit": 1})
    with pytest.raises(stripe.StripeError):
        await v2.core.accounts.retrieve_async("acct_nobody")

    transfer = await v1.transfers.create_async(
        {"amount": 9_000, "currency": "usd", "destination": account.id, "source_transaction": charge}
    )
    with pytest.raises(stripe.InvalidRequestError):
        await v1.transfers.create_async({"amount": 1, "currency": "usd", "destination": "acct_nobody"})
    await v1.transfers.update_async(transfer.id, {"metadata": {"a": "b"}})
    await v1.transfers.retrieve_async(transfer.id, {"expand": ["destination_payment", "balance_transaction"]})
    await v1.transfers.list_async({"destination": account.id, "created": {"gte": 1}})

    for method in ("pm_card_visa", "pm_card_refundFail", "pm_card_pendingRefund"):
        other = await v1.payment_intents.create_async({**card, "amount": 5_000, "payment_method": method})
        refund = await v1.refunds.create_async({"payment_intent": other.id, "reason": "requested_by_customer"})
        await v1.refunds.retrieve_async(refund.id)
    with pytest.raises(stripe.InvalidRequestError):
        await v1.refunds.create_async({"charge": charge, "amount": 20_001})
    await v1.refunds.create_async({"charge": charge, "amount": 100, "metadata": {"a": "b"}})
    await v1.refunds.update_async(refund.id, {"metadata": {"a": "b"}})
    await v1.refunds.list_async({"charge": charge})

    line: Any = {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 700, "product_data": {"name": "M"}}}
    pages: Any = {"success_url": "http://a.test/ok", "cancel_url": "http://a.test/no"}
    session = await v1.checkout.sessions.create_async({**pages, "mode": "payment", "line_items": [line]})
    for number in ("4000000000000002", "4242424242424242"):
        form = {"number": number, "exp": "12/34", "cvc": "123"}
        async with simulator.browser.post(session.url, data=form, allow_redirects=False):  # type: ignore[arg-type]
            pass
    await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    unused = await v1.checkout.sessions.create_async({**pages, "mode": "setup", "currency": "usd"})
    await v1.checkout.sessions.expire_async(unused.id)
    await v1.checkout.sessions.list_async({"status": "complete"})

    await simulator.control(f"/transfers/{transfer.id}/reverse", {"amount": 100})
    disputed = await v1.payment_intents.create_async({**card, "amount": 5_000, "payment_method": "pm_card_visa"})
    await simulator.control(f"/charges/{disputed.latest_charge}/dispute")
    dispute = (await v1.disputes.list_async({"payment_intent": disputed.id})).data[0]
    await v1.disputes.retrieve_async(dispute.id)
    await v1.balance_transactions.list_async({"type": "adjustment", "expand": ["data.source"]})

    simulator.clock.pass_days(3)
    await v1.balance.retrieve_async()
    await v1.balance.retrieve_async(options={"stripe_account": account.id})
    await v1.balance_settings.retrieve_async()
    await v1.balance_settings.update_async({"payments": {"payouts": {"schedule": {"interval": "weekly"}}}})
    entries = await v1.balance_transactions.list_async({"limit": 100})
    await v1.balance_transactions.retrieve_async(entries.data[0].id)

    endpoint = await v1.webhook_endpoints.create_async(
        {"url": "http://127.0.0.1:9/x", "enabled_events": ["payment_intent.succeeded"], "api_version": API_VERSION}  # type: ignore[typeddict-item]
    )
    await v1.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    await v1.webhook_endpoints.retrieve_async(endpoint.id)
    await v1.webhook_endpoints.list_async()
    await v1.webhook_endpoints.delete_async(endpoint.id)
    destination = await v2.core.event_destinations.create_async(
        {
            "name": "thin",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": ["v2.core.account.updated"],
            "events_from": ["@accounts"],
            "webhook_endpoint": {"url": "http://127.0.0.1:9/x"},
            "include": ["webhook_endpoint.signing_secret"],
        }
    )
    await v2.core.event_destinations.retrieve_async(destination.id)
    await v2.core.event_destinations.list_async()
    await v2.core.event_destinations.delete_async(destination.id)
    events = await v1.events.list_async({"types": ["charge.failed", "refund.created"], "limit": 50})
    await v1.events.retrieve_async(events.data[0].id)
    thin = (await simulator.objects("v2.core.event"))[0]
    await v2.core.events.retrieve_async(thin["id"])


async def test_every_answer_and_event_is_as_stripe_describes_it(simulator: Simulator) -> None:
    witness = Witness(simulator.url)
    client = stripe.StripeClient("sk_test_x", base_addresses={"api": simulator.url}, http_client=witness)
    await _walk(replace(simulator, client=client), client)
    await witness.close_async()

    for event in [*await simulator.objects("event"), *await simulator.objects("v2.core.event")]:
        validate_event(event)
    unvisited = {(item.method, item.path) for item in OPERATIONS if not _visited(item.path, item.method, witness.seen)}
    assert unvisited == set()


UNTYPED = {"client_secret", "page"}
"""Sent by browsers, and as part of a list's next address: the SDK's types leave them out."""


def _visited(template: str, method: str, seen: set[tuple[str, str]]) -> bool:
    parts = template.split("/")
    return any(
        verb == method
        and len(path.split("/")) == len(parts)
        and all(part.startswith("{") or part == real for part, real in zip(parts, path.split("/"), strict=True))
        for verb, path in seen
    )


async def test_error_answers_have_stripes_shape(simulator: Simulator) -> None:
    keys = {"Authorization": "Bearer sk_test_x"}
    calls = [
        ("GET", "/v1/charges/ch_nobody", keys, 404),
        ("GET", "/v1/charges", {}, 401),
        ("POST", "/v1/payment_intents", keys, 400),
        ("GET", "/v2/core/accounts/acct_nobody", keys, 404),
    ]
    async with aiohttp.ClientSession() as session:
        for method, path, headers, status in calls:
            async with session.request(method, simulator.url + path, headers=headers) as answer:
                assert answer.status == status
                validate_answer(method, path, status, await answer.json())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda item: f"{item.method} {item.path}")
def test_the_simulator_knows_no_parameter_that_stripe_does_not(operation: Any) -> None:
    described = request_parameters(operation.method, operation.path)
    ours = {name.removesuffix("!") for name in operation.params}
    # Refused by name with a code of its own, so it stands in the table although Stripe no longer takes it.
    foreign = ours - set(described) - {"payment_method_types"} - (set() if PRESENT else UNTYPED)
    if foreign:
        raise Violation(f"unknown at Stripe: {', '.join(sorted(foreign))}")
