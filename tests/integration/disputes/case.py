"""A contract with held money, and what the people around its dispute do over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2
from skillscoop_messages.events import contracts
from skillscoop_messages.events.disputes import DisputeOpened, DisputeResolved
from skillscoop_messages.ids import new_id

from tests.support.one_service import OneService

ADA, BEN, SAM, SUE, EVE = "ada", "ben", "sam", "sue", "eve"
SUPPORT = {SAM, SUE}
STATEMENT = "The page does not load on phones."

POLICY = contracts.PolicyTerms(
    version=1,
    fee_bps=0,
    fee_fixed={},
    second_approval_amount={"usd": 100_000},
    offer_days=14,
    revision_days=7,
    checkout_minutes=60,
    auto_release_days=14,
    rework_rounds=3,
    offer_answer_days=7,
    end_answer_days=7,
    end_cooldown_hours=72,
    auto_complete_days=14,
    dispute_answer_days=7,
    proposal_days=5,
    review_days=14,
    hold_warning_days=[60],
    payload_days=30,
)


@dataclass
class Case:
    """The people call by name; `prices` are what is held on the two milestones, in cents."""

    stage: OneService
    contract_id: str = field(default_factory=lambda: new_id("ctr"))
    first: str = field(default_factory=lambda: new_id("ms"))
    second: str = field(default_factory=lambda: new_id("ms"))
    prices: tuple[int, int] = (7_000, 3_000)
    dispute_id: str = ""
    keys: int = 0

    def about(self) -> dict[str, Any]:
        """What every event about the contract carries."""
        return {"contract_id": self.contract_id, "client_id": ADA, "freelancer_id": BEN, "title": "A new checkout"}

    def work(self, milestone_id: str) -> dict[str, Any]:
        """What every event about a milestone carries."""
        price = self.prices[0] if milestone_id == self.first else self.prices[1]
        return {
            **self.about(),
            "milestone_id": milestone_id,
            "description": "Work",
            "amount": price,
            "currency": "usd",
            "revision": 1,
        }

    async def fund(self) -> None:
        """Contracts tells of the contract, its terms and its money."""
        approved = contracts.TermsApproved(
            **self.about(), revision=1, terms_hash="00", milestones=[], currency="usd", policy=POLICY
        )
        await self.stage.hear(contracts.ContractCreated(**self.about(), currency="usd"))
        await self.stage.hear(approved)
        for milestone_id in (self.first, self.second):
            work = self.work(milestone_id)
            await self.stage.hear(
                contracts.MilestoneFunded(**work, funding_id="fnd_1", payment_id="pay_1", held=work["amount"])
            )

    async def call(self, user: str, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """A request of somebody, with the role support where they have it, and a fresh key on every POST."""
        self.keys += 1
        if method == "POST":
            more.setdefault("key", f"key-{self.keys}")
        return await self.stage.call(user, method, path, body, roles=("support",) if user in SUPPORT else (), **more)

    async def do(self, user: str, step: str, body: Any = None, **more: Any) -> httpx2.Response:
        """A POST below the dispute."""
        return await self.call(user, "POST", f"/v1/disputes/{self.dispute_id}/{step}", body, **more)

    async def done(self, user: str, step: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """As `do`, for what has to succeed; the dispute as it then stands."""
        answer = await self.do(user, step, body, **more)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def see(self, user: str) -> dict[str, Any]:
        """The dispute as somebody sees it."""
        answer = await self.call(user, "GET", f"/v1/disputes/{self.dispute_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def file(self, user: str = ADA, **more: Any) -> httpx2.Response:
        """File the form about everything held."""
        form = {"contract_id": self.contract_id, "reason": "work_quality", "statement": STATEMENT, "desired": []}
        how = {"key": more.pop("key")} if "key" in more else {}
        answer = await self.call(user, "POST", "/v1/disputes", {**form, **more}, **how)
        if answer.status_code == 201:
            self.dispute_id = answer.json()["id"]
        return answer

    async def freeze(self, *milestone_ids: str) -> None:
        """Contracts answers that it froze these, by default both."""
        frozen = milestone_ids or (self.first, self.second)
        await self.stage.hear(
            contracts.DisputeAnswered(
                **self.about(),
                dispute_id=self.dispute_id,
                currency="usd",
                frozen=[
                    contracts.FrozenMilestone(milestone_id=one, description="Work", held=self.work(one)["amount"])
                    for one in frozen
                ],
                refused=[],
            )
        )

    async def open(self) -> None:
        """A dispute about both milestones, frozen."""
        await self.file()
        await self.freeze()

    def split(self, first: int, second: int = 0) -> list[dict[str, Any]]:
        """A split in cents to the freelancer."""
        return [
            {"milestone_id": self.first, "to_freelancer": first},
            {"milestone_id": self.second, "to_freelancer": second},
        ]

    async def propose(self, first: int = 4_000) -> None:
        """Sam takes the case and proposes."""
        await self.done(SAM, "assign")
        await self.done(SAM, "propose", {"split": self.split(first), "reasons": "Half of it works."})

    async def settle(self, milestone_id: str) -> None:
        """Contracts settled a decision and payments delivered it."""
        work = self.work(milestone_id)
        await self.stage.hear(contracts.MilestoneSplit(**work, settlement_id="stl_1", paid=1, fee=0, refunded=1))

    async def execute(self, decision: int = 1) -> None:
        """Contracts answers that it settled as decided."""
        await self.stage.hear(
            contracts.DisputeExecuted(
                **self.about(),
                dispute_id=self.dispute_id,
                decision=decision,
                settled=[self.first, self.second],
                kept=[],
            )
        )

    def opened(self) -> DisputeOpened:
        """The wish to freeze that was published last."""
        last: DisputeOpened = self.stage.heard(DisputeOpened)[-1]
        return last

    def resolved(self) -> list[tuple[int, bool, list[tuple[str, int]]]]:
        """The decisions that were published."""
        return [
            (one.decision, one.accepted, [(share.milestone_id, share.to_freelancer) for share in one.milestones])
            for one in self.stage.heard(DisputeResolved)
        ]
