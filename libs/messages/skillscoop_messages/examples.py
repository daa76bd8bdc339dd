"""One example of every event, all out of the same story: Ada hires Ben for a shop's new checkout."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from skillscoop_messages.envelope import Envelope, encode
from skillscoop_messages.events import contracts, disputes, notifications, payments, reviews
from skillscoop_messages.events.base import Event, ObjectRef

_MADE = "01939a1c5e007b3a8c41d0f6a2b9e37"
_CONTRACT = f"ctr_{_MADE}1"
_MILESTONE = f"ms_{_MADE}2"
_FUNDING = f"fnd_{_MADE}3"
_PAYMENT = f"pay_{_MADE}4"
_SETTLEMENT = f"stl_{_MADE}5"
_DISPUTE = f"dsp_{_MADE}6"
_REVIEW = f"rvw_{_MADE}7"
_ACCOUNT = f"pac_{_MADE}8"
_CONVERSATION = f"cnv_{_MADE}9"
_MESSAGE = f"msg_{_MADE}a"
_MOMENT = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)

_ABOUT: dict[str, Any] = {
    "contract_id": _CONTRACT,
    "client_id": "ada",
    "freelancer_id": "ben",
    "title": "New checkout for the shop",
}
_WORK: dict[str, Any] = {
    **_ABOUT,
    "milestone_id": _MILESTONE,
    "description": "Payment page, tested on phones",
    "amount": 120_000,
    "currency": "usd",
    "revision": 2,
}
_FEE = contracts.FeeRule(bps=500, fixed=30, policy_version=1)
_TERMS = [
    contracts.TermsMilestone(
        milestone_id=_MILESTONE,
        position=1,
        description="Payment page, tested on phones",
        amount=120_000,
        due_date="2026-12-20",
    )
]
_POLICY = contracts.PolicyTerms(
    version=1,
    fee_bps=500,
    fee_fixed={"usd": 30, "jpy": 40},
    second_approval_amount={"usd": 100_000, "jpy": 150_000},
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
    hold_warning_days=[60, 75, 83],
    payload_days=30,
)


def _contract(version: int, state: str) -> ObjectRef:
    return ObjectRef(type="contract", id=_CONTRACT, version=version, state=state)


def _milestone(version: int, state: str) -> ObjectRef:
    return ObjectRef(type="milestone", id=_MILESTONE, version=version, state=state)


def _payment(version: int, state: str) -> ObjectRef:
    return ObjectRef(type="payment", id=_PAYMENT, version=version, state=state)


def _dispute(version: int, state: str) -> ObjectRef:
    return ObjectRef(type="dispute", id=_DISPUTE, version=version, state=state)


_TRY: dict[str, Any] = {**_WORK, "funding_id": _FUNDING}
_PAID: dict[str, Any] = {**_TRY, "payment_id": _PAYMENT}
_SETTLED: dict[str, Any] = {**_WORK, "settlement_id": _SETTLEMENT}
_CASE: dict[str, Any] = {**_ABOUT, "dispute_id": _DISPUTE}

_CONTRACTS: tuple[Event, ...] = (
    contracts.ContractCreated(**_ABOUT, currency="usd", object=_contract(1, "draft")),
    contracts.PolicyPublished(policy=_POLICY),
    contracts.TermsProposed(
        **_ABOUT, revision=2, previous_revision=1, milestones=_TERMS, total=120_000, currency="usd", expires_at=_MOMENT,
        object=_contract(3, "proposed"),
    ),
    contracts.TermsApproved(
        **_ABOUT, revision=2, terms_hash="9f2c" * 16, milestones=_TERMS, currency="usd", policy=_POLICY,
        object=_contract(4, "active"),
    ),
    contracts.TermsDeclined(**_ABOUT, revision=1, reason="Too little time.", object=_contract(4, "declined")),
    contracts.TermsWithdrawn(**_ABOUT, revision=1, object=_contract(4, "withdrawn")),
    contracts.TermsLapsed(**_ABOUT, revision=1, object=_contract(4, "expired")),
    contracts.TermsChangesRequested(**_ABOUT, revision=1, comment="Two weeks more, please."),
    contracts.MilestoneFundingRequested(
        **_TRY, method="checkout", return_url=None, fee=_FEE, object=_milestone(2, "funding")
    ),
    contracts.MilestoneFundingCanceled(**_TRY, reason="client"),
    contracts.MilestoneFunded(**_PAID, held=120_000, object=_milestone(3, "funded")),
    contracts.MilestoneFundingFailed(**_TRY, reason="card_declined", object=_milestone(3, "planned")),
    contracts.MilestonePaymentRefused(**_PAID, reason="already_funded"),
    contracts.MilestoneSubmitted(
        **_WORK, note="Ready for a look.", links=["https://example.com/preview"], held=120_000, auto_release_at=_MOMENT,
        object=_milestone(4, "submitted"),
    ),
    contracts.MilestoneSubmissionRetracted(**_WORK, held=120_000, object=_milestone(5, "funded")),
    contracts.MilestoneSettlementDecided(
        **_PAID, settlement_id=_SETTLEMENT, held=120_000, to_freelancer=120_000, to_client=0, reason="release",
        decided_by="ada", fee=_FEE, object=_milestone(5, "settling"),
    ),
    contracts.MilestoneSettlementBlocked(**_SETTLED, reason="payee_not_ready", object=_milestone(6, "settling")),
    contracts.MilestoneHeldChanged(
        **_WORK, held=120_000, frozen_by=[_DISPUTE], reason="dispute_opened", object=_milestone(5, "submitted")
    ),
    contracts.MilestoneUnfrozen(**_WORK, held=120_000, dispute_id=_DISPUTE, object=_milestone(6, "submitted")),
    contracts.MilestoneReleased(**_SETTLED, paid=113_970, fee=6_030, object=_milestone(7, "released")),
    contracts.MilestoneRefunded(**_SETTLED, refunded=120_000, object=_milestone(7, "refunded")),
    contracts.MilestoneSplit(**_SETTLED, paid=75_970, fee=4_030, refunded=40_000, object=_milestone(7, "split")),
    contracts.DisputeAnswered(
        **_CASE, currency="usd",
        frozen=[contracts.FrozenMilestone(milestone_id=_MILESTONE, description="Payment page", held=120_000)],
        refused=[],
    ),
    contracts.DisputeUnfrozen(**_ABOUT, dispute_id=_DISPUTE),
    contracts.DisputeExecuted(**_CASE, decision=1, settled=[_MILESTONE], kept=[]),
    contracts.DisputeDecisionRefused(
        **_CASE, decision=1,
        milestones=[
            contracts.UnsettledMilestone(milestone_id=_MILESTONE, state="settling", held=0, reason="not_frozen")
        ],
    ),
    contracts.ContractCompleted(
        **_ABOUT, currency="usd", paid_to_freelancer=120_000, review_days=14, object=_contract(9, "completed")
    ),
    contracts.ContractEnded(
        **_ABOUT, currency="usd", paid_to_freelancer=0, review_days=14, object=_contract(9, "ended")
    ),
)  # fmt: skip

_PAYMENTS: tuple[Event, ...] = (
    payments.PaymentRequiresAction(**_PAID, action="checkout", object=_payment(2, "requires_action")),
    payments.PaymentHeld(**_PAID, paid=120_000, object=_payment(3, "held")),
    payments.PaymentFailed(**_PAID, reason="card_declined", object=_payment(3, "failed")),
    payments.PaymentCanceled(**_PAID, reason="client", object=_payment(3, "canceled")),
    payments.PaymentReturned(**_PAID, returned=120_000, object=_payment(4, "returned")),
    payments.SettlementBlocked(
        **_SETTLED, payment_id=_PAYMENT, reason="payee_not_ready", object=_payment(4, "settling")
    ),
    payments.SettlementCompleted(
        **_SETTLED, payment_id=_PAYMENT, transferred=113_970, refunded=0, fee=6_030, object=_payment(5, "settled")
    ),
    payments.PayoutAccountChanged(payout_account_id=_ACCOUNT, user_id="ben", state="active"),
)

_SPLIT = [disputes.Share(milestone_id=_MILESTONE, to_freelancer=80_000)]

_DISPUTES: tuple[Event, ...] = (
    disputes.DisputeOpened(
        **_CASE, opened_by="ada", opened_as="client", milestone_ids=[_MILESTONE], reason="work_quality",
        object=_dispute(1, "opening"),
    ),
    disputes.DisputeConfirmed(**_CASE, opened_by="ada", milestone_ids=[_MILESTONE], object=_dispute(2, "open")),
    disputes.DisputeRefused(**_CASE, opened_by="ada", object=_dispute(2, "refused")),
    disputes.DisputeAnswerFiled(**_CASE, silent=False, object=_dispute(3, "open")),
    disputes.DisputeAssigned(**_CASE, agent_id="sam", second_approver_id=None, object=_dispute(4, "in_review")),
    disputes.DisputeProposed(**_CASE, split=_SPLIT, currency="usd", object=_dispute(5, "proposed")),
    disputes.DisputeResolved(
        **_CASE, decision=1, decided_by="sam", accepted=False, milestones=_SPLIT, object=_dispute(8, "resolved")
    ),
    disputes.DisputeWithdrawn(**_CASE, object=_dispute(5, "withdrawn")),
    disputes.DisputeClosed(**_CASE, object=_dispute(10, "closed")),
)  # fmt: skip

_REVIEWS: tuple[Event, ...] = (
    reviews.ReviewReceived(**_ABOUT, review_id=_REVIEW, author_id="ada", subject_id="ben"),
    reviews.ReviewPublished(
        **_ABOUT, review_id=_REVIEW, author_id="ada", subject_id="ben", rating=5,
        object=ObjectRef(type="review", id=_REVIEW, version=2, state="published"),
    ),
)  # fmt: skip

_NOTIFICATIONS: tuple[Event, ...] = (
    notifications.MessagePosted(**_ABOUT, conversation_id=_CONVERSATION, message_id=_MESSAGE, author_id="ada"),
)

EXAMPLES: Mapping[str, Event] = {
    event.type: event for event in (*_CONTRACTS, *_PAYMENTS, *_DISPUTES, *_REVIEWS, *_NOTIFICATIONS)
}


def example_envelope(event: Event) -> Envelope[Event]:
    """The event as it would travel: the first of its root, in a story of its own."""
    return Envelope(
        id="01939a1c-5e00-7b3a-8c41-d0f6a2b9e370",
        source=f"/services/{event.type.split('.', 1)[0]}",
        type=event.type,
        subject=event.subject,
        time=_MOMENT,
        sequence=1,
        correlation_id="01939a1c-5e00-7b3a-8c41-d0f6a2b9e37f",
        causation_id=None,
        traceparent=None,
        data=event,
    )


def example_documents() -> dict[str, dict[str, Any]]:
    """Every example as the JSON document that travels, by event type."""
    return {name: from_json(encode(example_envelope(event))) for name, event in EXAMPLES.items()}
