"""The moves of payments in the words of the trade: fund, release, split, and what Stripe does meanwhile."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import stripe
import uvicorn
from skillscoop_messages.events import contracts, payments
from skillscoop_messages.events.base import Event
from skillscoop_messages.events.contracts import FeeRule
from skillscoop_messages.ids import new_id
from skillscoop_payments.domain.operation import SEARCH_AFTER
from skillscoop_payments.jobs import poll_what_is_due
from sqlalchemy import text
from stripe_simulator import SimulatorSettings, create_app

from tests.support.one_service import OneService

ADA, GRACE, EVE, SAM, OLGA = "ada", "grace", "eve", "sam", "olga"
"""The client, the freelancer, a stranger, somebody of support, an operator."""

SECRET, THIN_SECRET = "whsec_platform", "whsec_thin"
NO_FEE = FeeRule(bps=0, fixed=0, policy_version=1)


@dataclass
class Stripe:
    """Stripe's stand-in, seen from its control plane. It delivers nothing by itself: the test carries the webhooks."""

    url: str
    client: httpx2.AsyncClient

    async def play(self, where: str, /, **given: Any) -> Any:
        """Something happens in the world around Stripe."""
        answer = await self.client.post(f"/_sim{where}", json=given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def objects(self, kind: str) -> list[dict[str, Any]]:
        """Every object of a kind, oldest first."""
        state = (await self.client.get("/_sim/state")).json()
        return list(state["objects"].get(kind, []))

    async def post_form(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """A POST to the API with nested parameters, as the SDK sends them, and a key of its own."""
        headers = {"Authorization": "Bearer sk_test_x", "Idempotency-Key": new_id("op")}
        answer = await self.client.post(path, data=dict(_flat(parameters)), headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def api(self, method: str, path: str, key: str = "sk_test_somebody_else", **data: Any) -> httpx2.Response:
        """A call to the API by somebody else than us, the client's browser for example."""
        return await self.client.request(method, path, data=data or None, headers={"Authorization": f"Bearer {key}"})


@asynccontextmanager
async def playing_stripe(folder: Path) -> AsyncIterator[Stripe]:
    """The simulator behind a real socket on this machine."""
    door = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    app = create_app(SimulatorSettings(data=folder, public_url=url))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve([door]))
    try:
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
            async with asyncio.timeout(20):
                while not server.started:
                    await asyncio.sleep(0.005)
            yield Stripe(url, client)
    finally:
        server.should_exit = True
        await serving


@dataclass
class Desk:
    """The service, Stripe's stand-in, and the vocabulary of a milestone's money."""

    stage: OneService
    stripe: Stripe
    contract_id: str = field(default_factory=lambda: new_id("ctr"))

    def milestone(self, amount: int = 40_000, currency: str = "usd") -> dict[str, Any]:
        """What every event about a milestone of the contract says."""
        return {
            "contract_id": self.contract_id,
            "client_id": ADA,
            "freelancer_id": GRACE,
            "title": "A new checkout",
            "milestone_id": new_id("ms"),
            "description": "Three drafts and the final files",
            "amount": amount,
            "currency": currency,
            "revision": 1,
        }

    async def request(
        self, milestone: dict[str, Any], method: str = "pm_card_visa", funding_id: str | None = None, times: int = 1
    ) -> str:
        """Contracts says that the client funds the milestone. The funding's id."""
        funding_id = funding_id or new_id("fnd")
        event = contracts.MilestoneFundingRequested(**milestone, funding_id=funding_id, method=method, fee=NO_FEE)
        await self.stage.hear(event, times=times)
        return funding_id

    async def fund(self, milestone: dict[str, Any], method: str = "pm_card_visa") -> dict[str, Any]:
        """The milestone's price is held and booked. Its payment as the client sees it."""
        await self.request(milestone, method)
        await self.work()
        await self.carry()
        payment = await self.payment(milestone)
        assert payment["state"] == "held", payment
        return payment

    async def cancel(self, milestone: dict[str, Any], funding_id: str, times: int = 1) -> None:
        """Contracts says that the funding shall end."""
        event = contracts.MilestoneFundingCanceled(**milestone, funding_id=funding_id, reason="client")
        await self.stage.hear(event, times=times)

    async def refuse(self, milestone: dict[str, Any], payment: dict[str, Any], times: int = 1) -> None:
        """Contracts says that nobody wants the payment."""
        event = contracts.MilestonePaymentRefused(
            **milestone, funding_id=payment["funding_id"], payment_id=payment["id"], reason="already_funded"
        )
        await self.stage.hear(event, times=times)

    async def settle(
        self,
        milestone: dict[str, Any],
        payment: dict[str, Any],
        to_freelancer: int | None = None,
        *,
        fee: FeeRule = NO_FEE,
        times: int = 1,
        settlement_id: str | None = None,
    ) -> str:
        """Contracts says how the held money is settled; everything to the freelancer when nothing is said."""
        held = milestone["amount"]
        share = held if to_freelancer is None else to_freelancer
        settlement_id = settlement_id or new_id("stl")
        event = contracts.MilestoneSettlementDecided(
            **milestone,
            settlement_id=settlement_id,
            funding_id=payment["funding_id"],
            payment_id=payment["id"],
            held=held,
            to_freelancer=share,
            to_client=held - share,
            reason="release" if share == held else "dispute",
            decided_by=ADA,
            fee=fee,
        )
        await self.stage.hear(event, times=times)
        return settlement_id

    async def onboarded(self, user: str = GRACE) -> dict[str, Any]:
        """The freelancer has an account that can be paid to. The account as Stripe has it."""
        assert (await self.stage.call(user, "POST", "/v1/payout-accounts", {})).status_code in (200, 201)
        await self.work()
        account = (await self.stripe.objects("v2.core.account"))[-1]
        await self.stripe.play(f"/accounts/{account['id']}/onboard")
        await self.carry()
        return account

    async def work(self) -> int:
        """Let everything run that is due: operations, looks, timers. How many calls that were."""
        total = 0
        while True:
            ran = 0
            for executor in self.stage.service.executors:
                ran += await executor.run_due(self.stage.service.database)
            await self.stage.ring()
            total += ran
            if not ran:
                return total

    async def hurry(self) -> int:
        """Waiting is over: whatever would be tried again later is tried now, and what was under way has ended."""
        async with self.stage.service.database.begin() as tx:
            await tx.execute(
                text("UPDATE stripe_operations SET unanswered_at = :then WHERE unanswered_at IS NOT NULL"),
                {"then": stored(tx, SEARCH_AFTER)},
            )
            for table in ("stripe_operations", "provider_notices"):
                await tx.execute(
                    text(f"UPDATE {table} SET due_at = :now, lease_token = NULL WHERE state = 'pending'"),
                    {"now": stored(tx)},
                )
        return await self.work()

    async def sweep(self) -> int:
        """Time has passed without any webhook: the sweeper looks. How many objects it looks at."""
        async with self.stage.service.database.begin() as tx:
            for table in ("payments", "settlements", "payout_accounts"):
                await tx.execute(
                    text(f"UPDATE {table} SET look_at = :now WHERE look_at IS NOT NULL"), {"now": stored(tx)}
                )
        deps = self.stage.service.outside["dependencies"]
        found = await poll_what_is_due(self.stage.service.database, deps)
        await self.work()
        return found

    async def events(self, *types: str) -> list[dict[str, Any]]:
        """What Stripe has to tell, of these types where some are given."""
        told = [*await self.stripe.objects("event"), *await self.stripe.objects("v2.core.event")]
        return [event for event in told if not types or event["type"] in types]

    async def post_webhook(
        self, event: dict[str, Any], *, secret: str | None = None, age: int = 0, path: str | None = None
    ) -> httpx2.Response:
        """Deliver one event as Stripe does, signed `age` seconds ago."""
        thin = event.get("object") == "v2.core.event"
        body = json.dumps({name: value for name, value in event.items() if not thin or name != "data"})
        signed_at = int(self.stage.service.clocks.wall().timestamp()) - age
        signature = stripe.WebhookSignature.generate_signature_header(
            body, secret or (THIN_SECRET if thin else SECRET), timestamp=signed_at
        )
        where = path or ("/webhooks/stripe/thin" if thin else "/webhooks/stripe")
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return await self.stage.client.post(where, content=body, headers=headers)

    async def carry(self, *types: str) -> None:
        """Deliver everything Stripe has to tell (of these types) and do what follows from it."""
        for event in await self.events(*types):
            assert (await self.post_webhook(event)).status_code == 200
        await self.work()

    async def operations(self, kind: str) -> list[dict[str, Any]]:
        """Our calls of a kind as operators see them, newest first."""
        answer = await self.stage.call(OLGA, "GET", f"/v1/admin/payments/operations?kind={kind}", roles=("ops",))
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def retry(self, operation: dict[str, Any]) -> httpx2.Response:
        """An operator tries a call again."""
        path, body = f"/v1/admin/payments/operations/{operation['id']}/retry", {"reason": "the client asked"}
        return await self.stage.call(OLGA, "POST", path, body, roles=("ops",), key=new_id("op"))

    async def payment(self, milestone: dict[str, Any], user: str = ADA) -> dict[str, Any]:
        """The milestone's current payment."""
        answer = await self.stage.call(user, "GET", f"/v1/milestones/{milestone['milestone_id']}/payment")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ledger(self, user: str = ADA) -> dict[str, int]:
        """The totals of the contract's ledger, which must explain everything that was charged."""
        answer = await self.stage.call(user, "GET", f"/v1/contracts/{self.contract_id}/ledger")
        assert answer.status_code == 200, answer.text
        names = ("held", "in_transit", "released", "refunded", "fees", "charged_back")
        sums = {name: answer.json()[name]["amount"] for name in ("charged", *names)}
        assert sums["charged"] == sum(sums[name] for name in names), sums
        return {name: amount for name, amount in sums.items() if amount}

    async def books(self) -> dict[str, Any]:
        """The platform's trial balance, which must balance."""
        answer = await self.stage.call(OLGA, "GET", "/v1/admin/payments/ledger", roles=("ops",))
        assert answer.status_code == 200, answer.text
        books = dict(answer.json())
        assert books["debits"] == books["credits"] and books["balanced"]
        return books

    def said(self, *kinds: type[Event]) -> list[Any]:
        """What the service said, of these kinds where some are given."""
        return self.stage.heard(*kinds)

    def answers(self) -> list[str]:
        """The answers to fundings so far, by name."""
        kinds = (payments.PaymentHeld, payments.PaymentFailed, payments.PaymentCanceled)
        return [type(event).__name__ for event in self.said(*kinds)]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested parameters as a form: `a[b]`, `c[0]`."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(part, f"{name}[{key}]" if name else str(key))
    elif value is not None:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


def stored(tx: Any, ago: timedelta = timedelta(0)) -> Any:
    """This moment, or one before it, as the database keeps moments."""
    moment = tx.wall() - timedelta(seconds=1) - ago
    return moment if tx.dialect == "postgresql" else moment.isoformat(timespec="microseconds")
