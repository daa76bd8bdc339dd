"""What can happen next, and what one should know: read from the same table that executes the moves."""

from dataclasses import dataclass
from datetime import datetime

from skillscoop_contracts.domain.contract import OVER, Contract, Milestone, Role
from skillscoop_contracts.domain.decide import starts_here
from skillscoop_contracts.domain.moves import MOVES, Move
from skillscoop_contracts.domain.terms import today_anywhere


@dataclass(frozen=True, slots=True)
class OpenMove:
    """A move that starts here; without `blocked_reason` it would succeed now. At `due_at` `on_timeout` happens."""

    action: str
    actor: Role
    due_at: datetime | None = None
    on_timeout: str | None = None
    blocked_reason: str | None = None


_CONTRACT_MOVES = tuple(move for move in MOVES.values() if move.of == "contract" and move.kind != "news")
_MILESTONE_MOVES = tuple(move for move in MOVES.values() if move.of == "milestone" and move.kind != "news")


def next_of_contract(contract: Contract) -> list[OpenMove]:
    """The open moves of all actors on the contract itself."""
    return [_open(contract, None, move) for move in _CONTRACT_MOVES if _listed(contract, None, move)]


def next_of_milestone(contract: Contract, milestone: Milestone) -> list[OpenMove]:
    """The open moves of all actors on one milestone."""
    return [_open(contract, milestone, move) for move in _MILESTONE_MOVES if _listed(contract, milestone, move)]


def allowed(contract: Contract, milestone: Milestone | None, role: Role) -> list[str]:
    """The actions this party could take now, on the milestone or else on the contract."""
    moves = next_of_milestone(contract, milestone) if milestone else next_of_contract(contract)
    return [move.action for move in moves if move.actor == role and move.blocked_reason is None]


def _listed(contract: Contract, milestone: Milestone | None, move: Move) -> bool:
    if not starts_here(contract, milestone, move) or (move.already and move.already(milestone)):
        return False
    # A timer that nobody has wound is no move at all.
    return move.kind != "timer" or (move.clock is not None and move.clock(contract, milestone) is not None)


def _open(contract: Contract, milestone: Milestone | None, move: Move) -> OpenMove:
    deadline = move.clock(contract, milestone) if move.clock else None
    block = next((found for guard in move.guards if (found := guard(contract, milestone))), None)
    return OpenMove(
        action=move.action,
        actor=move.actor,
        due_at=deadline.due_at if deadline else None,
        on_timeout=deadline.on_timeout if deadline else None,
        blocked_reason=(block.reason or block.code) if block else None,
    )


def warnings_of_milestone(contract: Contract, milestone: Milestone, payee_ready: bool, now: datetime) -> list[str]:
    """No obstacles, but worth knowing: `payee_not_ready`, `overdue`, `reapproval_pending`."""
    if milestone.is_final or contract.phase in OVER:
        return []
    found = [] if payee_ready else ["payee_not_ready"]
    if milestone.due_date and milestone.state != "settling" and milestone.due_date < today_anywhere(now):
        found.append("overdue")
    if contract.pending:
        found.append("reapproval_pending")
    return found


def warnings_of_contract(contract: Contract, payee_ready: bool, now: datetime) -> list[str]:
    """What is worth knowing about the contract as a whole: each warning of its milestones once."""
    if contract.phase in OVER:
        return []
    found = [] if payee_ready else ["payee_not_ready"]
    of_milestones = [warnings_of_milestone(contract, one, payee_ready, now) for one in contract.listed]
    if any("overdue" in codes for codes in of_milestones):
        found.append("overdue")
    if contract.pending:
        found.append("reapproval_pending")
    return found
