"""Contracts in every state worth asking about, brought there over HTTP and events as people would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from skillscoop_messages.ids import new_message_id
from skillscoop_messages.transport.base import RawMessage
from skillscoop_payments.tables import OPERATOR_ALERTS, PAYOUT_ACCOUNTS, STRIPE_OPERATIONS

from tests.edges.all_services import AllServices

Json = dict[str, Any]
CARD = "pm_card_visa"
MAIL = "ada.secret@mail.example"
TALK = "the-words-of-a-private-talk"


@dataclass
class Scene:
    """One contract with what hangs on it; fields are what path parameters are filled with."""

    contract_id: str
    milestones: list[str]
    prices: tuple[int, ...]
    client: str = "ada"
    freelancer: str = "grace"
    revision: int = 1
    conversation_id: str = ""
    message_id: str = ""
    dispute_id: str = ""
    evidence_id: str = ""
    payment_id: str = ""
    operation_id: str = ""
    alert_id: str = ""
    notification_id: str = ""
    user_id: str = "grace"
    id: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def milestone_id(self) -> str:
        """The first milestone."""
        return self.milestones[0]

    @property
    def contract(self) -> str:
        """Its path."""
        return f"/v1/contracts/{self.contract_id}"

    @property
    def dispute(self) -> str:
        """Its dispute's path."""
        return f"/v1/disputes/{self.dispute_id}"

    def split(self, *shares: int) -> list[Json]:
        """Shares of the freelancer by milestone."""
        return [
            {"milestone_id": one, "to_freelancer": share} for one, share in zip(self.milestones, shares, strict=False)
        ]

    def terms(self, *prices: int) -> Json:
        """The terms with other prices."""
        return {
            "milestones": [
                {"id": one, "description": f"Part {number}", "amount": price}
                for number, (one, price) in enumerate(zip(self.milestones, prices or self.prices, strict=True), 1)
            ]
        }


