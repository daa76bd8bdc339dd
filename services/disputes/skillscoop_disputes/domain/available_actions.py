"""Which moves are open, to whom: the transition table read out for everybody who looks at a dispute."""

from dataclasses import dataclass
from datetime import datetime

from skillscoop_disputes.domain.dispute import PARTIES, TEAM, Dispute, Part
from skillscoop_disputes.domain.moves import TABLE, Move


@dataclass(frozen=True)
class Open:
    """One open move. `actor` is client, freelancer, support or system; without `blocked_reason` it would succeed now.

    `due_at` is when silence makes `on_timeout` happen.
    """

    action: str
    actor: str
    due_at: datetime | None = None
    on_timeout: str | None = None
    blocked_reason: str | None = None


def available_actions(dispute: Dispute, now: datetime) -> list[Open]:
    """The open moves of all actors, in the table's order."""
    return [
        _open(dispute, move, part, actor, now)
        for move in TABLE
        if dispute.state in move.path and not move.reported
        for part, actor in _actors(dispute, move)
        if not _done(dispute, move, part)
    ]


def _actors(dispute: Dispute, move: Move) -> list[tuple[Part, str]]:
    """Each kind of actor once, with the part that decides whether something is in their way."""
    other = {"client": "freelancer", "freelancer": "client"}[dispute.opened_as]
    names = {Part.OPENER: dispute.opened_as, Part.RESPONDENT: other, Part.SYSTEM: "system"}
    people = [(part, names[part]) for part in (Part.OPENER, Part.RESPONDENT, Part.SYSTEM) if part in move.by]
    team = [part for part in (Part.SECOND_APPROVER, Part.AGENT, Part.SUPPORT) if part in move.by & TEAM]
    return people + [(part, "support") for part in team[:1]]


def _done(dispute: Dispute, move: Move, part: Part) -> bool:
    """Whether that actor has made the move already: a party accepts a proposal once, an answer is given once."""
    if move.action == "answer":
        return dispute.answer is not None
    if move.action == "accept" and part in PARTIES and dispute.proposal:
        mine = dispute.opened_by if part is Part.OPENER else _respondent(dispute)
        return mine in dispute.proposal.accepted_by
    return False


def _respondent(dispute: Dispute) -> str:
    return dispute.freelancer_id if dispute.opened_by == dispute.client_id else dispute.client_id


def _open(dispute: Dispute, move: Move, part: Part, actor: str, now: datetime) -> Open:
    timed = move.on_timeout is not None or part is Part.SYSTEM
    due_at = dispute.due_at if timed else None
    return Open(
        action=move.action,
        actor=actor,
        due_at=due_at,
        on_timeout=move.on_timeout if due_at else None,
        blocked_reason=move.guard(dispute, part, now),
    )
