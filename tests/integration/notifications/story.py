"""Ada hires Ben: the events of one contract, as the other services would tell them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from skillscoop_messages.events import contracts, disputes
from skillscoop_messages.events.base import Event, ObjectRef
from skillscoop_messages.ids import new_id

ADA, BEN, SUE, EVE = "ada", "ben", "sue", "eve"
NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
TITLE = "A new checkout"
WORK = "Payment page"


class TraceContext:
    """One contract and its milestone."""

    def __init__(self, client: str = ADA, freelancer: str = BEN) -> None:
        self.contract_id = new_id("ctr")
        self.milestone_id = new_id("ms")
        self.about: dict[str, Any] = {
            "contract_id": self.contract_id,
            "client_id": client,
            "freelancer_id": freelancer,
            "title": TITLE,
        }
        self.work: dict[str, Any] = {
            **self.about,
            "milestone_id": self.milestone_id,
            "description": WORK,
            "amount": 12_500,
            "currency": "usd",
            "revision": 1,
        }

    def milestone(self, version: int, state: str) -> ObjectRef:
        """The milestone after a change."""
        return ObjectRef(type="milestone", id=self.milestone_id, version=version, state=state)

    def created(self) -> Event:
        """The client made a draft."""
        return contracts.ContractCreated(**self.about, currency="usd")

    def proposed(self) -> Event:
        """The client sent the terms."""
        return contracts.TermsProposed(
            **self.about,
            revision=1,
            previous_revision=None,
            milestones=[],
            total=12_500,
            currency="usd",
            expires_at=NOON,
        )

    def changes_requested(self) -> Event:
        """The freelancer wants other terms."""
        return contracts.TermsChangesRequested(**self.about, revision=1, comment="Two weeks more, please.")

    def funded(self) -> Event:
        """The money is held."""
        return contracts.MilestoneFunded(
            **self.work,
            object=self.milestone(3, "funded"),
            funding_id=new_id("fnd"),
            payment_id=new_id("pay"),
            held=12_500,
        )

    def submitted(self, note: str = "All in the folder.") -> Event:
        """The work is ready."""
        return contracts.MilestoneSubmitted(
            **self.work, object=self.milestone(4, "submitted"), note=note, links=[], held=12_500
        )

    def retracted(self) -> Event:
        """The freelancer goes on with the work."""
        return contracts.MilestoneSubmissionRetracted(**self.work, object=self.milestone(5, "funded"), held=12_500)

    def decided(self) -> Event:
        """The client released it."""
        return contracts.MilestoneSettlementDecided(
            **self.work,
            object=self.milestone(5, "settling"),
            settlement_id=new_id("stl"),
            funding_id=new_id("fnd"),
            payment_id=new_id("pay"),
            held=12_500,
            to_freelancer=12_500,
            to_client=0,
            reason="release",
            decided_by=str(self.about["client_id"]),
            fee=contracts.FeeRule(bps=0, fixed=0, policy_version=1),
        )

    def released(self) -> Event:
        """Stripe delivered it."""
        return contracts.MilestoneReleased(
            **self.work, object=self.milestone(6, "released"), settlement_id=new_id("stl"), paid=12_500, fee=0
        )

    def whole(self) -> list[Event]:
        """From the draft to the money, in order."""
        return [self.created(), self.proposed(), self.funded(), self.submitted(), self.decided(), self.released()]

    def assigned(self, dispute_id: str, agent: str | None) -> Event:
        """Somebody of our team took the dispute, or nobody has it."""
        return disputes.DisputeAssigned(**self.about, dispute_id=dispute_id, agent_id=agent, second_approver_id=None)

    def closed(self, dispute_id: str) -> Event:
        """The dispute is over."""
        return disputes.DisputeClosed(**self.about, dispute_id=dispute_id)
