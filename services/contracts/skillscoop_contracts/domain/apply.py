"""How facts change the state. Nothing is decided here: a fact has already happened."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from skillscoop_contracts.domain import facts as f
from skillscoop_contracts.domain.contract import (
    Contract,
    ContractState,
    DisputeCase,
    Freeze,
    Funding,
    FundingState,
    Milestone,
    Pending,
)
from skillscoop_contracts.domain.decisions.agreement import new_milestone
from skillscoop_contracts.domain.decisions.completion import obstacles
from skillscoop_contracts.domain.terms import Line, Terms


def _draft_edited(contract: Contract, fact: f.DraftEdited) -> Contract:
    return replace(
        contract,
        title=fact.terms.title,
        terms_hash=fact.hash,
        milestones=_agreed(contract, fact.terms, fact.at, keep_dropped=False),
    )


def _terms_proposed(contract: Contract, fact: f.TermsProposed) -> Contract:
    if fact.pending:
        pending = Pending(fact.revision, fact.terms, fact.hash, fact.at, fact.expires_at)
        return replace(contract, pending=pending, last_revision=fact.revision)
    return replace(
        contract,
        state="proposed",
        title=fact.terms.title,
        revision=fact.revision,
        last_revision=fact.revision,
        terms_hash=fact.hash,
        offer_expires_at=fact.expires_at,
        milestones=_agreed(contract, fact.terms, fact.at, keep_dropped=False),
    )


def _terms_approved(contract: Contract, fact: f.TermsApproved) -> Contract:
    return replace(
        contract,
        state="active",
        title=fact.terms.title,
        revision=fact.revision,
        terms_hash=fact.hash,
        policy=fact.policy,
        pending=None,
        offer_expires_at=None,
        milestones=_agreed(contract, fact.terms, fact.at, keep_dropped=True),
    )


def _agreed(contract: Contract, terms: Terms, at: datetime, *, keep_dropped: bool) -> tuple[Milestone, ...]:
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


def _proposal_gone(state: ContractState) -> Callable[[Contract, Any], Contract]:
    """A pending revision disappears; without one the contract itself ends in `state`."""

    def gone(contract: Contract, _: Any) -> Contract:
        if contract.pending:
            return replace(contract, pending=None)
        return replace(contract, state=state, offer_expires_at=None)

    return gone


def _changes_requested(contract: Contract, _: f.ChangesRequested) -> Contract:
    return contract


def _funding(contract: Contract, funding_id: str, state: FundingState) -> Contract:
    tries = tuple(replace(one, state=state) if one.id == funding_id else one for one in contract.fundings)
    return replace(contract, fundings=tries)


def _funding_requested(contract: Contract, fact: f.FundingRequested) -> Contract:
    changed = contract.with_milestone(
        fact.milestone_id,
        state="funding",
        funding_id=fact.funding_id,
        checkout_expires_at=fact.expires_at,
        cancel_asked=False,
        failure_reason=None,
    )
    return replace(
        changed, fundings=(*contract.fundings, Funding(fact.funding_id, fact.milestone_id, fact.amount, "open"))
    )


def _funding_cancel_asked(contract: Contract, fact: f.FundingCancelAsked) -> Contract:
    if fact.reason == "superseded":
        return _funding(contract, fact.funding_id, "superseded")
    return contract.with_milestone(fact.milestone_id, cancel_asked=True)


def _milestone_funded(contract: Contract, fact: f.MilestoneFunded) -> Contract:
    changed = contract.with_milestone(
        fact.milestone_id,
        state="funded",
        held=fact.held,
        funding_id=fact.funding_id,
        payment_id=fact.payment_id,
        checkout_expires_at=None,
        cancel_asked=False,
        failure_reason=None,
    )
    return _funding(changed, fact.funding_id, "held")


def _funding_failed(contract: Contract, fact: f.FundingFailed) -> Contract:
    changed = contract.with_milestone(
        fact.milestone_id,
        state="planned",
        checkout_expires_at=None,
        cancel_asked=False,
        failure_reason=fact.reason,
    )
    return _funding(changed, fact.funding_id, fact.answer)


def _funding_answered(contract: Contract, fact: f.FundingAnswered) -> Contract:
    return _funding(contract, fact.funding_id, fact.answer)


def _payment_refused(contract: Contract, fact: f.PaymentRefused) -> Contract:
    return _funding(contract, fact.funding_id, "refused")


def _payment_returned(contract: Contract, fact: f.PaymentReturned) -> Contract:
    return _funding(contract, fact.funding_id, "returned")


def _work_submitted(contract: Contract, fact: f.WorkSubmitted) -> Contract:
    return contract.with_milestone(fact.milestone_id, state="submitted", submission=fact.submission)


def _settlement_decided(contract: Contract, fact: f.SettlementDecided) -> Contract:
    milestone = contract.milestone(fact.milestone_id)
    assert milestone is not None
    return contract.with_milestone(
        fact.milestone_id,
        state="settling",
        settlement=fact.settlement,
        frozen_by=tuple(freeze for freeze in milestone.frozen_by if freeze.id != fact.dispute_id),
        blocked_reason=None,
        blocked_sequence=0,
    )


def _settlement_blocked(contract: Contract, fact: f.SettlementBlocked) -> Contract:
    return contract.with_milestone(fact.milestone_id, blocked_reason=fact.reason, blocked_sequence=fact.sequence)


def _milestone_settled(contract: Contract, fact: f.MilestoneSettled) -> Contract:
    return contract.with_milestone(
        fact.milestone_id, state=fact.state, held=0, paid=fact.paid + fact.fee, blocked_reason=None
    )


def _milestone_frozen(contract: Contract, fact: f.MilestoneFrozen) -> Contract:
    milestone = contract.milestone(fact.milestone_id)
    assert milestone is not None
    frozen_by = (*milestone.frozen_by, Freeze("dispute", fact.dispute_id))
    return contract.with_milestone(fact.milestone_id, frozen_by=frozen_by)


def _milestone_unfrozen(contract: Contract, fact: f.MilestoneUnfrozen) -> Contract:
    milestone = contract.milestone(fact.milestone_id)
    assert milestone is not None
    frozen_by = tuple(freeze for freeze in milestone.frozen_by if freeze.id != fact.dispute_id)
    return contract.with_milestone(fact.milestone_id, frozen_by=frozen_by)


def _case(contract: Contract, case: DisputeCase) -> Contract:
    others = tuple(one for one in contract.cases if one.id != case.id)
    return replace(contract, cases=(*others, case))


def _dispute_answered(contract: Contract, fact: f.DisputeAnswered) -> Contract:
    # A withdrawal that came first stays what is remembered; the answer itself is given all the same.
    known = contract.case(fact.dispute_id)
    return contract if known else _case(contract, DisputeCase(fact.dispute_id, "answered"))


def _dispute_dropped(contract: Contract, fact: f.DisputeDropped) -> Contract:
    known = contract.case(fact.dispute_id)
    return _case(contract, DisputeCase(fact.dispute_id, "withdrawn", known.decisions if known else ()))


def _decision_answered(contract: Contract, fact: f.DecisionExecuted | f.DecisionRefused) -> Contract:
    case = contract.case(fact.dispute_id)
    assert case is not None
    return _case(contract, replace(case, decisions=(*case.decisions, fact.decision)))


def _contract_closed(contract: Contract, fact: f.ContractClosed) -> Contract:
    return replace(contract, state=fact.state, auto_complete_at=None)


APPLY: dict[type[Any], Callable[[Contract, Any], Contract]] = {
    f.DraftEdited: _draft_edited,
    f.TermsProposed: _terms_proposed,
    f.ChangesRequested: _changes_requested,
    f.TermsApproved: _terms_approved,
    f.TermsDeclined: _proposal_gone("declined"),
    f.TermsWithdrawn: _proposal_gone("withdrawn"),
    f.TermsLapsed: _proposal_gone("expired"),
    f.FundingRequested: _funding_requested,
    f.FundingCancelAsked: _funding_cancel_asked,
    f.MilestoneFunded: _milestone_funded,
    f.FundingFailed: _funding_failed,
    f.FundingAnswered: _funding_answered,
    f.PaymentRefused: _payment_refused,
    f.PaymentReturned: _payment_returned,
    f.WorkSubmitted: _work_submitted,
    f.SettlementDecided: _settlement_decided,
    f.SettlementBlocked: _settlement_blocked,
    f.MilestoneSettled: _milestone_settled,
    f.MilestoneFrozen: _milestone_frozen,
    f.MilestoneUnfrozen: _milestone_unfrozen,
    f.DisputeAnswered: _dispute_answered,
    f.DisputeDropped: _dispute_dropped,
    f.DecisionExecuted: _decision_answered,
    f.DecisionRefused: _decision_answered,
    f.ContractClosed: _contract_closed,
}


def apply(contract: Contract, fact: f.Fact) -> Contract:
    """The state after a fact. A contract that was just drafted starts with its own fact and needs none applied."""
    return APPLY[type(fact)](contract, fact)


def evolve(before: Contract, facts: Iterable[f.Fact], now: datetime) -> Contract:
    """The state after one command: facts applied, versions and times of what they changed moved on by one."""
    after = _scheduled(reduce(apply, facts, before), now)
    known = {milestone.id: milestone for milestone in before.milestones}
    milestones = tuple(_stamped(known.get(milestone.id), milestone, now) for milestone in after.milestones)
    after = replace(after, milestones=milestones)
    # The clock that completes a finished contract is not the contract's own field: no screen gets stale by it.
    own = replace(after, milestones=before.milestones, auto_complete_at=before.auto_complete_at)
    return after if own == before else replace(after, version=before.version + 1, updated_at=now)


def _stamped(before: Milestone | None, after: Milestone, now: datetime) -> Milestone:
    if before is None or after == before:
        return after
    return replace(after, version=before.version + 1, updated_at=now)


def _scheduled(contract: Contract, now: datetime) -> Contract:
    """Start the clock that completes the contract when nothing is in the way, stop it when something is again."""
    if contract.phase != "active" or obstacles(contract):
        return replace(contract, auto_complete_at=None) if contract.auto_complete_at else contract
    if contract.auto_complete_at or contract.policy is None:
        return contract
    return replace(contract, auto_complete_at=now + timedelta(days=contract.policy.auto_complete_days))
