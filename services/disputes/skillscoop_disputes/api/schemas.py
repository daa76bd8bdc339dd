"""What clients send and see."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from skillscoop_chassis.http.models import (
    AmountOrZero,
    LongText,
    MoneyView,
    NextMove,
    Resource,
    StrictRequest,
    UserId,
    View,
    Warning,
)
from sqlalchemy import RowMapping

from skillscoop_disputes.domain.available_actions import available_actions
from skillscoop_disputes.domain.dispute import HANDLERS, PARTIES, Decision, Dispute, Part, Proposal, Reason, Share

ObjectId = Annotated[str, Field(strict=True, min_length=1, max_length=64)]


class ShareRequest(StrictRequest):
    """What the freelancer gets of one milestone, in minor units; the rest is the client's."""

    milestone_id: ObjectId
    to_freelancer: AmountOrZero


Split = Annotated[list[ShareRequest], Field(min_length=1, max_length=50)]
Wish = Annotated[list[ShareRequest], Field(max_length=50)]


class FormRequest(StrictRequest):
    """The Dispute Assistance Form. Without `milestone_ids` it is about all held money of the contract."""

    contract_id: ObjectId
    milestone_ids: Annotated[list[ObjectId] | None, Field(min_length=1, max_length=50)] = None
    reason: Reason
    statement: LongText
    desired: Wish


class AnswerRequest(StrictRequest):
    """The other side's account, and the split they would accept."""

    statement: LongText
    desired: Wish | None = None


class EvidenceRequest(StrictRequest):
    """A text as evidence."""

    text: LongText


class AssignRequest(StrictRequest):
    """Who shall work on the case; without `agent_id` the caller."""

    agent_id: UserId | None = None


class NoteRequest(StrictRequest):
    """An internal note."""

    text: LongText


class SplitRequest(StrictRequest):
    """A split of all disputed money, and why, in one text both parties read."""

    split: Split
    reasons: LongText


class RejectRequest(StrictRequest):
    """Why the decision goes back."""

    reason: LongText | None = None


class ShareView(View):
    """What the freelancer gets of one milestone; the rest is the client's."""

    milestone_id: str
    to_freelancer: MoneyView


class DisputedView(View):
    """A milestone in the dispute, with the money frozen for it; `final` once that was delivered."""

    milestone_id: str
    description: str
    held: MoneyView
    final: bool


class AnswerView(View):
    """The other side's account."""

    statement: str
    desired: list[ShareView]
    answered_at: datetime


class EvidenceView(View):
    """A text or file on record; fetch its content by its id. `size` in bytes, `sha256` in hex."""

    id: str
    name: str
    size: int
    type: str
    sha256: str
    by: str
    added_at: datetime


class ProposalView(View):
    """Support's proposal; `outcome` is open, accepted, declined or lapsed."""

    number: int
    split: list[ShareView]
    reasons: str
    accepted_by: list[str]
    expires_at: datetime
    outcome: str


class DecisionView(View):
    """A binding split; `accepted` when both parties had agreed to it."""

    number: int
    split: list[ShareView]
    reasons: str
    decided_by: str
    decided_at: datetime
    accepted: bool
    approved_by: str | None
    outcome: str


class NoteView(View):
    """An internal note of support."""

    by: str
    text: str
    created_at: datetime


class HappenedView(View):
    """One fact of the case."""

    at: datetime
    actor: str
    happened: str
    state: str


class DisputeRow(Resource):
    """A dispute in support's queue: nothing of what the parties say."""

    object: Literal["dispute"] = "dispute"
    contract_id: str
    state: str
    reason: Reason
    answered: bool
    silent: bool
    assigned_to: str | None
    due_at: datetime | None
    next: list[NextMove]
    warnings: list[Warning] = Field(default_factory=list)


class DisputeView(DisputeRow):
    """A dispute as its parties and its agents see it; `notes` and `history` are for agents only."""

    client_id: str
    freelancer_id: str
    opened_by: str
    opened_as: Literal["client", "freelancer"]
    milestone_ids: list[str]
    milestones: list[DisputedView]
    currency: str
    statement: str
    desired: list[ShareView]
    answer: AnswerView | None
    evidence: list[EvidenceView]
    proposal: ProposalView | None
    decision: DecisionView | None
    second_approver: str | None
    notes: list[NoteView] | None = None
    history: list[HappenedView] | None = None


