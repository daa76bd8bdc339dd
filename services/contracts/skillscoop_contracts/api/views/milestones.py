"""Milestones as their parties see them."""

from dataclasses import replace
from datetime import datetime

from skillscoop_chassis.http.models import MoneyView, NextMove, Warning

from skillscoop_contracts.api.schemas import (
    FreezeView,
    MilestoneView,
    SettlementView,
    SubmissionView,
)
from skillscoop_contracts.domain.available_actions import (
    AvailableAction,
    next_of_milestone,
    warnings_of_milestone,
)
from skillscoop_contracts.domain.contract import Milestone, Role, Settlement, Submission
from skillscoop_contracts.repository.loading import Stored


def actions_view(moves: list[AvailableAction]) -> list[NextMove]:
    """What all actors may do next."""
    return [
        NextMove(
            action=move.action,
            actor=move.actor,
            due_at=move.due_at,
            on_timeout=move.on_timeout,
            blocked_reason=move.blocked_reason,
        )
        for move in moves
    ]


def as_seen_by(stored: Stored, role: Role) -> Stored:
    """Whether a freelancer can be paid is nobody else's business before they approved terms of the contract."""
    unknown = role != "freelancer" and stored.contract.policy is None
    return replace(stored, payee_ready=True) if unknown else stored


def milestone_view(stored: Stored, milestone: Milestone, now: datetime) -> MilestoneView:
    """A milestone as both parties see it."""
    contract = stored.contract
    currency = contract.currency
    warnings = warnings_of_milestone(contract, milestone, stored.payee_ready, now)
    if milestone.id in stored.unanswered:
        warnings.append("answer_overdue")
    return MilestoneView(
        id=milestone.id,
        object="milestone",
        version=milestone.version,
        created_at=milestone.created_at,
        updated_at=milestone.updated_at,
        contract_id=contract.id,
        position=milestone.position,
        description=milestone.description,
        amount=MoneyView(amount=milestone.amount, currency=currency),
        due_date=milestone.due_date,
        criteria=list(milestone.criteria),
        state=milestone.state,
        held=MoneyView(amount=milestone.held, currency=currency),
        frozen_by=[FreezeView(kind=freeze.kind, id=freeze.id) for freeze in milestone.frozen_by],
        funding_id=milestone.funding_id,
        submission=_submission(milestone.submission) if milestone.submission else None,
        rework_rounds=milestone.rework_rounds,
        settlement=_settlement(milestone.settlement, currency) if milestone.settlement else None,
        blocked_reason=milestone.blocked_reason,
        failure_reason=milestone.failure_reason,
        next=actions_view(next_of_milestone(contract, milestone)),
        warnings=[Warning(code=code) for code in warnings],
    )


def _submission(submission: Submission) -> SubmissionView:
    return SubmissionView(
        note=submission.note,
        links=list(submission.links),
        attachments=list(submission.attachments),
        submitted_at=submission.submitted_at,
    )


def _settlement(settlement: Settlement, currency: str) -> SettlementView:
    return SettlementView(
        id=settlement.id,
        to_freelancer=MoneyView(amount=settlement.to_freelancer, currency=currency),
        to_client=MoneyView(amount=settlement.to_client, currency=currency),
        fee=MoneyView(amount=settlement.fee, currency=currency),
        reason=settlement.reason,
        decided_by=settlement.decided_by,
        decided_at=settlement.decided_at,
    )
