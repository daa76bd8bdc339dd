"""The one door: a command either becomes facts, is already so, or is refused by name."""

from datetime import datetime
from typing import Any

from skillscoop_contracts.domain.commands import Command
from skillscoop_contracts.domain.contract import Contract, Milestone
from skillscoop_contracts.domain.decisions.agreement import create_contract
from skillscoop_contracts.domain.decisions.funding import the_milestone
from skillscoop_contracts.domain.errors import Forbidden, IllegalMove, Refused
from skillscoop_contracts.domain.facts import Facts
from skillscoop_contracts.domain.moves import MOVES, Move

__all__ = ["create_contract", "decide", "permit", "starts_here", "target"]


def target(contract: Contract, move: Move, command: Any) -> Milestone | None:
    """The milestone a command is about; None when it is about the contract. Raises UnknownObject."""
    if move.of == "contract" or move.kind == "news":
        return None
    return the_milestone(contract, command.milestone_id)


def permit(command: Command) -> None:
    """Whether whoever asks is the one who may. Raises Forbidden."""
    move = MOVES[type(command)]
    if command.by.role != move.actor and move.kind != "news":
        raise Forbidden(move.action)


def starts_here(contract: Contract, milestone: Milestone | None, move: Move) -> bool:
    """Whether the move starts in the state things are in."""
    if milestone is None:
        return contract.phase in move.path
    return contract.phase in move.during and milestone.state in move.path


def decide(contract: Contract, command: Command, now: datetime) -> Facts:
    """The facts a command makes true; none when it is already so.

    Raises Forbidden (not this actor), IllegalMove (not in this state), Refused (something in the way, by its code),
    InvalidTerms (terms against the rules) and UnknownObject (an id this contract never had).
    """
    permit(command)
    move = MOVES[type(command)]
    if move.kind == "news":
        return move.decide(contract, command, now)
    milestone = target(contract, move, command)
    if not starts_here(contract, milestone, move):
        # A timer may ring late, twice, or after somebody moved first: then there is nothing left for it to do.
        if move.kind == "timer":
            return []
        here = milestone.state if milestone else contract.state
        raise IllegalMove(move.action, here, milestone.id if milestone else contract.id)
    if move.already and move.already(milestone):
        return []
    for guard in move.guards:
        if block := guard(contract, milestone):
            raise Refused(block.code, block.detail, milestone.id if milestone else contract.id, block.extra or {})
    return move.decide(contract, command, now)
