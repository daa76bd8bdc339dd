"""The contracts service alone: its calls over HTTP in the words of its users, and the others' answers to them."""

from dataclasses import dataclass
from typing import Any

import httpx2
from skillscoop_messages.events import contracts, disputes, payments
from skillscoop_messages.events.base import Event
from skillscoop_messages.ids import new_id

from tests.support.one_service import OneService

ADA, BEN, EVE, SAM = "ada", "ben", "eve", "sam"
"""The client, the freelancer, a stranger, and somebody of support."""


@dataclass
class ContractsService:
    """The running service with the vocabulary of contracts."""

    stage: OneService

    async def post(self, user: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """POST with a fresh Idempotency-Key."""
        return await self.stage.call(user, "POST", path, body, key=more.pop("key", None) or new_id("key"), **more)

    async def get(self, user: str, path: str, **more: Any) -> httpx2.Response:
        """GET."""
        return await self.stage.call(user, "GET", path, **more)

    async def draft(self, *prices: int, currency: str = "usd", **more: Any) -> dict[str, Any]:
        """A draft of the client with one milestone per price."""
        body = {
            "title": "A new checkout",
            "freelancer_id": BEN,
            "currency": currency,
            "milestones": [{"description": f"Part {n}", "amount": price} for n, price in enumerate(prices, 1)],
            **more,
        }
        answer = await self.post(ADA, "/v1/contracts", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def proposed(self, *prices: int) -> dict[str, Any]:
        """A contract that waits for the freelancer."""
        contract = await self.draft(*prices)
        answer = await self.post(ADA, f"/v1/contracts/{contract['id']}/send")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def active(self, *prices: int) -> dict[str, Any]:
        """A contract both have agreed on."""
        contract = await self.proposed(*prices)
        answer = await self.approve(contract["id"], contract["revision"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def funded(self, *prices: int) -> dict[str, Any]:
        """An active contract whose every milestone holds its price."""
        contract = await self.active(*prices)
        for milestone in contract["milestones"]:
            assert (await self.fund(contract, milestone)).status_code == 202
            await self.pay(milestone["id"])
        return await self.contract(contract["id"])

    async def released(self, *prices: int) -> dict[str, Any]:
        """An active contract whose every milestone was paid out."""
        contract = await self.funded(*prices)
        for milestone in contract["milestones"]:
            assert (await self.release(milestone)).status_code == 202
            await self.deliver(milestone["id"])
        return await self.contract(contract["id"])

    async def contract(self, contract_id: str, user: str = ADA) -> dict[str, Any]:
        """The contract as this user sees it."""
        answer = await self.get(user, f"/v1/contracts/{contract_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def milestone(self, milestone_id: str, user: str = ADA) -> dict[str, Any]:
        """The milestone as this user sees it."""
        answer = await self.get(user, f"/v1/milestones/{milestone_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def approve(self, contract_id: str, revision: int, match: str = "*") -> httpx2.Response:
        """The freelancer approves the revision they saw."""
        path = f"/v1/contracts/{contract_id}/approve"
        return await self.post(BEN, path, {"revision": revision}, headers={"If-Match": match})

    async def edit(
        self, contract_id: str, milestones: list[dict[str, Any]], user: str = ADA, match: str = "*", **more: Any
    ) -> httpx2.Response:
        """The client states the terms anew."""
        return await self.stage.call(
            user,
            "PUT",
            f"/v1/contracts/{contract_id}/terms",
            {"milestones": milestones, **more},
            headers={"If-Match": match},
        )

    async def fund(
        self, contract: dict[str, Any], milestone: dict[str, Any], user: str = ADA, **more: Any
    ) -> httpx2.Response:
        """The client funds a milestone as they see it."""
        key, headers = more.pop("key", None), more.pop("headers", None)
        body = {"amount": milestone["amount"]["amount"], "revision": contract["revision"], **more}
        return await self.post(user, f"/v1/milestones/{milestone['id']}/fund", body, key=key, headers=headers)

    async def release(
        self, milestone: dict[str, Any], user: str = ADA, match: str = "*", **more: Any
    ) -> httpx2.Response:
        """The client releases what they see as held."""
        amount = more.pop("amount", milestone["held"]["amount"])
        path = f"/v1/milestones/{milestone['id']}/release"
        return await self.post(user, path, {"amount": amount}, headers={"If-Match": match}, **more)

    def last(self, kind: type[Event], milestone_id: str | None = None) -> Any:
        """The latest event of this kind that the service said (about this milestone)."""
        told = [one for one in self.stage.heard(kind) if milestone_id in (None, getattr(one, "milestone_id", None))]
        return told[-1]

    @staticmethod
    def _about(event: Any) -> dict[str, Any]:
        names = ("contract_id", "client_id", "freelancer_id", "title")
        more = ("milestone_id", "description", "amount", "currency", "revision")
        return {name: getattr(event, name) for name in (*names, *more) if hasattr(event, name)}

    async def pay(
        self, milestone_id: str, request: Any = None, *, paid: int | None = None, payment_id: str | None = None,
        times: int = 1,
    ) -> str:  # fmt: skip
        """Payments says that a try (the latest) was paid. The payment's id."""
        request = request or self.last(contracts.MilestoneFundingRequested, milestone_id)
        payment_id = payment_id or new_id("pay")
        held = payments.PaymentHeld(
            **self._about(request),
            funding_id=request.funding_id,
            payment_id=payment_id,
            paid=request.amount if paid is None else paid,
        )
        await self.stage.hear(held, times=times)
        return payment_id

    async def cancel_payment(self, request: Any, reason: str = "client") -> None:
        """Payments says that a try can no longer be paid."""
        canceled = payments.PaymentCanceled(
            **self._about(request), funding_id=request.funding_id, payment_id=new_id("pay"), reason=reason
        )
        await self.stage.hear(canceled)

    async def fail_payment(self, request: Any, reason: str = "card_declined") -> None:
        """Payments says that a try is dead."""
        failed = payments.PaymentFailed(
            **self._about(request), funding_id=request.funding_id, payment_id=new_id("pay"), reason=reason
        )
        await self.stage.hear(failed)

    async def deliver(self, milestone_id: str, *, times: int = 1, **amounts: int) -> None:
        """Payments says that the latest settlement of a milestone was delivered (as decided, or as given)."""
        decided = self.last(contracts.MilestoneSettlementDecided, milestone_id)
        delivered = payments.SettlementCompleted(
            **self._about(decided),
            settlement_id=decided.settlement_id,
            payment_id=decided.payment_id,
            transferred=amounts.get("transferred", decided.to_freelancer),
            refunded=amounts.get("refunded", decided.to_client),
            fee=amounts.get("fee", 0),
        )
        await self.stage.hear(delivered, times=times)

    async def block(self, milestone_id: str, reason: Any, sequence: int | None = None) -> None:
        """Payments says that the delivery of the latest settlement waits."""
        decided = self.last(contracts.MilestoneSettlementDecided, milestone_id)
        blocked = payments.SettlementBlocked(
            **self._about(decided), settlement_id=decided.settlement_id, payment_id=decided.payment_id, reason=reason
        )
        await self.stage.hear(blocked, sequence)

    @staticmethod
    def _of(contract: dict[str, Any]) -> dict[str, Any]:
        names = ("client_id", "freelancer_id", "title")
        return {"contract_id": contract["id"], **{name: contract[name] for name in names}}

    async def dispute(
        self, contract: dict[str, Any], milestone_ids: list[str] | None = None, dispute_id: str | None = None
    ) -> str:
        """The client files the form. The dispute's id."""
        dispute_id = dispute_id or new_id("dsp")
        opened = disputes.DisputeOpened(
            **self._of(contract),
            dispute_id=dispute_id,
            opened_by=ADA,
            opened_as="client",
            milestone_ids=milestone_ids,
            reason="work_quality",
        )
        await self.stage.hear(opened)
        return dispute_id

    async def withdraw_dispute(self, contract: dict[str, Any], dispute_id: str) -> None:
        """The client takes the dispute back."""
        await self.stage.hear(disputes.DisputeWithdrawn(**self._of(contract), dispute_id=dispute_id))

    async def resolve(
        self, contract: dict[str, Any], dispute_id: str, shares: dict[str, int], decision: int = 1, times: int = 1
    ) -> None:
        """Support decides."""
        resolved = disputes.DisputeResolved(
            **self._of(contract),
            dispute_id=dispute_id,
            decision=decision,
            decided_by=SAM,
            accepted=False,
            milestones=[disputes.Share(milestone_id=key, to_freelancer=share) for key, share in shares.items()],
        )
        await self.stage.hear(resolved, times=times)

    async def assign(self, contract: dict[str, Any], dispute_id: str, agent: str | None, **more: Any) -> None:
        """Support puts somebody on the case."""
        assigned = disputes.DisputeAssigned(
            **self._of(contract), dispute_id=dispute_id, agent_id=agent, second_approver_id=more.get("second")
        )
        await self.stage.hear(assigned, more.get("sequence"))

    async def close_dispute(self, contract: dict[str, Any], dispute_id: str) -> None:
        """The case is closed."""
        await self.stage.hear(disputes.DisputeClosed(**self._of(contract), dispute_id=dispute_id))


def stated(milestone: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A milestone as it is, for stating the terms anew, with some fields changed."""
    kept = {
        "id": milestone["id"],
        "description": milestone["description"],
        "amount": milestone["amount"]["amount"],
        "due_date": milestone["due_date"],
        "criteria": milestone["criteria"],
    }
    return {**kept, **changes}


def actions(resource: dict[str, Any], actor: str | None = None) -> set[str]:
    """The actions that would succeed now."""
    return {
        move["action"] for move in resource["next"] if move["blocked_reason"] is None and actor in (None, move["actor"])
    }
