"""Work, decisions on held money and their delivery, as others learn of them."""

from typing import Any

from skillscoop_messages.events import contracts as events
from skillscoop_messages.events.base import Event

from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.delivery import (
    MilestoneSettled,
    SettlementBlocked,
    SettlementDecided,
    SubmissionRetracted,
    WorkSubmitted,
)
from skillscoop_contracts.publish.about import (
    Builder,
    about_milestone,
    fee_of,
)


def _submitted(contract: Contract, fact: WorkSubmitted, _: By) -> Event:
    milestone = contract.the_milestone(fact.milestone_id)
    return events.MilestoneSubmitted(
        **about_milestone(contract, milestone),
        note=fact.submission.note,
        links=list(fact.submission.links),
        held=milestone.held,
    )


def _retracted(contract: Contract, fact: SubmissionRetracted, _: By) -> Event:
    milestone = contract.the_milestone(fact.milestone_id)
    return events.MilestoneSubmissionRetracted(**about_milestone(contract, milestone), held=milestone.held)


def _settlement_decided(contract: Contract, fact: SettlementDecided, _: By) -> Event:
    milestone = contract.the_milestone(fact.milestone_id)
    assert milestone.funding_id is not None
    assert milestone.payment_id is not None
    return events.MilestoneSettlementDecided(
        **about_milestone(contract, milestone),
        settlement_id=fact.settlement.id,
        funding_id=milestone.funding_id,
        payment_id=milestone.payment_id,
        held=milestone.held,
        to_freelancer=fact.settlement.to_freelancer,
        to_client=fact.settlement.to_client,
        reason=fact.settlement.reason,
        decided_by=fact.settlement.decided_by,
        fee=fee_of(fact.fee_rule),
    )


def _settlement_blocked(contract: Contract, fact: SettlementBlocked, _: By) -> Event | None:
    if not fact.changed:
        return None
    return events.MilestoneSettlementBlocked(
        **about_milestone(contract, contract.the_milestone(fact.milestone_id)),
        settlement_id=fact.settlement_id,
        reason=fact.reason,
    )


def _settled(contract: Contract, fact: MilestoneSettled, _: By) -> Event:
    part = {**about_milestone(contract, contract.the_milestone(fact.milestone_id)), "settlement_id": fact.settlement_id}
    match fact.state:
        case "released":
            return events.MilestoneReleased(**part, paid=fact.paid, fee=fact.fee)
        case "refunded":
            return events.MilestoneRefunded(**part, refunded=fact.refunded)
        case "split":
            return events.MilestoneSplit(**part, paid=fact.paid, fee=fact.fee, refunded=fact.refunded)


BUILDERS: dict[type[Any], Builder] = {
    WorkSubmitted: _submitted,
    SubmissionRetracted: _retracted,
    SettlementDecided: _settlement_decided,
    SettlementBlocked: _settlement_blocked,
    MilestoneSettled: _settled,
}
