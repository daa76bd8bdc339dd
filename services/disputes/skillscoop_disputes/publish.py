"""What the disputes service tells others: one event for each fact that concerns them. No statements, no evidence."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from skillscoop_messages.database import Transaction
from skillscoop_messages.events import disputes
from skillscoop_messages.events.base import Event, ObjectRef
from skillscoop_messages.outbox import record

from skillscoop_disputes.domain import facts as fact
from skillscoop_disputes.domain.dispute import Dispute, Share


def tell(tx: Transaction, dispute: Dispute, facts: Iterable[fact.Fact]) -> None:
    """Record the events of these facts, with the dispute as it stands after all of them.

    Raises KeyError for a fact nobody decided about: whether others are told is never an accident.
    """
    record(tx, *(EVENTS[type(one)](dispute, one) for one in facts if type(one) not in TOLD_TO_NOBODY))


def _about(dispute: Dispute) -> dict[str, Any]:
    return {
        "contract_id": dispute.contract_id,
        "client_id": dispute.client_id,
        "freelancer_id": dispute.freelancer_id,
        "title": dispute.title,
        "dispute_id": dispute.id,
        "object": ObjectRef(type="dispute", id=dispute.id, version=dispute.version, state=dispute.state.value),
    }


def _shares(split: Iterable[Share]) -> list[disputes.Share]:
    return [disputes.Share(milestone_id=one.milestone_id, to_freelancer=one.to_freelancer) for one in split]


def _opened(dispute: Dispute, _: fact.Filed) -> Event:
    return disputes.DisputeOpened(
        **_about(dispute),
        opened_by=dispute.opened_by,
        opened_as=dispute.opened_as,
        milestone_ids=None if dispute.asked is None else list(dispute.asked),
        reason=dispute.reason,
    )


def _confirmed(dispute: Dispute, one: fact.Confirmed) -> Event:
    frozen = [milestone.milestone_id for milestone in one.milestones]
    return disputes.DisputeConfirmed(**_about(dispute), opened_by=dispute.opened_by, milestone_ids=frozen)


def _refused(dispute: Dispute, _: fact.Refused) -> Event:
    return disputes.DisputeRefused(**_about(dispute), opened_by=dispute.opened_by)


def _answered(dispute: Dispute, _: fact.Answered) -> Event:
    return disputes.DisputeAnswerFiled(**_about(dispute), silent=False)


def _silent(dispute: Dispute, _: fact.StayedSilent) -> Event:
    return disputes.DisputeAnswerFiled(**_about(dispute), silent=True)


def _assigned(dispute: Dispute, one: fact.Assigned) -> Event:
    return disputes.DisputeAssigned(**_about(dispute), agent_id=one.agent, second_approver_id=one.second_approver)


def _proposed(dispute: Dispute, one: fact.Proposed) -> Event:
    return disputes.DisputeProposed(**_about(dispute), split=_shares(one.proposal.split), currency=dispute.currency)


def _resolved(dispute: Dispute, one: fact.Resolved) -> Event:
    decision = one.decision
    return disputes.DisputeResolved(
        **_about(dispute),
        decision=decision.number,
        decided_by=decision.by,
        accepted=decision.accepted,
        milestones=_shares(decision.split),
    )


def _withdrawn(dispute: Dispute, _: fact.Withdrawn) -> Event:
    return disputes.DisputeWithdrawn(**_about(dispute))


def _closed(dispute: Dispute, _: fact.Closed) -> Event:
    return disputes.DisputeClosed(**_about(dispute))


EVENTS: Mapping[type, Callable[[Dispute, Any], Event]] = {
    fact.Filed: _opened,
    fact.Confirmed: _confirmed,
    fact.Refused: _refused,
    fact.Answered: _answered,
    fact.StayedSilent: _silent,
    fact.Assigned: _assigned,
    fact.Proposed: _proposed,
    fact.Resolved: _resolved,
    fact.Withdrawn: _withdrawn,
    fact.Closed: _closed,
}

TOLD_TO_NOBODY: frozenset[type] = frozenset(
    {
        fact.EvidenceAdded,
        fact.ReviewBegan,
        fact.Noted,
        fact.ProposalAccepted,
        fact.ProposalDeclined,
        fact.ProposalLapsed,
        fact.DecisionMade,
        fact.DecisionRejected,
        fact.Executed,
        fact.ExecutionRefused,
        fact.MilestoneFinal,
    }
)
"""Facts that show in the dispute alone. A fact that stands neither here nor in EVENTS is an error."""