@dataclass
class Director:
    """Makes scenes."""

    all_services: AllServices

    async def draft(self, *prices: int, client: str = "ada", freelancer: str = "grace", currency: str = "usd") -> Scene:
        """A draft with a milestone for each price."""
        lines = [{"description": f"Part {number}", "amount": price} for number, price in enumerate(prices, 1)]
        body = {"title": "A small web shop", "freelancer_id": freelancer, "currency": currency, "milestones": lines}
        made = await self.all_services.done(client, "POST", "/v1/contracts", body)
        await self.all_services.settle()
        scene = Scene(made["id"], [one["id"] for one in made["milestones"]], prices, client, freelancer)
        found = await self.all_services.done(client, "GET", f"/v1/conversations?contract_id={scene.contract_id}")
        scene.conversation_id = found["data"][0]["id"]
        return scene

    async def proposed(self, *prices: int, **people: str) -> Scene:
        """Sent for review."""
        scene = await self.draft(*prices, **people)
        await self.all_services.done(scene.client, "POST", f"{scene.contract}/send")
        return scene

    async def active(self, *prices: int, **people: str) -> Scene:
        """Both agreed."""
        scene = await self.proposed(*prices, **people)
        await self.all_services.done(scene.freelancer, "POST", f"{scene.contract}/approve", {"revision": 1}, match="*")
        await self.all_services.settle()
        return scene

    async def pay(self, scene: Scene, number: int = 1, method: str = CARD) -> None:
        """The client funds a milestone."""
        body = {"amount": scene.prices[number - 1], "revision": scene.revision, "method": method}
        path = f"/v1/milestones/{scene.milestones[number - 1]}/fund"
        await self.all_services.done(scene.client, "POST", path, body)
        await self.all_services.settle()
        path = f"/v1/milestones/{scene.milestones[number - 1]}/payment"
        scene.payment_id = (await self.all_services.done(scene.client, "GET", path))["id"]

    async def funded(self, *prices: int, **people: str) -> Scene:
        """Every price is held."""
        scene = await self.active(*prices, **people)
        for number in range(1, len(prices) + 1):
            await self.pay(scene, number)
        return scene

    async def released(self, *prices: int, **people: str) -> Scene:
        """Everything was released, and delivered where the freelancer can be paid."""
        scene = await self.funded(*prices, **people)
        for one, price in zip(scene.milestones, prices, strict=True):
            await self.all_services.done(scene.freelancer, "POST", f"/v1/milestones/{one}/submit", {"note": "Ready."})
            await self.all_services.done(
                scene.client, "POST", f"/v1/milestones/{one}/release", {"amount": price}, match="*"
            )
        await self.all_services.settle()
        return scene

    async def completed(self, *prices: int) -> Scene:
        """The contract is over, and both may write reviews."""
        scene = await self.released(*prices)
        await self.all_services.done(scene.client, "POST", f"{scene.contract}/complete")
        await self.all_services.settle()
        return scene

    async def disputed(self, *prices: int, **people: str) -> Scene:
        """The client filed the form, and the money is frozen."""
        scene = await self.funded(*prices, **people)
        form = {"contract_id": scene.contract_id, "reason": "late", "statement": "It came late.", "desired": []}
        scene.dispute_id = (await self.all_services.done(scene.client, "POST", "/v1/disputes", form))["id"]
        await self.all_services.settle()
        evidence = await self.all_services.done(
            scene.client, "POST", f"{scene.dispute}/evidence", {"text": "The mails."}
        )
        scene.evidence_id = evidence["evidence"][0]["id"]
        return scene

    async def proposal(self, scene: Scene) -> None:
        """Sue takes the case and proposes."""
        await self.all_services.done("sue", "POST", f"{scene.dispute}/assign", {})
        body = {"split": scene.split(*(price // 2 for price in scene.prices)), "reasons": "Half of it works."}
        await self.all_services.done("sue", "POST", f"{scene.dispute}/propose", body)
        await self.all_services.settle()

    async def reviewed(self, *prices: int, **people: str) -> Scene:
        """In review by Sue, after a proposal that was declined."""
        scene = await self.disputed(*prices, **people)
        await self.proposal(scene)
        await self.all_services.done(scene.freelancer, "POST", f"{scene.dispute}/proposal/decline", {})
        await self.all_services.settle()
        return scene

    async def judged(self, price: int) -> Scene:
        """Decided by Sue above the amount that needs a second pair of eyes, which Sid's are."""
        scene = await self.reviewed(price)
        body = {"split": scene.split(price // 3), "reasons": "A third."}
        await self.all_services.done("sue", "POST", f"{scene.dispute}/decide", body)
        await self.all_services.done("sid", "POST", f"{scene.dispute}/assign", {})
        await self.all_services.settle()
        return scene

    async def talked(self, scene: Scene) -> Scene:
        """Somebody wrote something."""
        path = f"/v1/conversations/{scene.conversation_id}/messages"
        scene.message_id = (await self.all_services.done(scene.client, "POST", path, {"text": TALK}))["id"]
        return scene


async def all_scenes(all_services: AllServices) -> dict[str, Scene]:
    """Every scene by name. Other people's have the same things in them as the first ones."""
    make = Director(all_services)
    for who in ("grace", "dave"):
        await all_services.done(who, "POST", "/v1/payout-accounts", {"country": "US"})
    await all_services.settle()
    all_services.stripe.onboard()
    async with all_services.by_name["payments"].database.begin() as tx:
        await tx.execute(PAYOUT_ACCOUNTS.update().values(look_at=tx.wall()))
    await _sweep(all_services)
    await all_services.done("ada", "PUT", "/v1/me/contact", {"email": MAIL, "name": "Ada"})
    await all_services.settle()
    scenes = {
        "draft": await make.draft(5_000, 7_000),
        "proposed": await make.proposed(5_000),
        "active": await make.active(5_000, 7_000),
        "paying": await make.active(5_000),
        "funded": await make.talked(await make.funded(5_000, 7_000)),
        "released": await make.released(5_000),
        "completed": await make.completed(5_000),
        "waiting": await make.released(5_000, freelancer="frida"),
        "disputed": await make.disputed(5_000, 7_000),
        "proposal": await make.disputed(5_000),
        "reviewed": await make.talked(await make.reviewed(5_000, 7_000)),
        "judged": await make.judged(150_000),
        "others": await make.talked(await make.disputed(5_000, 7_000, client="carol", freelancer="dave")),
    }
    await make.pay(scenes["paying"], method="checkout")
    await make.proposal(scenes["proposal"])
    scenes["submitted"] = await make.funded(5_000)
    path = f"/v1/milestones/{scenes['submitted'].milestones[0]}/submit"
    await all_services.done("grace", "POST", path, {"note": "Ready."})
    scenes["pending"] = await make.active(5_000)
    await all_services.done(
        "ada", "PUT", f"{scenes['pending'].contract}/terms", scenes["pending"].terms(6_000), match="*"
    )
    await all_services.settle()
    all_services.stripe.silent = {"create_intent"}
    scenes["unanswered"] = await make.active(5_000)
    await make.pay(scenes["unanswered"])
    all_services.stripe.silent = set()
    operation = "SELECT id FROM stripe_operations WHERE state = 'pending' AND kind = 'create_intent'"
    scenes["unanswered"].operation_id = all_services.rows("payments", operation)[0][0]
    async with all_services.by_name["payments"].database.begin() as tx:
        pending = STRIPE_OPERATIONS.c.id == scenes["unanswered"].operation_id
        tomorrow = tx.wall() + timedelta(days=1)
        await tx.execute(STRIPE_OPERATIONS.update().where(pending).values(due_at=tomorrow))
        scenes["unanswered"].alert_id = new_message_id()
        alert = {"id": scenes["unanswered"].alert_id, "kind": "planted", "subject": "nobody", "detail": "For a test."}
        await tx.execute(OPERATOR_ALERTS.insert(), {**alert, "created_at": tx.wall()})
    scenes |= await parked_scenes(all_services)
    scenes["platform"] = Scene("", [""], ())
    notices = await all_services.done("ada", "GET", "/v1/notifications?limit=1")
    scenes["platform"].notification_id = notices["data"][0]["id"]
    scenes["platform"].more["code"] = re.findall(r"\b\d{8}\b", all_services.emails[0].text)[0]
    return scenes


async def _sweep(all_services: AllServices) -> None:
    """Payments asks Stripe about what is due for a look."""
    for job in all_services.by_name["payments"].jobs:
        if job.name == "poll_what_is_due":
            await job.run()
    await all_services.settle()


POISONED = {
    "contracts": "contracts.note_payout_account",
    "payments": "payments.learn_policy",
    "notifications": "notifications.open_conversation",
    "disputes": "disputes.learn_contract",
    "reviews": "reviews.learn_contract",
}
"""A queue of each service that is not about money."""


async def parked_scenes(all_services: AllServices) -> dict[str, Scene]:
    """In each service something that nobody can read waits for operators."""
    scenes = {}
    for service, queue in POISONED.items():
        id = new_message_id()
        await all_services.put(queue, [RawMessage(id, "nonsense", "nobody", b"no JSON")])
        scenes[f"parked {service}"] = Scene("", [""], (), id=f"{queue}:{id}")
    return scenes
