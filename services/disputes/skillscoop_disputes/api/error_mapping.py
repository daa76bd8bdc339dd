"""What the domain's refusals are over HTTP."""

from skillscoop_chassis.http.problems import Problem, conflict, forbidden, invalid, not_found, register_codes

from skillscoop_disputes.domain.dispute import Dispute
from skillscoop_disputes.domain.errors import (
    Blocked,
    Hidden,
    NoAgent,
    NotHeardOf,
    NotYours,
    Refusal,
    SplitInvalid,
    WrongState,
)
from skillscoop_disputes.domain.moves import allowed_in

register_codes(
    {
        "other_party_only": (403, "The other party's move", "You are a party, but only the other one may do this."),
        "parties_only": (403, "The parties' move", "Only the parties of the contract may do this."),
        "support_only": (403, "Support's move", "Only the platform's support may do this."),
        "not_assigned": (403, "Not your case", "Only the agent assigned to the dispute may do this."),
        "party_cannot_be_agent": (
            403,
            "A party cannot work on its own dispute",
            "Whoever works on a dispute must not be a party of its contract.",
        ),
        "second_approver_must_differ": (
            403,
            "Another agent has to approve",
            "Above the policy's amount a decision is approved or rejected by somebody else than who made it.",
        ),
        "wrong_state": (409, "Not possible in this state", "The dispute's state has no such move."),
        "already_answered": (409, "Already answered", "The other side has told its account; that is done once."),
        "answer_time_over": (409, "The time to answer is over", "The case is in review."),
        "evidence_limit": (
            409,
            "Enough evidence",
            "Each party may add only so many pieces of evidence.",
        ),
        "nobody_assigned": (409, "Nobody works on it", "An agent has to take the dispute first."),
        "proposal_required": (
            409,
            "A proposal comes first",
            "Support decides only after a proposal was declined or left unanswered.",
        ),
        "another_second_approver": (409, "Another second approver", "Another agent has taken the approval."),
        "too_many_withdrawn": (
            429,
            "Withdrawn too often",
            "Whoever withdrew several disputes of one contract has to wait before filing another one.",
        ),
        "nothing_held": (409, "No money is held", "A dispute can be opened while money is held on its milestones."),
        "not_heard_of_yet": (
            409,
            "Not heard of yet",
            "Nothing is known here of money on this milestone. If it was funded just now, send the same call again.",
        ),
        "already_disputed": (409, "Already disputed", "A milestone can only be in one open dispute."),
    }
)

HEARD_OF_SECONDS = 2
"""After which an event that was on its way has usually come."""


def problem_of(refusal: Refusal, dispute: Dispute | None, *, split_field: str = "/split") -> Problem:
    """The problem that says it; `split_field` is where in the body the split stands, or the milestones."""
    match refusal:
        case Hidden():
            return not_found()
        case NotYours(code, detail):
            return forbidden(code, detail)
        case NotHeardOf():
            detail = "No money on it is known here yet; if it was funded just now, send the same call again."
            return Problem("not_heard_of_yet", detail, headers={"Retry-After": str(HEARD_OF_SECONDS)})
        case NoAgent():
            return invalid("/agent_id", "not_an_agent", "Nobody of support is known by this id yet.")
        case SplitInvalid(problems):
            told = [
                {
                    "pointer": split_field if one.index is None else f"{split_field}/{one.index}",
                    "code": one.code,
                    "detail": one.detail,
                }
                for one in problems
            ]
            return Problem("invalid_request", "The request is not valid.", errors=told)
        case WrongState(action, state, allowed):
            detail = f"{action.replace('_', ' ').capitalize()} is not possible while the dispute is {_words(state)}."
            return conflict(
                "wrong_state", detail, state=state, version=dispute.version if dispute else None, allowed=allowed
            )
        case Blocked(code, detail) if dispute is None:
            return conflict(code, detail)
        case Blocked(code, detail):
            assert dispute is not None
            return conflict(
                code,
                detail,
                state=dispute.state.value,
                version=dispute.version,
                allowed=allowed_in(dispute.state),
            )
        case _:
            raise AssertionError(f"no problem is written for {refusal!r}")


def _words(state: str) -> str:
    return state.replace("_", " ")
