"""How a contract and its milestones become columns and come back."""

from datetime import datetime
from typing import Any

from skillscoop_contracts.domain.contract import (
    Contract,
    DisputeCase,
    Freeze,
    Funding,
    Milestone,
    Settlement,
    Submission,
)
from skillscoop_contracts.repository.policies import policy_document, policy_of
from skillscoop_contracts.repository.row_types import Row
from skillscoop_contracts.repository.terms import pending_document, pending_of


def contract_columns(contract: Contract) -> dict[str, Any]:
    """Every column of the contract's own row."""
    return {
        "id": contract.id,
        "version": contract.version,
        "title": contract.title,
        "state": contract.state,
        "client_id": contract.client_id,
        "freelancer_id": contract.freelancer_id,
        "currency": contract.currency,
        "revision": contract.revision,
        "last_revision": contract.last_revision,
        "terms_hash": contract.terms_hash,
        "pending": pending_document(contract.pending) if contract.pending else None,
        "policy": policy_document(contract.policy) if contract.policy else None,
        "offer_expires_at": contract.offer_expires_at,
        "auto_complete_at": contract.auto_complete_at,
        "created_at": contract.created_at,
        "updated_at": contract.updated_at,
    }


def contract_of(
    row: Row, milestones: tuple[Milestone, ...], cases: tuple[DisputeCase, ...], fundings: tuple[Funding, ...]
) -> Contract:
    """The aggregate out of its row and its parts."""
    return Contract(
        id=row["id"],
        version=row["version"],
        title=row["title"],
        state=row["state"],
        client_id=row["client_id"],
        freelancer_id=row["freelancer_id"],
        currency=row["currency"],
        revision=row["revision"],
        last_revision=row["last_revision"],
        terms_hash=row["terms_hash"],
        pending=pending_of(row["pending"], row["currency"]) if row["pending"] else None,
        policy=policy_of(row["policy"]) if row["policy"] else None,
        offer_expires_at=row["offer_expires_at"],
        auto_complete_at=row["auto_complete_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        milestones=milestones,
        cases=cases,
        fundings=fundings,
    )


def milestone_columns(contract_id: str, milestone: Milestone) -> dict[str, Any]:
    """Every column of a milestone's row."""
    submission, settlement = milestone.submission, milestone.settlement
    return {
        "id": milestone.id,
        "contract_id": contract_id,
        "position": milestone.position,
        "version": milestone.version,
        "description": milestone.description,
        "amount": milestone.amount,
        "due_date": milestone.due_date,
        "criteria": list(milestone.criteria),
        "state": milestone.state,
        "held": milestone.held,
        "frozen_by": [{"kind": freeze.kind, "id": freeze.id} for freeze in milestone.frozen_by],
        "funding_id": milestone.funding_id,
        "payment_id": milestone.payment_id,
        "checkout_expires_at": milestone.checkout_expires_at,
        "cancel_asked": milestone.cancel_asked,
        "submission": _submission_document(submission) if submission else None,
        "rework_rounds": milestone.rework_rounds,
        "settlement": _settlement_document(settlement) if settlement else None,
        "blocked_reason": milestone.blocked_reason,
        "blocked_sequence": milestone.blocked_sequence,
        "failure_reason": milestone.failure_reason,
        "paid": milestone.paid,
        "created_at": milestone.created_at,
        "updated_at": milestone.updated_at,
    }


def _submission_document(submission: Submission) -> dict[str, Any]:
    return {
        "note": submission.note,
        "links": list(submission.links),
        "attachments": list(submission.attachments),
        "submitted_at": submission.submitted_at.isoformat(),
    }


def _settlement_document(settlement: Settlement) -> dict[str, Any]:
    return {
        "id": settlement.id,
        "to_freelancer": settlement.to_freelancer,
        "to_client": settlement.to_client,
        "fee": settlement.fee,
        "reason": settlement.reason,
        "decided_by": settlement.decided_by,
        "decided_at": settlement.decided_at.isoformat(),
    }


def milestone_of(row: Row) -> Milestone:
    """A milestone out of its row."""
    submission, settlement = row["submission"], row["settlement"]
    return Milestone(
        id=row["id"],
        position=row["position"],
        version=row["version"],
        description=row["description"],
        amount=row["amount"],
        due_date=row["due_date"],
        criteria=tuple(row["criteria"]),
        state=row["state"],
        held=row["held"],
        frozen_by=tuple(Freeze(one["kind"], one["id"]) for one in row["frozen_by"]),
        funding_id=row["funding_id"],
        payment_id=row["payment_id"],
        checkout_expires_at=row["checkout_expires_at"],
        cancel_asked=row["cancel_asked"],
        submission=_submission_of(submission) if submission else None,
        rework_rounds=row["rework_rounds"],
        settlement=_settlement_of(settlement) if settlement else None,
        blocked_reason=row["blocked_reason"],
        blocked_sequence=row["blocked_sequence"],
        failure_reason=row["failure_reason"],
        paid=row["paid"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _submission_of(document: Row) -> Submission:
    return Submission(
        note=document["note"],
        links=tuple(document["links"]),
        attachments=tuple(document["attachments"]),
        submitted_at=datetime.fromisoformat(document["submitted_at"]),
    )


def _settlement_of(document: Row) -> Settlement:
    return Settlement(
        id=document["id"],
        to_freelancer=document["to_freelancer"],
        to_client=document["to_client"],
        fee=document["fee"],
        reason=document["reason"],
        decided_by=document["decided_by"],
        decided_at=datetime.fromisoformat(document["decided_at"]),
    )
