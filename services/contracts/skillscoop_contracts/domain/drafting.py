"""Drafting: stating the terms, and sending them to the freelancer for review."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from skillscoop_contracts.domain.contract import (
    By,
    Contract,
    Pending,
)
from skillscoop_contracts.domain.errors import InvalidTerms, Refused, TermsProblem
from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.domain.revision import locked_changes, new_milestone, restated_milestones
from skillscoop_contracts.domain.terms import Line, Terms, check_terms, terms_hash
from skillscoop_contracts.domain.transition import (
    Application,
    Transition,
)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A milestone as somebody states it: `id` None for a new one, which then gets `fresh_id`. Price in minor units."""

    id: str | None
    fresh_id: str
    description: str
    amount: int
    due_date: str | None = None
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateContract:
    """The client drafts a contract."""

    by: By
    contract_id: str
    title: str
    freelancer_id: str
    currency: str
    lines: tuple[DraftLine, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class EditTerms:
    """The client states the whole list anew. `title` None keeps it; `policy` counts until the contract has its own."""

    by: By
    title: str | None
    lines: tuple[DraftLine, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class SendForReview:
    """The client sends the draft; `policy` says how long the offer stands."""

    by: By
    policy: Policy


Command = EditTerms | SendForReview


@dataclass(frozen=True, slots=True)
class ContractDrafted:
    """A contract came into being, with revision 1 as a draft."""

    action: ClassVar[str] = "create"
    contract: Contract


@dataclass(frozen=True, slots=True)
class DraftEdited:
    """The draft says something else; its revision stays 1."""

    action: ClassVar[str] = "terms"
    shows: ClassVar[tuple[str, ...]] = ("revision",)
    revision: int
    terms: Terms
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TermsProposed:
    """A revision waits for the freelancer, `pending` beside terms in force. `previous_revision` is what it replaces."""

    revision: int
    previous_revision: int | None
    terms: Terms
    hash: str
    at: datetime
    expires_at: datetime
    pending: bool


Fact = ContractDrafted | DraftEdited | TermsProposed


def create_contract(command: CreateContract, now: datetime) -> ContractDrafted:
    """A draft with revision 1. Raises InvalidTerms, also when somebody hires themselves."""
    if command.by.id == command.freelancer_id:
        detail = "Nobody is both parties of one contract."
        raise InvalidTerms((TermsProblem("/freelancer_id", "freelancer_is_client", detail),))
    terms = Terms(command.title, command.currency, _lines(command.lines, {}))
    check_terms(terms, {}, command.policy, now)
    assert command.by.id is not None
    contract = Contract(
        id=command.contract_id,
        title=command.title,
        state="draft",
        client_id=command.by.id,
        freelancer_id=command.freelancer_id,
        currency=command.currency,
        revision=1,
        last_revision=1,
        terms_hash=terms_hash(command.contract_id, terms),
        milestones=tuple(new_milestone(line, index, now) for index, line in enumerate(terms.lines, 1)),
        created_at=now,
        updated_at=now,
    )
    return ContractDrafted(contract)


def edit_terms(contract: Contract, command: EditTerms, now: datetime) -> list[Fact]:
    """State the terms anew: a draft is overwritten, a proposal replaced, an active contract gets a pending revision.

    Terms equal to what they would replace are already so. Raises InvalidTerms, and Refused `milestone_locked` when
    they touch what may no longer change.
    """
    current = contract.pending.terms if contract.pending else contract.terms
    known = {line.id: line for line in (*contract.terms.lines, *current.lines)}
    terms = Terms(command.title or current.title, contract.currency, _lines(command.lines, known))
    check_terms(terms, known, contract.policy or command.policy, now)
    if terms == current:
        return []
    if contract.state == "draft":
        return [DraftEdited(contract.revision, terms, terms_hash(contract.id, terms), now)]
    if contract.state == "active" and (locked := locked_changes(contract, terms)):
        detail = "These milestones may no longer be changed like this."
        raise Refused("milestone_locked", detail, contract.id, {"milestones": locked})
    return [_propose(contract, terms, command.policy, now)]


def _propose(contract: Contract, terms: Terms, current_policy: Policy, now: datetime) -> TermsProposed:
    pending = contract.state == "active"
    policy = contract.policy or current_policy
    days = policy.revision_days if pending else policy.offer_days
    return TermsProposed(
        revision=contract.last_revision + 1,
        previous_revision=contract.pending.revision if contract.pending else contract.revision,
        terms=terms,
        hash=terms_hash(contract.id, terms),
        at=now,
        expires_at=now + timedelta(days=days),
        pending=pending,
    )


def _lines(drafts: tuple[DraftLine, ...], known: Mapping[str, Line]) -> tuple[Line, ...]:
    """The stated milestones, new ones with their fresh ids. Raises InvalidTerms for ids unknown here or named twice."""
    problems: list[TermsProblem] = []
    seen: set[str] = set()
    for index, draft in enumerate(drafts):
        at = f"/milestones/{index}/id"
        if draft.id is not None and draft.id not in known:
            problems.append(TermsProblem(at, "milestone_unknown", "The terms have no milestone with this id."))
        elif draft.id in seen:
            problems.append(TermsProblem(at, "milestone_twice", "This milestone is already in the list."))
        seen.add(draft.id or draft.fresh_id)
    if problems:
        raise InvalidTerms(tuple(problems))
    return tuple(
        Line(draft.id or draft.fresh_id, draft.description, draft.amount, draft.due_date, draft.criteria)
        for draft in drafts
    )


def send_for_review(contract: Contract, command: SendForReview, now: datetime) -> list[Fact]:
    """The draft becomes a proposal as it stands."""
    return [
        TermsProposed(
            revision=contract.revision,
            previous_revision=None,
            terms=contract.terms,
            hash=contract.terms_hash,
            at=now,
            expires_at=now + timedelta(days=command.policy.offer_days),
            pending=False,
        )
    ]


def _draft_edited(contract: Contract, fact: DraftEdited) -> Contract:
    return replace(
        contract,
        title=fact.terms.title,
        terms_hash=fact.hash,
        milestones=restated_milestones(contract, fact.terms, fact.at, keep_dropped=False),
    )


def _terms_proposed(contract: Contract, fact: TermsProposed) -> Contract:
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
        milestones=restated_milestones(contract, fact.terms, fact.at, keep_dropped=False),
    )


TRANSITIONS: dict[type[Any], Transition] = {
    EditTerms: Transition(
        "terms", ("client",), "command", "contract",
        {"draft": ("draft",), "proposed": ("proposed",), "active": ("revising",), "revising": ("revising",)},
        edit_terms,
    ),
    SendForReview: Transition("send", ("client",), "command", "contract", {"draft": ("proposed",)}, send_for_review),
}  # fmt: skip

APPLICATIONS: dict[type[Any], Application] = {
    DraftEdited: _draft_edited,
    TermsProposed: _terms_proposed,
}
