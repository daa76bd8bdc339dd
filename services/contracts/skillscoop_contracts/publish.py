"""The one place where a fact of the domain becomes an event of the published language."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from skillscoop_messages.events import contracts as events
from skillscoop_messages.events.base import Event, ObjectRef

from skillscoop_contracts.domain import facts as f
from skillscoop_contracts.domain.contract import By, Contract, Milestone
from skillscoop_contracts.domain.policy import FeeRule, Policy
from skillscoop_contracts.domain.terms import Terms

Builder = Callable[[Contract, Any, By], Event | None]


def events_of(after: Contract, facts: list[f.Fact], by: By) -> list[Event]:
    """What others are told of these facts; `after` is the contract as all of them left it."""
    built = [_BUILDERS[type(fact)](after, fact, by) for fact in facts if type(fact) in _BUILDERS]
    return [event for event in built if event is not None]


def policy_terms(policy: Policy) -> events.PolicyTerms:
    """A policy as others learn it."""
    document = asdict(policy)
    return events.PolicyTerms(**{**document, "hold_warning_days": list(policy.hold_warning_days)})


def policy_published(policy: Policy) -> events.PolicyPublished:
    """A new policy version counts from now on."""
    return events.PolicyPublished(policy=policy_terms(policy))


def _about(contract: Contract) -> dict[str, Any]:
    """What every event about a contract carries."""
    return {
        "contract_id": contract.id,
        "client_id": contract.client_id,
        "freelancer_id": contract.freelancer_id,
        "title": contract.title,
    }


def _changed(contract: Contract) -> dict[str, Any]:
    """As `_about`, for an event that changed the contract itself."""
    ref = ObjectRef(type="contract", id=contract.id, version=contract.version, state=contract.state)
    return {**_about(contract), "object": ref}


def _milestone(contract: Contract, milestone_id: str) -> Milestone:
    milestone = contract.milestone(milestone_id)
    assert milestone is not None
    return milestone


def _part(contract: Contract, milestone: Milestone, *, changed: bool = True) -> dict[str, Any]:
    """What every event about a milestone carries."""
    ref = ObjectRef(type="milestone", id=milestone.id, version=milestone.version, state=milestone.state)
    return {
        **_about(contract),
        "object": ref if changed else None,
        "milestone_id": milestone.id,
        "description": milestone.description,
        "amount": milestone.amount,
        "currency": contract.currency,
        "revision": contract.revision,
    }


def _fee(rule: FeeRule) -> events.FeeRule:
    return events.FeeRule(bps=rule.bps, fixed=rule.fixed, policy_version=rule.policy_version)


def _lines(terms: Terms) -> list[events.TermsMilestone]:
    return [
        events.TermsMilestone(
            milestone_id=line.id,
            position=position,
            description=line.description,
            amount=line.amount,
            due_date=line.due_date,
        )
        for position, line in enumerate(terms.lines, 1)
    ]


def _drafted(contract: Contract, _: f.ContractDrafted, __: By) -> Event:
    return events.ContractCreated(**_changed(contract), currency=contract.currency)


def _proposed(contract: Contract, fact: f.TermsProposed, _: By) -> Event:
    return events.TermsProposed(
        **_changed(contract),
        revision=fact.revision,
        previous_revision=fact.previous_revision,
        milestones=_lines(fact.terms),
        total=fact.terms.total,
        currency=contract.currency,
        expires_at=fact.expires_at,
    )


def _approved(contract: Contract, fact: f.TermsApproved, _: By) -> Event:
    return events.TermsApproved(
        **_changed(contract),
        revision=fact.revision,
        terms_hash=fact.hash,
        milestones=_lines(fact.terms),
        currency=contract.currency,
        policy=policy_terms(fact.policy),
    )


def _declined(contract: Contract, fact: f.TermsDeclined, _: By) -> Event:
    return events.TermsDeclined(**_changed(contract), revision=fact.revision, reason=fact.reason)


def _withdrawn(contract: Contract, fact: f.TermsWithdrawn, _: By) -> Event:
    return events.TermsWithdrawn(**_changed(contract), revision=fact.revision)


def _lapsed(contract: Contract, fact: f.TermsLapsed, _: By) -> Event:
    return events.TermsLapsed(**_changed(contract), revision=fact.revision)


def _changes_requested(contract: Contract, fact: f.ChangesRequested, _: By) -> Event:
    return events.TermsChangesRequested(**_about(contract), revision=fact.revision, comment=fact.comment)


def _funding_requested(contract: Contract, fact: f.FundingRequested, _: By) -> Event:
    return events.MilestoneFundingRequested(
        **_part(contract, _milestone(contract, fact.milestone_id)),
        funding_id=fact.funding_id,
        method=fact.method,
        return_url=fact.return_url,
        fee=_fee(fact.fee),
    )


def _funding_canceled(contract: Contract, fact: f.FundingCancelAsked, _: By) -> Event:
    return events.MilestoneFundingCanceled(
        **_part(contract, _milestone(contract, fact.milestone_id)), funding_id=fact.funding_id, reason=fact.reason
    )


def _funded(contract: Contract, fact: f.MilestoneFunded, _: By) -> Event:
    return events.MilestoneFunded(
        **_part(contract, _milestone(contract, fact.milestone_id)),
        funding_id=fact.funding_id,
        payment_id=fact.payment_id,
        held=fact.held,
    )


def _funding_failed(contract: Contract, fact: f.FundingFailed, _: By) -> Event:
    return events.MilestoneFundingFailed(
        **_part(contract, _milestone(contract, fact.milestone_id)), funding_id=fact.funding_id, reason=fact.reason
    )


def _payment_refused(contract: Contract, fact: f.PaymentRefused, _: By) -> Event:
    return events.MilestonePaymentRefused(
        **_part(contract, _milestone(contract, fact.milestone_id), changed=False),
        funding_id=fact.funding_id,
        payment_id=fact.payment_id,
        reason=fact.reason,
    )


def _submitted(contract: Contract, fact: f.WorkSubmitted, _: By) -> Event:
    milestone = _milestone(contract, fact.milestone_id)
    return events.MilestoneSubmitted(
        **_part(contract, milestone),
        note=fact.submission.note,
        links=list(fact.submission.links),
        held=milestone.held,
    )


def _settlement_decided(contract: Contract, fact: f.SettlementDecided, _: By) -> Event:
    milestone = _milestone(contract, fact.milestone_id)
    assert milestone.funding_id is not None
    assert milestone.payment_id is not None
    return events.MilestoneSettlementDecided(
        **_part(contract, milestone),
        settlement_id=fact.settlement.id,
        funding_id=milestone.funding_id,
        payment_id=milestone.payment_id,
        held=milestone.held,
        to_freelancer=fact.settlement.to_freelancer,
        to_client=fact.settlement.to_client,
        reason=fact.settlement.reason,
        decided_by=fact.settlement.decided_by,
        fee=_fee(fact.fee_rule),
    )


def _settlement_blocked(contract: Contract, fact: f.SettlementBlocked, _: By) -> Event | None:
    if not fact.news:
        return None
    return events.MilestoneSettlementBlocked(
        **_part(contract, _milestone(contract, fact.milestone_id)),
        settlement_id=fact.settlement_id,
        reason=fact.reason,
    )


def _settled(contract: Contract, fact: f.MilestoneSettled, _: By) -> Event:
    part = {**_part(contract, _milestone(contract, fact.milestone_id)), "settlement_id": fact.settlement_id}
    match fact.state:
        case "released":
            return events.MilestoneReleased(**part, paid=fact.paid, fee=fact.fee)
        case "refunded":
            return events.MilestoneRefunded(**part, refunded=fact.refunded)
        case "split":
            return events.MilestoneSplit(**part, paid=fact.paid, fee=fact.fee, refunded=fact.refunded)


def _frozen(contract: Contract, fact: f.MilestoneFrozen, _: By) -> Event:
    milestone = _milestone(contract, fact.milestone_id)
    return events.MilestoneHeldChanged(
        **_part(contract, milestone),
        held=milestone.held,
        frozen_by=[freeze.id for freeze in milestone.frozen_by],
        reason="dispute_opened",
    )


def _unfrozen(contract: Contract, fact: f.MilestoneUnfrozen, _: By) -> Event:
    milestone = _milestone(contract, fact.milestone_id)
    return events.MilestoneUnfrozen(**_part(contract, milestone), held=milestone.held, dispute_id=fact.dispute_id)


def _dispute_answered(contract: Contract, fact: f.DisputeAnswered, _: By) -> Event:
    frozen = [_milestone(contract, milestone_id) for milestone_id in fact.frozen]
    return events.DisputeAnswered(
        **_about(contract),
        dispute_id=fact.dispute_id,
        currency=contract.currency,
        frozen=[
            events.FrozenMilestone(milestone_id=one.id, description=one.description, held=one.held) for one in frozen
        ],
        refused=[events.RefusedMilestone(milestone_id=one.milestone_id, reason=one.reason) for one in fact.refused],
    )


def _dispute_dropped(contract: Contract, fact: f.DisputeDropped, _: By) -> Event:
    return events.DisputeUnfrozen(**_about(contract), dispute_id=fact.dispute_id)


def _executed(contract: Contract, fact: f.DecisionExecuted, _: By) -> Event:
    return events.DisputeExecuted(
        **_about(contract), dispute_id=fact.dispute_id, decision=fact.decision, settled=list(fact.settled), kept=[]
    )


def _decision_refused(contract: Contract, fact: f.DecisionRefused, _: By) -> Event:
    return events.DisputeDecisionRefused(
        **_about(contract),
        dispute_id=fact.dispute_id,
        decision=fact.decision,
        milestones=[
            events.UnsettledMilestone(milestone_id=one.milestone_id, state=one.state, held=one.held, reason=one.reason)
            for one in fact.milestones
        ],
    )


def _closed(contract: Contract, fact: f.ContractClosed, _: By) -> Event:
    event = events.ContractCompleted if fact.state == "completed" else events.ContractEnded
    assert contract.policy is not None
    return event(
        **_changed(contract),
        currency=contract.currency,
        paid_to_freelancer=fact.paid,
        review_days=contract.policy.review_days,
    )


_BUILDERS: dict[type[Any], Builder] = {
    f.ContractDrafted: _drafted,
    f.TermsProposed: _proposed,
    f.TermsApproved: _approved,
    f.TermsDeclined: _declined,
    f.TermsWithdrawn: _withdrawn,
    f.TermsLapsed: _lapsed,
    f.ChangesRequested: _changes_requested,
    f.FundingRequested: _funding_requested,
    f.FundingCancelAsked: _funding_canceled,
    f.MilestoneFunded: _funded,
    f.FundingFailed: _funding_failed,
    f.PaymentRefused: _payment_refused,
    f.WorkSubmitted: _submitted,
    f.SettlementDecided: _settlement_decided,
    f.SettlementBlocked: _settlement_blocked,
    f.MilestoneSettled: _settled,
    f.MilestoneFrozen: _frozen,
    f.MilestoneUnfrozen: _unfrozen,
    f.DisputeAnswered: _dispute_answered,
    f.DisputeDropped: _dispute_dropped,
    f.DecisionExecuted: _executed,
    f.DecisionRefused: _decision_refused,
    f.ContractClosed: _closed,
}
"""Facts that are not here concern nobody else: a draft's edit, an answer nobody waited for, money that went back."""
