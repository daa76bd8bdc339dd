"""The moves of a dispute as one table, and the two functions that run on it: decide and next.

A move that is nobody's in a state is refused; what contracts or the clock report outside its states is old news and
changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from skillscoop_disputes.domain import commands as ask
from skillscoop_disputes.domain import facts as fact
from skillscoop_disputes.domain.dispute import (
    HANDLERS,
    PARTIES,
    TEAM,
    Actor,
    Answer,
    Decision,
    Dispute,
    Part,
    Proposal,
    State,
    check_split,
    part_of,
)
from skillscoop_disputes.domain.errors import Blocked, Hidden, NotYours, WrongState

EVIDENCE_LIMIT = 20

Facts = list[fact.Fact]
Effect = Callable[[Dispute, Any, Actor, datetime], Facts]
Guard = Callable[[Dispute, Part, datetime], str | None]

WORDS: Mapping[str, str] = {
    "already_answered": "The other side has already answered.",
    "answer_time_over": "The time to answer is over.",
    "evidence_limit": f"Each party may put at most {EVIDENCE_LIMIT} pieces of evidence on file.",
    "proposal_required": "A proposal has to be declined or left unanswered before support may decide.",
    "nobody_assigned": "Nobody works on this dispute yet.",
    "another_second_approver": "Another agent is the second approver of this decision.",
    "second_approver_must_differ": "Who decided cannot approve the decision.",
    "not_due": "The time has not come.",
}


def _free(dispute: Dispute, part: Part, now: datetime) -> str | None:
    """Nothing can be in the way."""
    return None


def _may_answer(dispute: Dispute, part: Part, now: datetime) -> str | None:
    """Once. A case taken up early does not shorten the time to answer, and a silent one does not lengthen it."""
    if dispute.answer:
        return "already_answered"
    over = dispute.answer_due_at is not None and now >= dispute.answer_due_at
    return "answer_time_over" if dispute.state is State.IN_REVIEW and (over or dispute.silent) else None


def _room_for_evidence(dispute: Dispute, part: Part, now: datetime) -> str | None:
    """Each party has its own share: nobody can use up the other side's."""
    by_opener = part is Part.OPENER
    mine = sum(1 for one in dispute.evidence if (one.by == dispute.opened_by) is by_opener)
    return "evidence_limit" if mine >= EVIDENCE_LIMIT else None


def _agent_at_work(dispute: Dispute, part: Part, now: datetime) -> str | None:
    return None if dispute.assigned_to else "nobody_assigned"


def _after_a_proposal(dispute: Dispute, part: Part, now: datetime) -> str | None:
    return _agent_at_work(dispute, part, now) or (None if dispute.proposals else "proposal_required")


def _approver_is_free(dispute: Dispute, part: Part, now: datetime) -> str | None:
    taken = dispute.second_approver is not None and part is not Part.SECOND_APPROVER
    return "another_second_approver" if taken else None


def _due(dispute: Dispute, part: Part, now: datetime) -> str | None:
    return None if dispute.due_at and now >= dispute.due_at else "not_due"


def _confirm(dispute: Dispute, wish: ask.Confirm, actor: Actor, now: datetime) -> Facts:
    return [fact.Confirmed(wish.milestones, wish.rules, now)]


def _answer(dispute: Dispute, wish: ask.AnswerForm, actor: Actor, now: datetime) -> Facts:
    check_split(wish.desired, held(dispute), dispute.currency, whole=False)
    return [fact.Answered(Answer(wish.statement, wish.desired, now))]


def _assign(dispute: Dispute, wish: ask.Assign, actor: Actor, now: datetime) -> Facts:
    if wish.agent in (dispute.client_id, dispute.freelancer_id):
        raise NotYours("party_cannot_be_agent", "A party of the contract cannot work on its dispute.")
    if dispute.state is State.AWAITING_SECOND_APPROVAL:
        if dispute.decision and wish.agent == dispute.decision.by:
            raise NotYours("second_approver_must_differ", WORDS["second_approver_must_differ"])
        return _assigned(dispute, dispute.assigned_to, wish.agent)
    began: Facts = [fact.ReviewBegan()] if dispute.state is State.OPEN else []
    return began + _assigned(dispute, wish.agent, None)


