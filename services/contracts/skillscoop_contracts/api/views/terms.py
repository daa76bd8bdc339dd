"""Revisions of the terms, and what one changes about another."""

from typing import Any

from skillscoop_chassis.http.models import MoneyView

from skillscoop_contracts.api.schemas import (
    ChangedLineView,
    FieldChangeView,
    LineView,
    TermsDiffView,
    TermsView,
)
from skillscoop_contracts.domain.terms import Difference, Line
from skillscoop_contracts.repository.row_types import Row
from skillscoop_contracts.repository.terms import line_of


def lines_view(lines: tuple[Line, ...], currency: str) -> list[LineView]:
    """The milestones of a revision, in their order."""
    return [line_view(line, position, currency) for position, line in enumerate(lines, 1)]


def line_view(line: Line, position: int, currency: str) -> LineView:
    """A milestone as a revision states it."""
    return LineView(
        id=line.id,
        position=position,
        description=line.description,
        amount=MoneyView(amount=line.amount, currency=currency),
        due_date=line.due_date,
        criteria=list(line.criteria),
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
        milestones=lines_view(lines, currency),
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
        added=[line_view(line, place[line.id], currency) for line in change.added],
        dropped=[line_view(line, position, currency) for position, line in enumerate(change.dropped, 1)],
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
