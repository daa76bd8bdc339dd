"""Routes that look: contracts, their revisions, their timeline."""

from typing import Annotated

from fastapi import Path, Query, Response
from skillscoop_chassis.http.dependencies import PageQuery, ReadRequest
from skillscoop_chassis.http.paging import Page, page
from skillscoop_chassis.http.problems import not_found
from skillscoop_chassis.http.requests import ReadingRequest
from skillscoop_messages.database import Transaction

from skillscoop_contracts.api.dependencies import reader_role, router
from skillscoop_contracts.api.requests import PartyRole
from skillscoop_contracts.api.schemas import ContractView, TermsDiffView, TermsView, TimelineEntryView
from skillscoop_contracts.api.views.contracts import contract_view, entry_view
from skillscoop_contracts.api.views.terms import diff_view, terms_view
from skillscoop_contracts.domain.contract import Contract, ContractState
from skillscoop_contracts.domain.terms import Terms, difference
from skillscoop_contracts.repository.loading import (
    contracts_of,
    read_contract,
    with_parts,
    with_unanswered,
)
from skillscoop_contracts.repository.policies import current_policy
from skillscoop_contracts.repository.row_types import Row
from skillscoop_contracts.repository.terms import line_of, read_terms, read_terms_before, terms_of
from skillscoop_contracts.repository.timeline import read_timeline

RevisionNumber = Annotated[int, Path(ge=1, le=2_147_483_647)]


@router.get("/v1/contracts", response_model=Page[ContractView], summary="My contracts")
async def list_contracts(
    request: ReadRequest,
    params: PageQuery,
    role: Annotated[PartyRole | None, Query(description="Only those where I am this party")] = None,
    state: Annotated[ContractState | None, Query(description="Only those in this state")] = None,
) -> Response:
    """Contracts the caller is a party of, newest first."""
    cursor = request.cursor(params)
    tx = await request.begin()
    user_id = request.actor.id
    rows = await tx.all(contracts_of(user_id, role, state, cursor))
    whole = await with_parts(tx, rows)
    policy, now = await current_policy(tx), tx.now()

    def view(row: Row) -> ContractView:
        stored = whole[row["id"]]
        return contract_view(stored, stored.contract.role_of(user_id) or "freelancer", policy, now)

    return request.reply(page(rows, cursor, view))


@router.get("/v1/contracts/{contract_id}", response_model=ContractView, summary="A contract")
async def get_contract(contract_id: str, request: ReadRequest) -> Response:
    """The contract with its milestones, what may happen next, and what is worth knowing."""
    tx = await request.begin()
    stored = await read_contract(tx, contract_id)
    role = await reader_role(request, tx, stored, "contract")
    if stored is None:
        raise not_found()
    stored = await with_unanswered(tx, stored)
    policy = stored.contract.policy or await current_policy(tx)
    answer = request.reply(contract_view(stored, role, policy, tx.now()))
    # The milestones inside move without the contract's version, so the tag is for If-Match, not for caching.
    answer.headers["ETag"] = f'"{stored.contract.version}"'
    return answer


async def _visible(request: ReadingRequest, tx: Transaction, contract_id: str, what: str) -> tuple[Contract, bool]:
    """The contract, and whether its draft may be seen."""
    stored = await read_contract(tx, contract_id)
    role = await reader_role(request, tx, stored, what)  # type: ignore[arg-type]
    if stored is None:
        raise not_found()
    return stored.contract, role != "freelancer"


@router.get("/v1/contracts/{contract_id}/terms", response_model=Page[TermsView], summary="Revisions of the terms")
async def list_terms(contract_id: str, request: ReadRequest, params: PageQuery) -> Response:
    """Every revision ever proposed, newest first, and who answered it when."""
    cursor = request.cursor(params)
    tx = await request.begin()
    contract, sees_drafts = await _visible(request, tx, contract_id, "terms")
    rows = await tx.all(terms_of(contract_id, cursor))
    seen = [row for row in rows if sees_drafts or row["state"] != "draft"]
    return request.reply(
        page(seen, cursor, lambda row: terms_view(row, contract.currency), sort="revision", id="contract_id")
    )


async def _revision(tx: Transaction, contract_id: str, revision: int, sees_drafts: bool) -> Row:
    row = await read_terms(tx, contract_id, revision)
    if row is None or (row["state"] == "draft" and not sees_drafts):
        raise not_found()
    return row


@router.get("/v1/contracts/{contract_id}/terms/{revision}", response_model=TermsView, summary="One revision")
async def get_terms(contract_id: str, revision: RevisionNumber, request: ReadRequest) -> Response:
    """A revision, word for word."""
    tx = await request.begin()
    contract, sees_drafts = await _visible(request, tx, contract_id, "terms")
    row = await _revision(tx, contract_id, revision, sees_drafts)
    return request.reply(terms_view(row, contract.currency))


@router.get(
    "/v1/contracts/{contract_id}/terms/{revision}/diff",
    response_model=TermsDiffView,
    summary="What a revision changes",
)
async def diff_terms(contract_id: str, revision: RevisionNumber, request: ReadRequest) -> Response:
    """The difference to the revision in force; before the first approval, to the one proposed before it."""
    tx = await request.begin()
    contract, sees_drafts = await _visible(request, tx, contract_id, "terms")
    row = await _revision(tx, contract_id, revision, sees_drafts)
    after = _terms(row, contract)
    if contract.policy is not None:
        before: Terms = contract.terms
        against: int | None = contract.revision
    else:
        earlier = await read_terms_before(tx, contract_id, revision)
        against = earlier["revision"] if earlier else None
        before = _terms(earlier, contract) if earlier else Terms(after.title, contract.currency, ())
    return request.reply(
        diff_view(contract_id, revision, against, difference(before, after), after.lines, contract.currency)
    )


def _terms(row: Row, contract: Contract) -> Terms:
    return Terms(row["title"], contract.currency, tuple(line_of(document) for document in row["milestones"]))


@router.get(
    "/v1/contracts/{contract_id}/timeline", response_model=Page[TimelineEntryView], summary="Everything that happened"
)
async def get_timeline(contract_id: str, request: ReadRequest, params: PageQuery) -> Response:
    """What happened, in that order, with actor and reason; `next_cursor` leads to later entries."""
    cursor = request.cursor(params)
    tx = await request.begin()
    await _visible(request, tx, contract_id, "timeline")
    after = int(cursor.position[0]) if cursor.position else 0
    rows = await read_timeline(tx, contract_id, after, cursor.limit + 1)
    return request.reply(page(rows, cursor, entry_view, sort="number", id="contract_id"))
