"""The shapes of answers: contracts, milestones, terms, timeline and policy."""

from datetime import datetime
from typing import Any

from pydantic import Field
from skillscoop_chassis.http.models import MoneyView, NextMove, Resource, SubjectView, View, Warning


class FreezeView(View):
    """What holds a milestone's money fast."""

    kind: str = Field(examples=["dispute"])
    id: str


class SubmissionView(View):
    """The freelancer's word that the work is ready."""

    note: str
    links: list[str]
    attachments: list[str]
    submitted_at: datetime


class SettlementView(View):
    """The decision on the held money; its delivery shows in the milestone's state."""

    id: str
    to_freelancer: MoneyView
    to_client: MoneyView
    fee: MoneyView
    reason: str = Field(examples=["release"])
    decided_by: str
    decided_at: datetime


class MilestoneView(Resource):
    """A milestone with its money: `held` securely via Stripe until it is settled."""

    contract_id: str
    position: int
    description: str
    amount: MoneyView
    due_date: str | None
    criteria: list[str]
    state: str = Field(examples=["funded"])
    held: MoneyView
    frozen_by: list[FreezeView]
    funding_id: str | None
    submission: SubmissionView | None
    auto_release_at: datetime | None = None
    rework_rounds: int
    settlement: SettlementView | None
    blocked_reason: str | None
    failure_reason: str | None
    delivery_problem: str | None = None
    next: list[NextMove]
    warnings: list[Warning]


class LineView(View):
    """A milestone as a revision states it."""

    id: str
    position: int
    description: str
    amount: MoneyView
    due_date: str | None
    criteria: list[str]


class PendingRevisionView(View):
    """Changed terms that wait for the freelancer."""

    revision: int
    title: str
    terms_hash: str
    milestones: list[LineView]
    total: MoneyView
    proposed_at: datetime
    expires_at: datetime


class FeeView(View):
    """Ten-thousandths of the freelancer's share, and a fixed part by currency in minor units."""

    bps: int
    fixed: dict[str, int]


class PolicyTermsView(View):
    """Timers (in the unit their name ends with), limits and fees."""

    version: int
    fee: FeeView
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


class CurrencyView(View):
    """What one currency allows, in minor units; `exponent` is the number of decimal digits."""

    exponent: int
    minimum: int
    maximum: int
    step: int


class PolicyView(Resource, PolicyTermsView):
    """The policy for contracts approved from now on, and the currencies."""

    currencies: dict[str, CurrencyView]


class ContractView(Resource):
    """`revision`, `terms_hash` and `milestones` are those in force; before the first approval the latest."""

    title: str
    state: str = Field(examples=["active"])
    client_id: str
    freelancer_id: str
    currency: str = Field(examples=["usd"])
    revision: int
    terms_hash: str | None
    pending_revision: PendingRevisionView | None
    milestones: list[MilestoneView]
    policy: PolicyTermsView
    next: list[NextMove]
    warnings: list[Warning]


class TermsView(View):
    """One revision, word for word, and what became of it."""

    object: str = "terms"
    contract_id: str
    revision: int
    state: str = Field(examples=["in_force"])
    title: str
    terms_hash: str
    milestones: list[LineView]
    total: MoneyView
    created_at: datetime
    proposed_at: datetime | None
    expires_at: datetime | None
    answered_at: datetime | None
    answered_by: str | None
    reason: str | None


class FieldChangeView(View):
    """A field's value before and after."""

    before: Any
    after: Any


class ChangedLineView(View):
    """A milestone both revisions have: what differs, by field."""

    milestone_id: str
    fields: dict[str, FieldChangeView]


class TermsDiffView(View):
    """What `revision` would change about the revision `against` (null: there was none before)."""

    object: str = "terms_diff"
    contract_id: str
    revision: int
    against: int | None
    title: FieldChangeView | None
    added: list[LineView]
    dropped: list[LineView]
    changed: list[ChangedLineView]
    reordered: bool


class TimelineEntryView(View):
    """One thing that happened. `actor` is the role, `actor_id` the person; amounts in `data` are minor units."""

    number: int
    at: datetime
    actor: str = Field(examples=["client"])
    actor_id: str | None
    action: str = Field(examples=["fund"])
    reason: str | None
    subject: SubjectView
    data: dict[str, Any]
