"""The domain's refusals as problems, with what the caller needs to go on: state, version, and what is allowed."""

from typing import Any

from skillscoop_chassis.http.problems import Problem, conflict, forbidden, not_found, register_codes

from skillscoop_contracts.domain.available_actions import allowed
from skillscoop_contracts.domain.contract import Contract, Milestone, Role
from skillscoop_contracts.domain.errors import (
    DomainError,
    Forbidden,
    IllegalTransition,
    InvalidTerms,
    Refused,
    UnknownObject,
)

register_codes(
    {
        "move_not_allowed": (
            409,
            "Not possible in this state",
            "The contract or milestone stands in a state where this does not start; `allowed` lists what does.",
        ),
        "currency_not_settled": (
            409,
            "Not paid in this currency",
            "The platform takes no money in the contract's currency any more; what is held already is not affected.",
        ),
        "revision_changed": (
            409,
            "The terms have changed",
            "The request names another revision than the current one, which `revision` tells.",
        ),
        "amount_changed": (
            409,
            "The amount has changed",
            "The request names another amount than the current one, which `amount` tells.",
        ),
        "revision_pending": (
            409,
            "Changed terms wait for approval",
            "While revision `revision` waits for the freelancer, nothing is funded or submitted.",
        ),
        "revision_outdated": (
            409,
            "The revision is outdated",
            "Milestones it touches have moved on since; `milestones` lists them. The client has to state it anew.",
        ),
        "milestone_locked": (
            409,
            "A milestone may not be changed like this",
            "`milestones` lists them with the fields. Planned ones change freely, funded ones only in description, "
            "criteria and due date, all others not at all.",
        ),
        "milestone_frozen": (
            409,
            "A dispute holds this money",
            "Until the dispute is decided or withdrawn nothing moves this milestone.",
        ),
        "completion_blocked": (
            409,
            "Something is still open",
            "`blocking` lists what: milestones that are not final, money in motion, disputes, a pending revision.",
        ),
    }
)


def problem_of(error: DomainError, contract: Contract, role: Role) -> Problem:
    """What a refused command answers to this party of the contract."""
    match error:
        case Forbidden():
            return forbidden()
        case InvalidTerms(problems):
            return invalid_terms(problems)
        case IllegalTransition(action, state, subject_id):
            detail = f"`{action}` is not possible in state `{state}`."
            return _conflict("move_not_allowed", detail, contract, contract.milestone(subject_id), role)
        case Refused(code, detail, subject_id, extra):
            milestone = contract.milestone(subject_id)
            return _conflict(code, detail, contract, milestone, role, **extra)
        case UnknownObject():
            return not_found()
    raise error


def invalid_terms(problems: Any) -> Problem:
    """Terms against the rules, field by field."""
    errors = [{"pointer": one.pointer, "code": one.code, "detail": one.detail} for one in problems]
    return Problem("invalid_request", "The terms are not valid.", errors=errors)


def _conflict(
    code: str, detail: str, contract: Contract, milestone: Milestone | None, role: Role, **extra: Any
) -> Problem:
    subject = milestone or contract
    problem = conflict(
        code,
        detail,
        state=subject.state,
        version=subject.version,
        allowed=allowed(contract, milestone, role),
        **extra,
    )
    if blocking := extra.get("blocking"):
        place = {one.id: index for index, one in enumerate(contract.milestones)}
        problem.errors = [
            {
                "pointer": f"/milestones/{place[one['milestone_id']]}" if one["milestone_id"] else "/pending_revision",
                "code": one["code"],
                "detail": f"This is {one['state']}.",
            }
            for one in blocking
        ]
    return problem
