"""What a revision of the terms does to the milestones it states, and what it may not touch."""

from dataclasses import replace
from datetime import datetime

from skillscoop_contracts.domain.contract import Contract, Milestone
from skillscoop_contracts.domain.terms import Line, Terms, difference, order_differs


def new_milestone(line: Line, position: int, now: datetime) -> Milestone:
    """A planned milestone as the terms state it."""
    return Milestone(
        id=line.id,
        position=position,
        description=line.description,
        amount=line.amount,
        due_date=line.due_date,
        criteria=line.criteria,
        created_at=now,
        updated_at=now,
    )


def locked_changes(contract: Contract, terms: Terms) -> list[dict[str, object]]:
    """What `terms` would change that may not change as the milestones stand: `{milestone_id, state, fields}` each.

    Planned milestones move freely; funded ones take a new description, criteria and due date; all others nothing.
    """
    change = difference(contract.terms, terms)
    wanted: dict[str, set[str]] = {line.id: {"drop"} for line in change.dropped}
    for item in change.changed:
        wanted.setdefault(item.before.id, set()).update(item.fields)
    fixed = [milestone.id for milestone in contract.listed if "order" not in milestone.touchable]
    if order_differs(fixed, [line.id for line in terms.lines]):
        for milestone_id in fixed:
            wanted.setdefault(milestone_id, set()).add("order")
    locked: list[dict[str, object]] = []
    for milestone in contract.listed:
        fields = sorted(wanted.get(milestone.id, set()) - milestone.touchable)
        if fields:
            locked.append({"milestone_id": milestone.id, "state": milestone.state, "fields": fields})
    return locked


def restated_milestones(contract: Contract, terms: Terms, at: datetime, *, keep_dropped: bool) -> tuple[Milestone, ...]:
    """The milestones as `terms` order them; those that were once agreed and are no longer stand dropped, last."""
    known = {milestone.id: milestone for milestone in contract.milestones}
    agreed = [_restated(known.get(line.id), line, index, at) for index, line in enumerate(terms.lines, 1)]
    if not keep_dropped:
        return tuple(agreed)
    left = [milestone for milestone in contract.milestones if terms.line(milestone.id) is None]
    already = [milestone for milestone in left if milestone.state == "dropped"]
    newly = [milestone for milestone in left if milestone.state != "dropped"]
    dropped = [
        replace(milestone, state="dropped", position=index)
        for index, milestone in enumerate([*already, *newly], len(agreed) + 1)
    ]
    return (*agreed, *dropped)


def _restated(milestone: Milestone | None, line: Line, position: int, at: datetime) -> Milestone:
    if milestone is None:
        return new_milestone(line, position, at)
    return replace(
        milestone,
        position=position,
        description=line.description,
        amount=line.amount,
        due_date=line.due_date,
        criteria=line.criteria,
    )