def _unassign(dispute: Dispute, wish: ask.Unassign, actor: Actor, now: datetime) -> Facts:
    waiting = dispute.state is State.AWAITING_SECOND_APPROVAL
    return _assigned(dispute, dispute.assigned_to if waiting else None, None)


def _assigned(dispute: Dispute, agent: str | None, second: str | None) -> Facts:
    """The change of hands, or nothing when it is so already."""
    same = (agent, second) == (dispute.assigned_to, dispute.second_approver)
    return [] if same else [fact.Assigned(agent, second)]


def _propose(dispute: Dispute, wish: ask.Propose, actor: Actor, now: datetime) -> Facts:
    check_split(wish.split, held(dispute), dispute.currency)
    expires_at = now + timedelta(days=dispute.rules.proposal_days if dispute.rules else 0)
    number = dispute.proposals + 1
    return [fact.Proposed(Proposal(number, wish.split, wish.reasons, str(actor.id), now, expires_at))]


def _accept(dispute: Dispute, wish: ask.AcceptProposal, actor: Actor, now: datetime) -> Facts:
    proposal = dispute.proposal
    if proposal is None or actor.id in proposal.accepted_by:
        return []
    accepted: Facts = [fact.ProposalAccepted(str(actor.id))]
    if not proposal.accepted_by:
        return accepted
    decision = Decision(dispute.decisions + 1, proposal.split, proposal.reasons, proposal.by, now, accepted=True)
    return accepted + _resolve(dispute, decision)


def _decide(dispute: Dispute, wish: ask.Decide, actor: Actor, now: datetime) -> Facts:
    check_split(wish.split, held(dispute), dispute.currency)
    decision = Decision(dispute.decisions + 1, wish.split, wish.reasons, str(actor.id), now, accepted=False)
    if dispute.rules is None or dispute.disputed_amount > dispute.rules.second_approval_amount:
        return [fact.DecisionMade(replace(decision, outcome="pending"))]
    return _resolve(dispute, decision)


def _approve(dispute: Dispute, wish: ask.ApproveDecision, actor: Actor, now: datetime) -> Facts:
    decision = dispute.decision
    if decision is None:
        return []
    approved = replace(decision, approved_by=str(actor.id), outcome="in_force")
    return _assigned(dispute, dispute.assigned_to, actor.id) + _resolve(dispute, approved)


def _reject(dispute: Dispute, wish: ask.RejectDecision, actor: Actor, now: datetime) -> Facts:
    rejected: Facts = [fact.DecisionRejected(wish.reason)]
    return rejected + _assigned(dispute, dispute.assigned_to, None)


def _resolve(dispute: Dispute, decision: Decision) -> Facts:
    resolved: Facts = [fact.Resolved(decision)]
    return resolved + _closing(dispute)


def _closing(dispute: Dispute) -> Facts:
    """Close when all the money was delivered, at once when there is none; nobody works on a closed case."""
    if not all(one.final for one in dispute.milestones):
        return []
    closed: Facts = [fact.Closed()]
    return closed + _assigned(dispute, None, None)


def _withdraw(dispute: Dispute, wish: ask.Withdraw, actor: Actor, now: datetime) -> Facts:
    withdrawn: Facts = [fact.Withdrawn()]
    return withdrawn + _assigned(dispute, None, None)


def _lapse(dispute: Dispute, wish: ask.Lapse, actor: Actor, now: datetime) -> Facts:
    return [fact.StayedSilent() if dispute.state is State.OPEN else fact.ProposalLapsed()]


def _in_force(dispute: Dispute, number: int) -> bool:
    """Whether an answer to decision `number` is about the one that waits for it."""
    return dispute.decision is not None and (dispute.decision.number, dispute.decision.outcome) == (number, "in_force")


