"""What a contract answers to disputes."""

from typing import Any

from skillscoop_messages.events import contracts as events
from skillscoop_messages.events.base import Event

from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.disputes import (
    DecisionExecuted,
    DecisionRefused,
    DisputeAnswered,
    DisputeDropped,
    MilestoneFrozen,
    MilestoneUnfrozen,
)
from skillscoop_contracts.publish.about import (
    Builder,
    about_contract,
    about_milestone,
)


def _frozen(contract: Contract, fact: MilestoneFrozen, _: By) -> Event:
    milestone = contract.the_milestone(fact.milestone_id)
    return events.MilestoneHeldChanged(
        **about_milestone(contract, milestone),
        held=milestone.held,
        frozen_by=[freeze.id for freeze in milestone.frozen_by],
        reason="dispute_opened",
    )


def _unfrozen(contract: Contract, fact: MilestoneUnfrozen, _: By) -> Event:
    milestone = contract.the_milestone(fact.milestone_id)
    return events.MilestoneUnfrozen(
        **about_milestone(contract, milestone), held=milestone.held, dispute_id=fact.dispute_id
    )


def _dispute_answered(contract: Contract, fact: DisputeAnswered, _: By) -> Event:
    frozen = [contract.the_milestone(milestone_id) for milestone_id in fact.frozen]
    return events.DisputeAnswered(
        **about_contract(contract),
        dispute_id=fact.dispute_id,
        currency=contract.currency,
        frozen=[
            events.FrozenMilestone(milestone_id=one.id, description=one.description, held=one.held) for one in frozen
        ],
        refused=[events.RefusedMilestone(milestone_id=one.milestone_id, reason=one.reason) for one in fact.refused],
    )


def _dispute_dropped(contract: Contract, fact: DisputeDropped, _: By) -> Event:
    return events.DisputeUnfrozen(**about_contract(contract), dispute_id=fact.dispute_id)


def _executed(contract: Contract, fact: DecisionExecuted, _: By) -> Event:
    return events.DisputeExecuted(
        **about_contract(contract),
        dispute_id=fact.dispute_id,
        decision=fact.decision,
        settled=list(fact.settled),
        kept=[],
    )


def _decision_refused(contract: Contract, fact: DecisionRefused, _: By) -> Event:
    return events.DisputeDecisionRefused(
        **about_contract(contract),
        dispute_id=fact.dispute_id,
        decision=fact.decision,
        milestones=[
            events.UnsettledMilestone(milestone_id=one.milestone_id, state=one.state, held=one.held, reason=one.reason)
            for one in fact.milestones
        ],
    )


BUILDERS: dict[type[Any], Builder] = {
    MilestoneFrozen: _frozen,
    MilestoneUnfrozen: _unfrozen,
    DisputeAnswered: _dispute_answered,
    DisputeDropped: _dispute_dropped,
    DecisionExecuted: _executed,
    DecisionRefused: _decision_refused,
}
