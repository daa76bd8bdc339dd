"""What the contracts service says: the life of a contract, its terms and its milestones.

Amounts are integers in minor units of `currency`; times are UTC; `due_date` is `YYYY-MM-DD`.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from skillscoop_messages.events.base import AboutContract, AboutMilestone, Event


class FeeRule(BaseModel):
    """The platform's fee on a milestone: `bps` of the freelancer's share plus `fixed` minor units of its currency."""

    model_config = ConfigDict(frozen=True)

    bps: int
    fixed: int
    policy_version: int


class PolicyTerms(BaseModel):
    """A whole policy: timers in the unit their name ends with, tables by currency in minor units."""

    model_config = ConfigDict(frozen=True)

    version: int
    fee_bps: int
    fee_fixed: dict[str, int]
    second_approval_amount: dict[str, int]
    offer_days: int
    revision_days: int
    checkout_minutes: int
    auto_release_days: int
    rework_rounds: int
    offer_answer_days: int
    end_answer_days: int
    end_cooldown_hours: int
    auto_complete_days: int
    dispute_answer_days: int
    proposal_days: int
    review_days: int
    hold_warning_days: list[int]
    payload_days: int


class TermsMilestone(BaseModel):
    """One milestone as a revision of the terms states it."""

    model_config = ConfigDict(frozen=True)

    milestone_id: str
    position: int
    description: str
    amount: int
    due_date: str | None = None


class ContractCreated(AboutContract):
    """A draft was made; the conversation of the two parties opens."""

    type: ClassVar[str] = "contracts.contract.created.v1"

    currency: str


class PolicyPublished(Event):
    """A policy version came into force for contracts approved from now on."""

    type: ClassVar[str] = "contracts.policy.published.v1"
    root: ClassVar[str] = "policy_id"

    policy_id: Literal["policy"] = "policy"
    policy: PolicyTerms


class TermsProposed(AboutContract):
    """Terms went to the freelancer for review: the first ones, or a pending revision of an active contract."""

    type: ClassVar[str] = "contracts.terms.proposed.v1"

    revision: int
    previous_revision: int | None
    milestones: list[TermsMilestone]
    total: int
    currency: str
    expires_at: datetime


class TermsApproved(AboutContract):
    """The freelancer approved a revision; it is in force from now on."""

    type: ClassVar[str] = "contracts.terms.approved.v1"

    revision: int
    terms_hash: str
    milestones: list[TermsMilestone]
    currency: str
    policy: PolicyTerms


class TermsDeclined(AboutContract):
    """The freelancer declined a revision."""

    type: ClassVar[str] = "contracts.terms.declined.v1"

    revision: int
    reason: str


class TermsWithdrawn(AboutContract):
    """The client took a proposed revision back."""

    type: ClassVar[str] = "contracts.terms.withdrawn.v1"

    revision: int


class TermsLapsed(AboutContract):
    """A proposed revision was not answered in time."""

    type: ClassVar[str] = "contracts.terms.lapsed.v1"

    revision: int


class TermsChangesRequested(AboutContract):
    """The freelancer asked for changes to a proposed revision."""

    type: ClassVar[str] = "contracts.terms.changes_requested.v1"

    revision: int
    comment: str


class MilestoneFundingRequested(AboutMilestone):
    """The client funds a milestone: payments creates the payment. `method` is opaque: it passes through untouched."""

    type: ClassVar[str] = "contracts.milestone.funding_requested.v1"

    funding_id: str
    method: str
    return_url: str | None = None
    fee: FeeRule


class MilestoneFundingCanceled(AboutMilestone):
    """A funding try shall end: payments cancels it and always answers with held, canceled or failed."""

    type: ClassVar[str] = "contracts.milestone.funding_canceled.v1"

    funding_id: str
    reason: Literal["client", "lapsed", "superseded", "contract_over"]


class MilestoneFunded(AboutMilestone):
    """The milestone's price is held."""

    type: ClassVar[str] = "contracts.milestone.funded.v1"

    funding_id: str
    payment_id: str
    held: int


class MilestoneFundingFailed(AboutMilestone):
    """A funding try ended without money; the milestone is planned again."""

    type: ClassVar[str] = "contracts.milestone.funding_failed.v1"

    funding_id: str
    reason: str


class MilestonePaymentRefused(AboutMilestone):
    """Money arrived that nobody wants: payments returns it."""

    type: ClassVar[str] = "contracts.milestone.payment_refused.v1"

    funding_id: str
    payment_id: str
    reason: Literal["wrong_amount", "already_funded", "milestone_dropped", "contract_over"]