def _record_execution(dispute: Dispute, wish: ask.RecordExecution, actor: Actor, now: datetime) -> Facts:
    return [fact.Executed()] if _in_force(dispute, wish.decision) else []


def _refuse_execution(dispute: Dispute, wish: ask.RefuseExecution, actor: Actor, now: datetime) -> Facts:
    return [fact.ExecutionRefused(wish.held)] if _in_force(dispute, wish.decision) else []


def _finish(dispute: Dispute, wish: ask.FinishMilestone, actor: Actor, now: datetime) -> Facts:
    """The delivery may be heard of before the settlement was: either way the last one closes a resolved case."""
    if not any(one.milestone_id == wish.milestone_id and not one.final for one in dispute.milestones):
        return []
    done: Facts = [fact.MilestoneFinal(wish.milestone_id)]
    return done + (_closing(fact.apply(dispute, done[0])) if dispute.state is State.RESOLVED else [])


def held(dispute: Dispute) -> dict[str, int]:
    """What a split of this dispute divides: minor units by milestone."""
    return {one.milestone_id: one.held for one in dispute.milestones if not one.final}


@dataclass(frozen=True)
class Move:
    """One row: who may do it, from which states to which, what may be in the way, and what it makes true.

    `reported` moves come from contracts' facts: they are no open move of anybody and are not listed in `next`.
    """

    action: str
    by: frozenset[Part]
    path: Mapping[State, tuple[State, ...]]
    effect: Effect
    guard: Guard = _free
    on_timeout: str | None = None
    reported: bool = False


_S = State
_SYSTEM = frozenset({Part.SYSTEM})
_WORKING = (_S.IN_REVIEW, _S.PROPOSED, _S.AWAITING_SECOND_APPROVAL)


def _staying(*states: State) -> dict[State, tuple[State, ...]]:
    return {state: (state,) for state in states}


TABLE: tuple[Move, ...] = (
    Move("confirm", _SYSTEM, {_S.OPENING: (_S.OPEN,)}, _confirm, reported=True),
    Move("refuse", _SYSTEM, {_S.OPENING: (_S.REFUSED,)}, lambda *_: [fact.Refused()], reported=True),
    Move(
        "answer",
        frozenset({Part.RESPONDENT}),
        _staying(_S.OPEN, _S.IN_REVIEW),
        _answer,
        _may_answer,
        on_timeout="lapse",
    ),
    Move(
        "evidence",
        PARTIES,
        _staying(_S.OPENING, _S.OPEN),
        lambda _, wish, *__: [fact.EvidenceAdded(wish.evidence)],
        _room_for_evidence,
    ),
    Move("assign", TEAM, {_S.OPEN: (_S.IN_REVIEW,), **_staying(*_WORKING)}, _assign),
    Move("unassign", TEAM, _staying(*_WORKING), _unassign),
    Move(
        "notes",
        HANDLERS,
        _staying(*_WORKING, _S.RESOLVED),
        lambda _, wish, *__: [fact.Noted(wish.text)],
        _agent_at_work,
    ),
    Move("propose", frozenset({Part.AGENT}), {_S.IN_REVIEW: (_S.PROPOSED,)}, _propose, _agent_at_work),
    Move("accept", PARTIES, {_S.PROPOSED: (_S.PROPOSED, _S.RESOLVED, _S.CLOSED)}, _accept, on_timeout="lapse"),
    Move(
        "decline",
        PARTIES,
        {_S.PROPOSED: (_S.IN_REVIEW,)},
        lambda _, __, actor, ___: [fact.ProposalDeclined(str(actor.id))],
        on_timeout="lapse",
    ),
    Move(
        "decide",
        frozenset({Part.AGENT}),
        {_S.IN_REVIEW: (_S.RESOLVED, _S.AWAITING_SECOND_APPROVAL, _S.CLOSED)},
        _decide,
        _after_a_proposal,
    ),
    Move(
        "approve_decision",
        frozenset({Part.SECOND_APPROVER, Part.SUPPORT}),
        {_S.AWAITING_SECOND_APPROVAL: (_S.RESOLVED, _S.CLOSED)},
        _approve,
        _approver_is_free,
    ),
    Move(
        "reject_decision",
        frozenset({Part.SECOND_APPROVER, Part.SUPPORT}),
        {_S.AWAITING_SECOND_APPROVAL: (_S.IN_REVIEW,)},
        _reject,
        _approver_is_free,
    ),
    Move(
        "withdraw",
        frozenset({Part.OPENER}),
        dict.fromkeys((_S.OPENING, _S.OPEN, _S.IN_REVIEW, _S.PROPOSED), (_S.WITHDRAWN,)),
        _withdraw,
    ),
    Move("lapse", _SYSTEM, {_S.OPEN: (_S.IN_REVIEW,), _S.PROPOSED: (_S.IN_REVIEW,)}, _lapse, _due),
    Move("record_execution", _SYSTEM, _staying(_S.RESOLVED), _record_execution, reported=True),
    Move("refuse_execution", _SYSTEM, {_S.RESOLVED: (_S.IN_REVIEW,)}, _refuse_execution, reported=True),
    Move(
        "finish_milestone",
        _SYSTEM,
        {
            **_staying(_S.OPEN, *_WORKING),
            _S.RESOLVED: (_S.RESOLVED, _S.CLOSED),
        },
        _finish,
        reported=True,
    ),
)
MOVES: Mapping[str, Move] = {move.action: move for move in TABLE}