def shares(split: Iterable[ShareRequest] | None) -> tuple[Share, ...]:
    """A split as the domain knows it."""
    return tuple(Share(one.milestone_id, one.to_freelancer) for one in split or ())


def row_view(dispute: Dispute, now: datetime) -> DisputeRow:
    """The row everybody of support may see."""
    return DisputeRow(**_row(dispute, now))


def whole_view(
    dispute: Dispute,
    part: Part,
    now: datetime,
    *,
    notes: Sequence[RowMapping] | None = None,
    history: Sequence[RowMapping] | None = None,
) -> DisputeView:
    """The whole case for a party or an agent. What is not in force yet is not shown to the parties."""
    money = dispute.currency
    decision = dispute.decision
    if decision and part in PARTIES and decision.outcome in ("pending", "rejected"):
        decision = None
    frozen = [one.milestone_id for one in dispute.milestones]
    return DisputeView(
        **_row(dispute, now),
        client_id=dispute.client_id,
        freelancer_id=dispute.freelancer_id,
        opened_by=dispute.opened_by,
        opened_as=dispute.opened_as,
        milestone_ids=frozen or list(dispute.asked or ()),
        milestones=[
            DisputedView(
                milestone_id=one.milestone_id,
                description=one.description,
                held=MoneyView(amount=one.held, currency=money),
                final=one.final,
            )
            for one in dispute.milestones
        ],
        currency=money,
        statement=dispute.statement,
        desired=_split(dispute.desired, money),
        answer=AnswerView(
            statement=dispute.answer.statement,
            desired=_split(dispute.answer.desired, money),
            answered_at=dispute.answer.at,
        )
        if dispute.answer
        else None,
        evidence=[
            EvidenceView(
                id=one.id, name=one.name, size=one.size, type=one.type, sha256=one.sha256, by=one.by, added_at=one.at
            )
            for one in dispute.evidence
        ],
        proposal=_proposal(dispute.proposal, money) if dispute.proposal else None,
        decision=_decision(decision, money) if decision else None,
        second_approver=dispute.second_approver if part in HANDLERS else None,
        notes=None if notes is None else [NoteView(**_only(one, NoteView)) for one in notes],
        history=None if history is None else [HappenedView(**_only(one, HappenedView)) for one in history],
    )


def _row(dispute: Dispute, now: datetime) -> dict[str, Any]:
    return {
        "id": dispute.id,
        "version": dispute.version,
        "created_at": dispute.created_at,
        "updated_at": dispute.updated_at,
        "contract_id": dispute.contract_id,
        "state": dispute.state.value,
        "reason": dispute.reason,
        "answered": dispute.answer is not None,
        "silent": dispute.silent,
        "assigned_to": dispute.assigned_to,
        "due_at": dispute.due_at,
        "next": [
            NextMove(
                action=one.action,
                actor=one.actor,
                due_at=one.due_at,
                on_timeout=one.on_timeout,
                blocked_reason=one.blocked_reason,
            )
            for one in available_actions(dispute, now)
        ],
    }


def _only(row: RowMapping, view: type[View]) -> dict[str, Any]:
    return {name: row[name] for name in view.model_fields}


def _split(split: Iterable[Share], currency: str) -> list[ShareView]:
    return [
        ShareView(milestone_id=one.milestone_id, to_freelancer=MoneyView(amount=one.to_freelancer, currency=currency))
        for one in split
    ]


def _proposal(proposal: Proposal, currency: str) -> ProposalView:
    return ProposalView(
        number=proposal.number,
        split=_split(proposal.split, currency),
        reasons=proposal.reasons,
        accepted_by=list(proposal.accepted_by),
        expires_at=proposal.expires_at,
        outcome=proposal.outcome,
    )


def _decision(decision: Decision, currency: str) -> DecisionView:
    return DecisionView(
        number=decision.number,
        split=_split(decision.split, currency),
        reasons=decision.reasons,
        decided_by=decision.by,
        decided_at=decision.at,
        accepted=decision.accepted,
        approved_by=decision.approved_by,
        outcome=decision.outcome,
    )