class MilestoneSubmitted(AboutMilestone):
    """The freelancer says the work is ready. `auto_release_at`: when silence releases it, where the policy has that."""

    type: ClassVar[str] = "contracts.milestone.submitted.v1"

    note: str
    links: list[str]
    held: int
    auto_release_at: datetime | None = None


class MilestoneSubmissionRetracted(AboutMilestone):
    """The freelancer took the submission back before the client acted on it, and goes on with the work."""

    type: ClassVar[str] = "contracts.milestone.submission_retracted.v1"

    held: int


class MilestoneSettlementDecided(AboutMilestone):
    """The one decision on held money: `to_freelancer + to_client = held`. Payments delivers it."""

    type: ClassVar[str] = "contracts.milestone.settlement_decided.v1"

    settlement_id: str
    funding_id: str
    payment_id: str
    held: int
    to_freelancer: int
    to_client: int
    reason: Literal["release", "dispute"]
    decided_by: str
    fee: FeeRule


class MilestoneSettlementBlocked(AboutMilestone):
    """The delivery of a decision waits for something; it is tried again."""

    type: ClassVar[str] = "contracts.milestone.settlement_blocked.v1"

    settlement_id: str
    reason: str


class MilestoneHeldChanged(AboutMilestone):
    """A milestone's held money or what freezes it changed."""

    type: ClassVar[str] = "contracts.milestone.held_changed.v1"

    held: int
    frozen_by: list[str]
    reason: Literal["dispute_opened"]


class MilestoneUnfrozen(AboutMilestone):
    """Nothing freezes the milestone's money any more."""

    type: ClassVar[str] = "contracts.milestone.unfrozen.v1"

    held: int
    dispute_id: str


class MilestoneReleased(AboutMilestone):
    """Everything held went to the freelancer; `paid` is what they get, net of `fee`."""

    type: ClassVar[str] = "contracts.milestone.released.v1"

    settlement_id: str
    paid: int
    fee: int


class MilestoneRefunded(AboutMilestone):
    """Everything held went back to the client."""

    type: ClassVar[str] = "contracts.milestone.refunded.v1"

    settlement_id: str
    refunded: int


class MilestoneSplit(AboutMilestone):
    """A part went to each; `paid` is the freelancer's, net of `fee`."""

    type: ClassVar[str] = "contracts.milestone.split.v1"

    settlement_id: str
    paid: int
    fee: int
    refunded: int


class FrozenMilestone(BaseModel):
    """A milestone a dispute froze, with what is held on it."""

    model_config = ConfigDict(frozen=True)

    milestone_id: str
    description: str
    held: int


class RefusedMilestone(BaseModel):
    """A milestone a dispute asked for and did not get."""

    model_config = ConfigDict(frozen=True)

    milestone_id: str
    reason: str


class DisputeAnswered(AboutContract):
    """The one answer to a dispute's wish to freeze."""

    type: ClassVar[str] = "contracts.dispute.answered.v1"

    dispute_id: str
    currency: str
    frozen: list[FrozenMilestone]
    refused: list[RefusedMilestone]


class DisputeUnfrozen(AboutContract):
    """The one answer to a dispute's withdrawal: it holds nothing fast any more, whether it ever did or not."""

    type: ClassVar[str] = "contracts.dispute.unfrozen.v1"

    dispute_id: str


class DisputeExecuted(AboutContract):
    """A dispute's decision became settlements, all of them. `decision` is the number of the decision answered."""

    type: ClassVar[str] = "contracts.dispute.executed.v1"

    dispute_id: str
    decision: int
    settled: list[str]
    kept: list[str]


class UnsettledMilestone(BaseModel):
    """Why a milestone of a decision cannot be settled as decided."""

    model_config = ConfigDict(frozen=True)

    milestone_id: str
    state: str
    held: int
    reason: str


class DisputeDecisionRefused(AboutContract):
    """A dispute's decision cannot be executed; nothing of it was."""

    type: ClassVar[str] = "contracts.dispute.decision_refused.v1"

    dispute_id: str
    decision: int
    milestones: list[UnsettledMilestone]


class ContractCompleted(AboutContract):
    """All is done and paid. `paid_to_freelancer` is the sum of their shares before fees."""

    type: ClassVar[str] = "contracts.contract.completed.v1"

    currency: str
    paid_to_freelancer: int
    review_days: int


class ContractEnded(AboutContract):
    """The contract is over without being completed."""

    type: ClassVar[str] = "contracts.contract.ended.v1"

    currency: str
    paid_to_freelancer: int
    review_days: int