def decide(dispute: Dispute, command: ask.Command, actor: Actor, now: datetime) -> Facts:
    """What becomes true when `actor` asks for this at `now`; an empty list when it is so already.

    Raises Hidden to a stranger, NotYours for somebody else's move, WrongState where the state has no such move,
    Blocked when something is in the way, SplitInvalid when a split does not fit. The clock and contracts' reports are
    never refused: what no longer applies changes nothing.
    """
    move = MOVES[command.action]
    part = permit(dispute, command.action, actor)
    if dispute.state not in move.path:
        if part is Part.SYSTEM:
            return []
        raise WrongState(move.action, dispute.state.value, allowed_in(dispute.state))
    obstacle = move.guard(dispute, part, now)
    if obstacle and part is Part.SYSTEM:
        return []
    if obstacle:
        raise Blocked(obstacle, WORDS[obstacle])
    return move.effect(dispute, command, actor, now)


def permit(dispute: Dispute, action: str, actor: Actor) -> Part:
    """What `actor` is to the dispute, when the move is theirs in some state. Raises Hidden and NotYours."""
    part = part_of(dispute, actor)
    if part is None:
        raise Hidden
    if part not in MOVES[action].by:
        raise denial(MOVES[action], part)
    return part


def denial(move: Move, part: Part) -> NotYours:
    """Why a move is not `part`'s, in a code and a sentence."""
    if part in PARTIES and move.by & PARTIES:
        return NotYours("other_party_only", "Only the other party may do this.")
    if move.by <= PARTIES:
        return NotYours("parties_only", "Only the parties of the contract may do this.")
    if part is Part.AGENT and Part.SECOND_APPROVER in move.by:
        return NotYours("second_approver_must_differ", WORDS["second_approver_must_differ"])
    if part in TEAM and move.by & TEAM:
        return NotYours("not_assigned", "Only the agent assigned to this dispute may do this.")
    return NotYours("support_only", "Only support may do this.")


def allowed_in(state: State) -> tuple[str, ...]:
    """The moves people have in a state."""
    return tuple(move.action for move in TABLE if state in move.path and Part.SYSTEM not in move.by)


def arrows() -> list[tuple[str, str, str]]:
    """The table's changes of state: (from, to, action)."""
    return [
        (before.value, after.value, move.action.replace("_", " "))
        for move in TABLE
        for before, afters in move.path.items()
        for after in afters
        if before is not after
    ]


def last_states() -> list[str]:
    """The states that no move leaves."""
    leaving = {before for move in TABLE for before in move.path}
    return [state.value for state in State if state not in leaving]
