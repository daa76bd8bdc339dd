"""Everything we send is what Stripe describes, along every way an operation can go."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import stripe
from skillscoop_payments.adapters.stripe import API_VERSION, StripeGateway
from skillscoop_payments.domain.operation import Kind, NotThere, Operation
from skillscoop_payments.main import build
from skillscoop_payments.settings import PaymentsSettings

from tests.conformance.stripe.description import validate_answer, validate_request
from tests.integration.payments.desk import ADA, SECRET, THIN_SECRET, Desk, playing_stripe
from tests.support.identity import Issuer
from tests.support.one_service import on_stage


class Witness(stripe.AIOHTTPClient):
    """The SDK's own client, with every request and answer judged on its way."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=20)
        self.base = base
        self.seen: set[str] = set()

    async def request_async(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        path, _, query = url.removeprefix(self.base).partition("?")
        validate_request(method.upper(), path, post_data or "", query)
        content, status, told = await super().request_async(method, url, headers, post_data)
        validate_answer(method.upper(), path, status, json.loads(content))
        self.seen.add(f"{method.upper()} {path}")
        return content, status, told


class WitnessedGateway(StripeGateway):
    """The real gateway over a witnessed connection."""

    witness: Witness

    def _open(self) -> tuple[stripe.StripeClient, Any]:
        assert self._api_base is not None
        self.witness = Witness(self._api_base)
        client = stripe.StripeClient(
            self._key,
            stripe_version=API_VERSION,
            base_addresses={"api": self._api_base},
            http_client=self.witness,
            max_network_retries=0,
        )
        return client, self.witness


@pytest.fixture
async def witnessed(sqlite_url: str, keys: Issuer, jwks_file: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(playing_stripe(tmp_path / "stripe"))
        gateway = WitnessedGateway("sk_test_x", simulator.url, timeout=20, connections=4)
        own = {
            "stripe_api_base": simulator.url,
            "stripe_webhook_secrets": [SECRET],
            "stripe_thin_webhook_secrets": [THIN_SECRET],
        }
        stage = await stack.enter_async_context(
            on_stage(partial(build, gateway=gateway), PaymentsSettings, keys, sqlite_url, jwks_file, **own)
        )
        for resource in stage.service.resources:
            await stack.enter_async_context(resource)
        yield Desk(stage, simulator)


async def test_every_request_of_ours_fits_stripes_description(witnessed: Desk) -> None:
    desk = witnessed
    account = await desk.onboarded()
    await desk.stage.call("grace", "POST", "/v1/payout-accounts/me/onboarding-link", {})
    milestone = desk.milestone()
    await desk.settle(milestone, await desk.fund(milestone), 10_000)
    await desk.work()
    for method in ("payment_intent", "checkout", "pm_card_visa_chargeDeclined", "pm_card_authenticationRequired"):
        other = desk.milestone()
        funding = await desk.request(other, method)
        await desk.work()
        await desk.sweep()
        await desk.cancel(other, funding)
        await desk.work()
    gateway: WitnessedGateway = desk.stage.service.outside["gateway"]
    since = desk.stage.service.clocks.business()
    intents = await desk.stripe.objects("payment_intent")
    kinds: tuple[Kind, ...] = (
        "create_intent",
        "create_checkout",
        "create_transfer",
        "create_refund",
        "create_recipient",
    )
    for kind in kinds:
        parameters = {"transfer_group": milestone["milestone_id"], "payment_intent": intents[0]["id"]}
        unknown = Operation("op_unknown", kind, parameters, "key", created_at=since)
        assert await gateway.search(unknown) == NotThere()
    assert await gateway.poll("account", account["id"]) is not None
    assert await gateway.poll("payment", "pi_unknown") is None
    called = {" ".join(part for part in one.split("/")[:4]) for one in gateway.witness.seen}
    assert len(called) >= 10, called
    assert desk.said() and (await desk.stage.call(ADA, "GET", "/v1/payments")).status_code == 200
