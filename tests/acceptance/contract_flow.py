"""The whole flow of a contract between new people, over HTTP: the calls every situation is made of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from skillscoop_cli.story.pages import fill_in
from skillscoop_cli.story.people import Cast, Person
from skillscoop_messages.events import payments
from skillscoop_messages.ids import new_id
from skillscoop_payments.tables import PAYMENTS, PAYOUT_ACCOUNTS, SETTLEMENTS

from tests.support.invariants import Sight, quiet
from tests.support.system import System

Json = dict[str, Any]
CARD = "pm_card_visa"


@dataclass
class ContractFlow:
    """One contract with its people: Ada the client, Grace the freelancer, Sam of support, Olga of operations, and
    Mallory, who has no business here. `contract` and its milestones are known from the first draft on."""

    system: System
    cast: Cast
    contract_id: str = ""
    milestones: list[str] = field(default_factory=list)
    prices: tuple[int, ...] = ()
    http: httpx2.AsyncClient | None = None

    # Asking

    async def ask(
        self,
        who: Person | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        match: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """One request; a POST gets a key of its own unless one is given."""
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {who.token}"
        if key or method == "POST":
            sent["Idempotency-Key"] = key or new_id("key")
        if match is not None:
            sent["If-Match"] = match
        content = None
        if body is not None:
            content, sent["Content-Type"] = json.dumps(body), "application/json"
        http = self.http or self.system.http
        return await http.request(method, self.system.url + path, content=content, headers=sent)

    async def done(self, who: Person, method: str, path: str, body: Any = None, **how: Any) -> Json:
        """A request that must succeed, and what it answers."""
        answer = await self.ask(who, method, path, body, **how)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    async def see(self, path: str, who: Person | None = None) -> Json:
        """What Ada (or `who`) sees there."""
        return await self.done(who or self.cast.ada, "GET", path)

    async def seen(self, what: str, path: str, fits: Callable[[Json], bool], who: Person | None = None) -> Json:
        """Wait until what stands there fits."""

        async def probe() -> Json | None:
            answer = await self.ask(who or self.cast.ada, "GET", path)
            found = answer.json() if answer.status_code == 200 else None
            return found if found is not None and fits(found) else None

        return await self.system.until(f"{what} at {path}", probe)

    # Where things are

    @property
    def path(self) -> str:
        """The contract."""
        return f"/v1/contracts/{self.contract_id}"

    def milestone_path(self, number: int = 1) -> str:
        """The first, second … milestone."""
        return f"/v1/milestones/{self.milestones[number - 1]}"

    async def contract(self, who: Person | None = None) -> Json:
        """The contract as it is."""
        return await self.see(self.path, who)

    async def milestone(self, number: int = 1) -> Json:
        """A milestone as it is."""
        return await self.see(self.milestone_path(number))

    async def becomes(self, *states: str, number: int = 1) -> Json:
        """Wait until a milestone is in one of the states."""
        return await self.seen(" or ".join(states), self.milestone_path(number), lambda one: one["state"] in states)

    async def payment(self, fits: Callable[[Json], bool] = lambda _: True, number: int = 1) -> Json:
        """A milestone's current payment, as soon as it fits."""
        return await self.seen("the payment", f"{self.milestone_path(number)}/payment", fits)

    async def payment_rows(self, number: int = 1) -> list[Json]:
        """Every try to pay a milestone, oldest first."""
        async with self.system.services["payments"].database.read() as tx:
            mine = PAYMENTS.select().where(PAYMENTS.c.milestone_id == self.milestones[number - 1])
            return [dict(row) for row in await tx.all(mine.order_by(PAYMENTS.c.id))]

    async def ledger(self) -> dict[str, int]:
        """The totals of the contract's ledger that are not zero; they must explain all that was charged."""
        told = await self.see(f"{self.path}/ledger")
        names = ("held", "in_transit", "released", "refunded", "fees", "charged_back")
        sums = {name: int(told[name]["amount"]) for name in ("charged", *names)}
        assert sums["charged"] == sum(sums[name] for name in names), sums
        return {name: amount for name, amount in sums.items() if amount}

    async def notices(self, who: Person, kind: str) -> list[Json]:
        """What somebody was told of one kind."""
        return [one for one in (await self.see("/v1/notifications?limit=100", who))["data"] if one["kind"] == kind]

    # Moving

    async def draft(self, *prices: int, currency: str = "usd") -> Json:
        """Ada drafts a contract with one milestone per price."""
        lines = [{"description": f"Part {number}", "amount": price} for number, price in enumerate(prices, 1)]
        terms = {"title": "A small web shop", "freelancer_id": self.cast.grace.id, "currency": currency}
        made = await self.done(self.cast.ada, "POST", "/v1/contracts", {**terms, "milestones": lines})
        self.contract_id, self.prices = made["id"], prices
        self.milestones = [one["id"] for one in made["milestones"]]
        return made

    async def active(self, *prices: int, currency: str = "usd") -> Json:
        """Both have agreed."""
        await self.draft(*prices, currency=currency)
        sent = await self.done(self.cast.ada, "POST", f"{self.path}/send")
        return await self.approve(sent["revision"])

    async def approve(self, revision: int) -> Json:
        """Grace approves what she sees."""
        return await self.done(self.cast.grace, "POST", f"{self.path}/approve", {"revision": revision}, match="*")

    def terms(self, *prices: int) -> Json:
        """The terms stated anew: these prices for the known milestones, and new ones beyond them."""
        known = [*self.milestones, *[None] * len(prices)]
        lines = [{"description": f"Part {n}", "amount": price} for n, price in enumerate(prices, 1)]
        return {"milestones": [{**line, "id": id} if id else line for line, id in zip(lines, known, strict=False)]}

    async def edit(self, *prices: int) -> httpx2.Response:
        """Ada states other prices."""
        return await self.ask(self.cast.ada, "PUT", f"{self.path}/terms", self.terms(*prices), match="*")

    async def fund(self, number: int = 1, method: str = CARD, **how: Any) -> httpx2.Response:
        """Ada clicks "fund" as she sees it."""
        seen = await self.contract()
        body = {"amount": self.price(number), "revision": seen["revision"], "method": method}
        return await self.ask(self.cast.ada, "POST", f"{self.milestone_path(number)}/fund", body, **how)

    async def funded(self, number: int = 1, method: str = CARD) -> Json:
        """A milestone's price is held."""
        answer = await self.fund(number, method)
        assert answer.status_code == 202, answer.text
        return await self.becomes("funded", number=number)

    def price(self, number: int = 1) -> int:
        """A milestone's price in minor units."""
        return self.prices[number - 1]

    async def submit(self, number: int = 1) -> Json:
        """Grace says that the work is ready."""
        return await self.done(self.cast.grace, "POST", f"{self.milestone_path(number)}/submit", {"note": "Ready."})

    async def release(self, number: int = 1, **how: Any) -> httpx2.Response:
        """Ada clicks "release" as she sees it."""
        how.setdefault("match", "*")
        body = {"amount": self.price(number)}
        return await self.ask(self.cast.ada, "POST", f"{self.milestone_path(number)}/release", body, **how)

    async def onboarded(self, who: Person | None = None) -> str:
        """Grace can be paid. Her account's id at Stripe."""
        person = who or self.cast.grace
        made = await self.done(person, "POST", "/v1/payout-accounts", {"country": "US"})
        stripe = await self.at_stripe("v2.core.account", object_id=made["id"])
        await self.system.stripe.play(f"/accounts/{stripe['id']}/onboard")
        await self.seen("active", "/v1/payout-accounts/me", lambda one: one["state"] == "active", person)
        return str(stripe["id"])

    async def ready(self, *prices: int, currency: str = "usd") -> None:
        """An active contract, every milestone funded, and a freelancer who can be paid."""
        await self.active(*prices, currency=currency)
        await self.onboarded()
        for number in range(1, len(prices) + 1):
            await self.funded(number)

    async def at_stripe(self, kind: str, **metadata: str) -> Json:
        """Wait for an object at Stripe."""

        async def probe() -> Json | None:
            found = await self.system.stripe.objects(kind, **metadata)
            return found[0] if found else None

        return await self.system.until(f"{kind} at Stripe", probe)

    async def confirm(self, payment: Json, method: str = CARD) -> httpx2.Response:
        """Ada's browser pays with the client's secret."""
        intent = payment["client_secret"].partition("_secret_")[0]
        data = {"client_secret": payment["client_secret"], "payment_method": method}
        return await self.system.stripe.api("POST", f"/v1/payment_intents/{intent}/confirm", "pk_test_x", **data)

    async def paid_at_stripe(self, payment_id: str, amount: int, currency: str = "usd") -> None:
        """Money arrives at Stripe for a try, whatever we think of it by now."""
        (row,) = [one for one in await self.payment_rows_all() if one["id"] == payment_id]
        data = {
            "amount": str(amount),
            "currency": currency,
            "payment_method": CARD,
            "confirm": "true",
            "return_url": "http://127.0.0.1/",
            "transfer_group": row["milestone_id"],
            "metadata[env]": "development",
            "metadata[object_id]": payment_id,
        }
        answer = await self.system.stripe.api("POST", "/v1/payment_intents", **data)
        assert answer.is_success, answer.text

    async def payment_rows_all(self) -> list[Json]:
        """Every payment of the contract."""
        async with self.system.services["payments"].database.read() as tx:
            return [
                dict(row) for row in await tx.all(PAYMENTS.select().where(PAYMENTS.c.contract_id == self.contract_id))
            ]

    async def about(self, number: int = 1) -> Json:
        """What every event about a milestone says."""
        seen = await self.contract()
        (one,) = [each for each in seen["milestones"] if each["id"] == self.milestones[number - 1]]
        return {
            "contract_id": self.contract_id,
            "client_id": self.cast.ada.id,
            "freelancer_id": self.cast.grace.id,
            "title": seen["title"],
            "milestone_id": one["id"],
            "description": one["description"],
            "amount": one["amount"]["amount"],
            "currency": one["amount"]["currency"],
            "revision": seen["revision"],
        }

    async def say_canceled(self, payment: Json, number: int = 1) -> None:
        """Payments says (again) that a try is canceled."""
        event = payments.PaymentCanceled(
            **await self.about(number), funding_id=payment["funding_id"], payment_id=payment["id"], reason="client"
        )
        await self.system.say("payments", event)

    async def abandoned_try(self, number: int = 1) -> Json:
        """A try to pay that Ada gave up: canceled at Stripe, and the milestone is planned again."""
        assert (await self.fund(number, "payment_intent")).status_code == 202
        payment = await self.payment(lambda one: bool(one.get("client_secret")), number)
        await self.done(self.cast.ada, "POST", f"{self.milestone_path(number)}/cancel-funding")
        await self.becomes("planned", number=number)
        return payment

    async def row_becomes(self, payment_id: str, state: str) -> None:
        """Wait until a payment, current or not, is in this state."""
        await self.seen(state, f"/v1/payments/{payment_id}", lambda one: one["state"] == state)

    async def seen_notices(self, who: Person, kind: str) -> list[Json]:
        """What somebody was told of one kind, as soon as there is something."""

        async def probe() -> list[Json] | None:
            return await self.notices(who, kind) or None

        return await self.system.until(f"{kind} told to {who.name}", probe)

    async def heard_all(self) -> None:
        """Wait until everything said was heard and nothing is under way."""
        await quiet(sight_of(self.system))

    async def sweeper_looks(self) -> None:
        """The time after which payments asks Stripe by itself is over."""
        await self.heard_all()
        async with self.system.services["payments"].database.begin() as tx:
            for table in (PAYMENTS, SETTLEMENTS, PAYOUT_ACCOUNTS):
                await tx.execute(table.update().where(table.c.look_at.is_not(None)).values(look_at=tx.wall()))

    async def pay_on_the_page(self, payment: Json, number: str = "4242424242424242") -> None:
        """Ada fills in the checkout page and pays."""
        http = self.system.http
        await fill_in(http, payment["checkout_url"], {"number": number, "exp": "12/34", "cvc": "123"}, 10.0)

    # Disputes

    async def dispute(self, *numbers: int, who: Person | None = None) -> httpx2.Response:
        """Ada (or `who`) files the Dispute Assistance Form about milestones."""
        ids = [self.milestones[number - 1] for number in numbers]
        form = {
            "contract_id": self.contract_id,
            "milestone_ids": ids,
            "reason": "work_quality",
            "statement": "It does not work.",
            "desired": [{"milestone_id": id, "to_freelancer": 0} for id in ids],
        }
        return await self.ask(who or self.cast.ada, "POST", "/v1/disputes", form)

    async def disputed(self, *numbers: int) -> str:
        """Milestones are frozen by an open dispute. Its path."""

        async def filed() -> Json | None:
            answer = await self.dispute(*numbers)
            return answer.json() if answer.status_code == 201 else None

        path = f"/v1/disputes/{(await self.system.until('the form to be taken', filed))['id']}"
        await self.seen("open", path, lambda one: one["state"] == "open")
        return path

    async def proposed(self, path: str, **shares: int) -> None:
        """Sam takes the case and proposes shares for the freelancer: `first=…`, `second=…`."""
        await self.done(self.cast.sam, "POST", f"{path}/assign", {})
        order = ("first", "second", "third")
        split = [
            {"milestone_id": self.milestones[order.index(name)], "to_freelancer": share}
            for name, share in shares.items()
        ]
        await self.done(self.cast.sam, "POST", f"{path}/propose", {"split": split, "reasons": "On balance."})

    async def decided(self, number: int, to_freelancer: int) -> str:
        """A dispute about one milestone that both end with the same split. Its path."""
        path = await self.disputed(number)
        await self.proposed(path, **{("first", "second", "third")[number - 1]: to_freelancer})
        for person in (self.cast.ada, self.cast.grace):
            await self.done(person, "POST", f"{path}/proposal/accept")
        return path


def sight_of(system: System) -> Sight:
    """The whole system, for looking at it."""
    return Sight(system.databases, system.stripe, frozenset(system.given_up))


async def at_once(*moves: Awaitable[httpx2.Response]) -> list[httpx2.Response]:
    """Several requests at the same time."""
    return list(await asyncio.gather(*moves))


def codes(answers: list[httpx2.Response]) -> list[int]:
    """Their statuses, sorted."""
    return sorted(answer.status_code for answer in answers)
