"""A dispute holds money fast, lets it go, or decides it: each of its questions gets exactly one answer."""

from datetime import datetime

from skillscoop_contracts.domain.commands import FreezeForDispute, SettleDispute, UnfreezeForDispute
from skillscoop_contracts.domain.contract import HOLDING, Contract, Milestone
from skillscoop_contracts.domain.decisions.delivery import settle
from skillscoop_contracts.domain.errors import UnknownObject
from skillscoop_contracts.domain.facts import (
    DecisionExecuted,
    DecisionRefused,
    DisputeAnswered,
    DisputeDropped,
    Facts,
    MilestoneFrozen,
    MilestoneUnfrozen,
    RefusedFreeze,
    SettlementDecided,
    Unsettled,
)


def freeze_for_dispute(contract: Contract, command: FreezeForDispute, _: datetime) -> Facts:
    """Freeze what can be frozen and answer once for all: what is, and what is not and why.

    A dispute that was taken back before its opening arrived gets nothing.
    """
    case = contract.case(command.dispute_id)
    if case is not None and case.state == "answered":
        return []
    wanted = command.milestone_ids
    if wanted is None:
        wanted = tuple(milestone.id for milestone in contract.milestones if _cannot_freeze(milestone) is None)
    refused: list[RefusedFreeze] = []
    frozen: list[str] = []
    for milestone_id in dict.fromkeys(wanted):
        reason = "dispute_withdrawn" if case else _cannot_freeze(contract.milestone(milestone_id))
        if reason:
            refused.append(RefusedFreeze(milestone_id, reason))
        else:
            frozen.append(milestone_id)
    answer = DisputeAnswered(command.dispute_id, tuple(frozen), tuple(refused))
    return [*(MilestoneFrozen(milestone_id, command.dispute_id) for milestone_id in frozen), answer]


def _cannot_freeze(milestone: Milestone | None) -> str | None:
    if milestone is None:
        return "unknown"
    if milestone.frozen_by:
        return "already_disputed"
    if milestone.state == "settling":
        return "settling"
    return None if milestone.state in HOLDING else "nothing_held"


def unfreeze_for_dispute(contract: Contract, command: UnfreezeForDispute, _: datetime) -> Facts:
    """The dispute was taken back: its milestones move again, and a late opening of it finds that written down."""
    case = contract.case(command.dispute_id)
    if case is not None and case.state == "withdrawn":
        return []
    return [*_let_go(contract, command.dispute_id, ()), DisputeDropped(command.dispute_id)]


def _let_go(contract: Contract, dispute_id: str, but: tuple[str, ...]) -> list[MilestoneUnfrozen]:
    return [
        MilestoneUnfrozen(milestone.id, dispute_id)
        for milestone in contract.milestones
        if milestone.frozen_in(dispute_id) and milestone.id not in but
    ]


def settle_dispute(contract: Contract, command: SettleDispute, now: datetime) -> Facts:
    """Turn a dispute's decision into settlements: all of them, or none and the reasons.

    Milestones the dispute froze and the decision does not name move again. A decision answered before is already so.
    """
    case = contract.case(command.dispute_id)
    if case is None:
        raise UnknownObject(command.dispute_id)
    if command.decision in case.decisions:
        return []
    named = tuple(milestone_id for milestone_id, _ in command.shares)
    unsettled = tuple(
        problem
        for milestone_id, share in command.shares
        if (problem := _cannot_settle(contract, command.dispute_id, milestone_id, share, named.count(milestone_id)))
    )
    if unsettled:
        return [DecisionRefused(command.dispute_id, command.decision, unsettled)]
    decided_by = command.by.id or command.dispute_id
    facts: Facts = []
    for milestone_id, share in command.shares:
        milestone = contract.milestone(milestone_id)
        assert milestone is not None
        settlement = settle(
            contract, milestone, command.settlement_ids[milestone_id], share, "dispute", decided_by, now
        )
        facts.append(SettlementDecided(milestone_id, settlement, contract.fee_rule, command.dispute_id))
    facts.extend(_let_go(contract, command.dispute_id, named))
    facts.append(DecisionExecuted(command.dispute_id, command.decision, named))
    return facts


def _cannot_settle(
    contract: Contract, dispute_id: str, milestone_id: str, share: int, times_named: int
) -> Unsettled | None:
    milestone = contract.milestone(milestone_id)
    if milestone is None:
        return Unsettled(milestone_id, "unknown", 0, "unknown")
    if not milestone.frozen_in(dispute_id):
        return Unsettled(milestone_id, milestone.state, milestone.held, "not_frozen")
    if times_named > 1:
        return Unsettled(milestone_id, milestone.state, milestone.held, "named_twice")
    if not 0 <= share <= milestone.held:
        return Unsettled(milestone_id, milestone.state, milestone.held, "share_out_of_range")
    return None
