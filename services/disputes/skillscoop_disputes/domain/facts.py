"""What can happen to a dispute, and what becomes of it then. A fact is true once stored; applying it never fails."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from skillscoop_disputes.domain.dispute import (
    Answer,
    Decision,
    Dispute,
    Disputed,
    Evidence,
    Proposal,
    Rules,
    State,
)


@dataclass(frozen=True)
class Filed:
    """The form was filed."""


@dataclass(frozen=True)
class Confirmed:
    """Contracts froze money; the other side has `rules.answer_days` from `at`."""

    milestones: tuple[Disputed, ...]
    rules: Rules
    at: datetime


@dataclass(frozen=True)
class Refused:
    """Nothing could be frozen."""


@dataclass(frozen=True)
class Answered:
    """The other side told its account."""

    answer: Answer


@dataclass(frozen=True)
class StayedSilent:
    """The time to answer passed."""


@dataclass(frozen=True)
class EvidenceAdded:
    """A party put something on file."""

    evidence: Evidence


@dataclass(frozen=True)
class ReviewBegan:
    """Support took the case up."""


@dataclass(frozen=True)
class Assigned:
    """Who works on the case from now on, if anybody."""

    agent: str | None
    second_approver: str | None


@dataclass(frozen=True)
class Noted:
    """Support wrote an internal note."""

    text: str


@dataclass(frozen=True)
class Proposed:
    """Support proposed a split."""

    proposal: Proposal


@dataclass(frozen=True)
class ProposalAccepted:
    """One party agreed."""

    by: str


@dataclass(frozen=True)
class ProposalDeclined:
    """One party did not agree."""

    by: str


@dataclass(frozen=True)
class ProposalLapsed:
    """The time to answer the proposal passed."""


@dataclass(frozen=True)
class DecisionMade:
    """Support decided, and somebody else of support has to approve it."""

    decision: Decision


@dataclass(frozen=True)
class DecisionRejected:
    """The second approver sent the decision back."""

    reason: str | None


@dataclass(frozen=True)
class Resolved:
    """The decision is in force; contracts is asked to settle."""

    decision: Decision


@dataclass(frozen=True)
class Executed:
    """Contracts turned the decision into settlements."""


@dataclass(frozen=True)
class ExecutionRefused:
    """Contracts could not settle as decided and changed nothing; `held` is what it holds on the milestones it named."""

    held: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class MilestoneFinal:
    """The money of a disputed milestone was delivered."""

    milestone_id: str


@dataclass(frozen=True)
class Withdrawn:
    """The opener took the dispute back."""


@dataclass(frozen=True)
class Closed:
    """Everything decided was delivered."""


Fact = (
    Filed
    | Confirmed
    | Refused
    | Answered
    | StayedSilent
    | EvidenceAdded
    | ReviewBegan
    | Assigned
    | Noted
    | Proposed
    | ProposalAccepted
    | ProposalDeclined
    | ProposalLapsed
    | DecisionMade
    | DecisionRejected
    | Resolved
    | Executed
    | ExecutionRefused
    | MilestoneFinal
    | Withdrawn
    | Closed
)


def apply(dispute: Dispute, fact: Fact) -> Dispute:
    """The dispute after the fact. Version and times are the business of whoever stores it."""
    match fact:
        case Filed() | Noted():
            return dispute
        case Confirmed(milestones, rules, at):
            return replace(
                dispute,
                state=State.OPEN,
                milestones=milestones,
                rules=rules,
                answer_due_at=at + timedelta(days=rules.answer_days),
            )
        case Refused():
            return replace(dispute, state=State.REFUSED)
        case Answered(answer):
            return replace(dispute, answer=answer)
        case StayedSilent():
            return replace(dispute, state=State.IN_REVIEW, silent=True)
        case EvidenceAdded(evidence):
            return replace(dispute, evidence=(*dispute.evidence, evidence))
        case ReviewBegan():
            return replace(dispute, state=State.IN_REVIEW)
        case Assigned(agent, second_approver):
            return replace(dispute, assigned_to=agent, second_approver=second_approver)
        case Proposed(proposal):
            return replace(dispute, state=State.PROPOSED, proposal=proposal, proposals=proposal.number)
        case ProposalAccepted(by):
            return _proposal(dispute, accepted_by=(*_current(dispute).accepted_by, by))
        case ProposalDeclined():
            return replace(_proposal(dispute, outcome="declined"), state=State.IN_REVIEW)
        case ProposalLapsed():
            return replace(_proposal(dispute, outcome="lapsed"), state=State.IN_REVIEW)
        case _:
            return _apply_to_decision(dispute, fact)


def _apply_to_decision(dispute: Dispute, fact: Fact) -> Dispute:
    """The facts from a decision on."""
    match fact:
        case DecisionMade(decision):
            return replace(dispute, state=State.AWAITING_SECOND_APPROVAL, decision=decision, decisions=decision.number)
        case DecisionRejected():
            return replace(_decision(dispute, outcome="rejected"), state=State.IN_REVIEW)
        case Resolved(decision):
            decided = replace(dispute, state=State.RESOLVED, decision=decision, decisions=decision.number)
            return _proposal(decided, outcome="accepted") if decision.accepted else decided
        case Executed():
            return _decision(dispute, outcome="executed")
        case ExecutionRefused(held):
            now_held = dict(held)
            milestones = tuple(
                replace(one, held=now_held.get(one.milestone_id, one.held)) for one in dispute.milestones
            )
            return replace(_decision(dispute, outcome="refused"), state=State.IN_REVIEW, milestones=milestones)
        case MilestoneFinal(milestone_id):
            milestones = tuple(
                replace(one, final=True) if one.milestone_id == milestone_id else one for one in dispute.milestones
            )
            return replace(dispute, milestones=milestones)
        case Withdrawn():
            return replace(dispute, state=State.WITHDRAWN)
        case Closed():
            return replace(dispute, state=State.CLOSED)
        case _:
            raise AssertionError(f"no effect is written for {fact!r}")


def _current(dispute: Dispute) -> Proposal:
    if dispute.proposal is None:
        raise AssertionError("an answered proposal was made before")
    return dispute.proposal


def _proposal(dispute: Dispute, **changes: object) -> Dispute:
    """The dispute with its proposal changed; one that never had a proposal has nothing to change."""
    return replace(dispute, proposal=replace(_current(dispute), **changes))  # type: ignore[arg-type]


def _decision(dispute: Dispute, **changes: object) -> Dispute:
    if dispute.decision is None:
        raise AssertionError("an answered decision was made before")
    return replace(dispute, decision=replace(dispute.decision, **changes))  # type: ignore[arg-type]
