"""Contracts as each reader sees them, and their timeline."""

from datetime import datetime

from skillscoop_chassis.http.models import MoneyView, SubjectView, Warning

from skillscoop_contracts.api.schemas import (
    ContractView,
    PendingRevisionView,
    PolicyTermsView,
    TimelineEntryView,
)
from skillscoop_contracts.api.views.milestones import actions_view, as_seen_by, milestone_view
from skillscoop_contracts.api.views.policy import policy_values
from skillscoop_contracts.api.views.terms import lines_view
from skillscoop_contracts.domain.available_actions import (
    next_of_contract,
    warnings_of_contract,
)
from skillscoop_contracts.domain.contract import Pending, Role
from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.repository.loading import Stored
from skillscoop_contracts.repository.row_types import Row


def contract_view(stored: Stored, role: Role, policy: Policy, now: datetime) -> ContractView:
    """A contract as this reader sees it; `policy` counts until the contract has its own."""
    stored = as_seen_by(stored, role)
    contract = stored.contract
    open_terms = contract.shows_terms_to(role)
    milestones = contract.milestones if open_terms else ()
    return ContractView(
        id=contract.id,
        object="contract",
        version=contract.version,
        created_at=contract.created_at,
        updated_at=contract.updated_at,
        title=contract.title,
        state=contract.state,
        client_id=contract.client_id,
        freelancer_id=contract.freelancer_id,
        currency=contract.currency,
        revision=contract.revision,
        terms_hash=contract.terms_hash if open_terms else None,
        pending_revision=_pending(contract.pending) if contract.pending else None,
        milestones=[milestone_view(stored, milestone, now) for milestone in milestones],
        policy=PolicyTermsView(**policy_values(contract.policy or policy)),
        next=actions_view(next_of_contract(contract)),
        warnings=[Warning(code=code) for code in warnings_of_contract(contract, stored.payee_ready, now)],
    )


def _pending(pending: Pending) -> PendingRevisionView:
    currency = pending.terms.currency
    return PendingRevisionView(
        revision=pending.revision,
        title=pending.terms.title,
        terms_hash=pending.hash,
        milestones=lines_view(pending.terms.lines, currency),
        total=MoneyView(amount=pending.terms.total, currency=currency),
        proposed_at=pending.proposed_at,
        expires_at=pending.expires_at,
    )


def entry_view(row: Row) -> TimelineEntryView:
    """A line of the timeline out of its row."""
    return TimelineEntryView(
        number=row["number"],
        at=row["at"],
        actor=row["actor"],
        actor_id=row["actor_id"],
        action=row["action"],
        reason=row["reason"],
        subject=SubjectView(type=row["subject_type"], id=row["subject_id"]),
        data=row["data"],
    )
