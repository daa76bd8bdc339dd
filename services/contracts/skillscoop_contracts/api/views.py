"""How the domain's values become answers, and what each reader sees of them."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from skillscoop_chassis.http.models import MoneyView, NextMove, Warning
from skillscoop_messages.money import CURRENCIES

from skillscoop_contracts.api.shapes import (
    ChangedLineView,
    ContractView,
    CurrencyView,
    FeeView,
    FieldChangeView,
    FreezeView,
    LineView,
    MilestoneView,
    PendingRevisionView,
    PolicyTermsView,
    PolicyView,
    SettlementView,
    SubjectView,
    SubmissionView,
    TermsDiffView,
    TermsView,
    TimelineEntryView,
)
from skillscoop_contracts.domain.contract import Contract, Milestone, Pending, Role, Settlement, Submission
from skillscoop_contracts.domain.outlook import (
    OpenMove,
    next_of_contract,
    next_of_milestone,
    warnings_of_contract,
    warnings_of_milestone,
)
from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.domain.terms import Difference, Line
from skillscoop_contracts.repository.loading import Stored
from skillscoop_contracts.repository.rows import Row, line_of, policy_of


def _next(moves: list[OpenMove]) -> list[NextMove]:
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


def milestone_view(stored: Stored, milestone: Milestone, now: datetime) -> MilestoneView:
    """A milestone as both parties see it."""
    contract = stored.contract
    currency = contract.currency
    warnings = warnings_of_milestone(contract, milestone, stored.payee_ready, now)
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
        next=_next(next_of_milestone(contract, milestone)),
        warnings=[Warning(code=code) for code in warnings],
    )


def _lines(lines: tuple[Line, ...], currency: str) -> list[LineView]:
    return [_line(line, position, currency) for position, line in enumerate(lines, 1)]


def _line(line: Line, position: int, currency: str) -> LineView:
    return LineView(
        id=line.id,
        position=position,
        description=line.description,
        amount=MoneyView(amount=line.amount, currency=currency),
        due_date=line.due_date,
        criteria=list(line.criteria),
    )


def _pending(pending: Pending) -> PendingRevisionView:
    currency = pending.terms.currency
    return PendingRevisionView(
        revision=pending.revision,
        title=pending.terms.title,
        terms_hash=pending.hash,
        milestones=_lines(pending.terms.lines, currency),
        total=MoneyView(amount=pending.terms.total, currency=currency),
        proposed_at=pending.proposed_at,
        expires_at=pending.expires_at,
    )


def _policy_values(policy: Policy) -> dict[str, Any]:
    values = {name: getattr(policy, name) for name in PolicyTermsView.model_fields if name != "fee"}
    return {
        **values,
        "hold_warning_days": list(policy.hold_warning_days),
        "second_approval_amount": dict(policy.second_approval_amount),
        "fee": FeeView(bps=policy.fee_bps, fixed=dict(policy.fee_fixed)),
    }


def policy_view(row: Row, currencies: tuple[str, ...]) -> PolicyView:
    """The policy in force, out of its row, with the currencies a contract may be made in."""
    return PolicyView(
        id="policy",
        object="policy",
        created_at=row["published_at"],
        updated_at=row["published_at"],
        currencies={
            code: CurrencyView(
                exponent=currency.exponent, minimum=currency.minimum, maximum=currency.maximum, step=currency.step
            )
            for code, currency in CURRENCIES.items()
            if code in currencies
        },
        **_policy_values(policy_of(row["document"])),
    )


def sees_terms(contract: Contract, role: Role) -> bool:
    """Everybody does but the freelancer of a draft, who sees its title and can already talk to the client."""
    return role != "freelancer" or contract.state != "draft"


def as_seen_by(stored: Stored, role: Role) -> Stored:
    """Whether a freelancer can be paid is nobody else's business before they approved terms of the contract."""
    unknown = role != "freelancer" and stored.contract.policy is None
    return replace(stored, payee_ready=True) if unknown else stored


def contract_view(stored: Stored, role: Role, policy: Policy, now: datetime) -> ContractView:
    """A contract as this reader sees it; `policy` counts until the contract has its own."""
    stored = as_seen_by(stored, role)
    contract = stored.contract
    open_terms = sees_terms(contract, role)
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
        policy=PolicyTermsView(**_policy_values(contract.policy or policy)),
        next=_next(next_of_contract(contract)),
        warnings=[Warning(code=code) for code in warnings_of_contract(contract, stored.payee_ready, now)],
    )


def terms_view(row: Row, currency: str) -> TermsView:
    """A revision out of its row."""
    lines = tuple(line_of(document) for document in row["milestones"])
    return TermsView(
        contract_id=row["contract_id"],
        revision=row["revision"],
        state=row["state"],
        title=row["title"],
        terms_hash=row["hash"],
        milestones=_lines(lines, currency),
        total=MoneyView(amount=sum(line.amount for line in lines), currency=currency),
        created_at=row["created_at"],
        proposed_at=row["proposed_at"],
        expires_at=row["expires_at"],
        answered_at=row["answered_at"],
        answered_by=row["answered_by"],
        reason=row["reason"],
    )


def diff_view(
    contract_id: str, revision: int, against: int | None, change: Difference, after: tuple[Line, ...], currency: str
) -> TermsDiffView:
    """A difference between two revisions; added and changed milestones with their new place."""
    place = {line.id: position for position, line in enumerate(after, 1)}

    def value(line: Line, field: str) -> Any:
        found = getattr(line, field)
        if field == "amount":
            return MoneyView(amount=found, currency=currency)
        return list(found) if field == "criteria" else found

    return TermsDiffView(
        contract_id=contract_id,
        revision=revision,
        against=against,
        title=FieldChangeView(before=change.title[0], after=change.title[1]) if change.title else None,
        added=[_line(line, place[line.id], currency) for line in change.added],
        dropped=[_line(line, position, currency) for position, line in enumerate(change.dropped, 1)],
        changed=[
            ChangedLineView(
                milestone_id=one.before.id,
                fields={
                    field: FieldChangeView(before=value(one.before, field), after=value(one.after, field))
                    for field in one.fields
                },
            )
            for one in change.changed
        ],
        reordered=change.reordered,
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
