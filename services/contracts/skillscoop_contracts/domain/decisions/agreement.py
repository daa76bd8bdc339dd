"""Terms: drafting, proposing, answering. A revision binds nobody before the freelancer approved it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from skillscoop_contracts.domain.commands import (
    ApproveTerms,
    CreateContract,
    DeclineTerms,
    DraftLine,
    EditTerms,
    LapseTerms,
    RequestChanges,
    SendForReview,
    WithdrawTerms,
)
from skillscoop_contracts.domain.contract import Contract, Milestone
from skillscoop_contracts.domain.errors import InvalidTerms, Refused, TermsProblem
from skillscoop_contracts.domain.facts import (
    ChangesRequested,
    ContractDrafted,
    DraftEdited,
    Facts,
    TermsApproved,
    TermsDeclined,
    TermsLapsed,
    TermsProposed,
    TermsWithdrawn,
)
from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.domain.terms import Line, Terms, check_terms, difference, order_differs, terms_hash


def create_contract(command: CreateContract, now: datetime) -> Facts:
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
    return [ContractDrafted(contract)]


def new_milestone(line: Line, position: int, now: datetime) -> Milestone:
    """A planned milestone as the terms state it."""
    return Milestone(
        id=line.id,
        position=position,
        description=line.description,
        amount=line.amount,
        due_date=line.due_date,
        criteria=line.criteria,
        created_at=now,
        updated_at=now,
    )


def edit_terms(contract: Contract, command: EditTerms, now: datetime) -> Facts:
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


def locked_changes(contract: Contract, terms: Terms) -> list[dict[str, object]]:
    """What `terms` would change that may not change as the milestones stand: `{milestone_id, state, fields}` each.

    Planned milestones move freely; funded ones take a new description, criteria and due date; all others nothing.
    """
    change = difference(contract.terms, terms)
    wanted: dict[str, set[str]] = {line.id: {"drop"} for line in change.dropped}
    for item in change.changed:
        wanted.setdefault(item.before.id, set()).update(item.fields)
    fixed = [milestone.id for milestone in contract.listed if "order" not in milestone.touchable]
    if order_differs(fixed, [line.id for line in terms.lines]):
        for milestone_id in fixed:
            wanted.setdefault(milestone_id, set()).add("order")
    locked: list[dict[str, object]] = []
    for milestone in contract.listed:
        fields = sorted(wanted.get(milestone.id, set()) - milestone.touchable)
        if fields:
            locked.append({"milestone_id": milestone.id, "state": milestone.state, "fields": fields})
    return locked


def send_for_review(contract: Contract, command: SendForReview, now: datetime) -> Facts:
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


def _expect_revision(contract: Contract, seen: int) -> None:
    """The answer must be to what is proposed now, not to an older screen."""
    current = contract.pending.revision if contract.pending else contract.revision
    if seen != current:
        raise Refused("revision_changed", "The terms have changed since.", contract.id, {"revision": current})


def approve_terms(contract: Contract, command: ApproveTerms, now: datetime) -> Facts:
    """The proposed revision comes into force.

    Raises Refused `revision_changed` for an older screen, and `revision_outdated` when a milestone it touches has
    moved on meanwhile or the fee that is about to be fixed takes a whole price.
    """
    _expect_revision(contract, command.revision)
    policy = contract.policy or command.policy
    if contract.pending is None:
        if eaten := _within_fee(contract, policy):
            detail = "The platform's fee has changed and would take the whole price; the client has to state it anew."
            raise Refused("revision_outdated", detail, contract.id, {"milestones": eaten})
        return [TermsApproved(contract.revision, contract.terms, contract.terms_hash, policy, now)]
    pending = contract.pending
    if locked := locked_changes(contract, pending.terms):
        detail = "Milestones of this revision have moved on; the client has to state it anew."
        raise Refused("revision_outdated", detail, contract.id, {"milestones": locked})
    return [TermsApproved(pending.revision, pending.terms, pending.hash, policy, now)]


def _within_fee(contract: Contract, policy: Policy) -> list[dict[str, object]]:
    fee = policy.fee_rule(contract.currency)
    return [
        {"milestone_id": milestone.id, "state": milestone.state, "fields": ["amount"]}
        for milestone in contract.listed
        if milestone.amount <= fee.of(milestone.amount)
    ]


def decline_terms(contract: Contract, command: DeclineTerms, _: datetime) -> Facts:
    """The proposal is off; terms in force stay. Raises Refused `revision_changed` for an older screen."""
    _expect_revision(contract, command.revision)
    return [TermsDeclined(command.revision, command.reason)]


def request_changes(contract: Contract, command: RequestChanges, _: datetime) -> Facts:
    """A comment for the client. Raises Refused `revision_changed` for an older screen."""
    _expect_revision(contract, command.revision)
    return [ChangesRequested(command.revision, command.comment)]


def withdraw_terms(contract: Contract, _: WithdrawTerms, __: datetime) -> Facts:
    """The client takes the proposal back; terms in force stay."""
    return [TermsWithdrawn(contract.pending.revision if contract.pending else contract.revision)]


def answer_due_at(contract: Contract) -> datetime | None:
    """When the revision that waits lapses."""
    return contract.pending.expires_at if contract.pending else contract.offer_expires_at


def lapse_terms(contract: Contract, _: LapseTerms, now: datetime) -> Facts:
    """Nobody answered in time. Too early, or with nothing waiting any more: already so."""
    due = answer_due_at(contract)
    if due is None or now < due:
        return []
    return [TermsLapsed(contract.pending.revision if contract.pending else contract.revision)]
