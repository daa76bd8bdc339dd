"""Routes of contracts: drafting, terms, answers, completion."""

from fastapi import Response
from skillscoop_chassis.http.dependencies import EmptyBody, WriteRequest
from skillscoop_chassis.http.match import MATCH_REQUIRED, MATCH_UNUSED
from skillscoop_chassis.http.problems import documented, invalid
from skillscoop_messages.ids import PREFIXES, new_id
from skillscoop_messages.money import CURRENCIES

from skillscoop_contracts import projections
from skillscoop_contracts.api.caps import check_invitation
from skillscoop_contracts.api.dependencies import execute, locked_contract, reply_contract, router, settings_of
from skillscoop_contracts.api.error_mapping import invalid_terms
from skillscoop_contracts.api.requests import (
    ApproveRequest,
    CreateContractRequest,
    DeclineRequest,
    RequestChangesRequest,
    TermsRequest,
    lines_of,
)
from skillscoop_contracts.api.schemas import ContractView
from skillscoop_contracts.domain import agreement, completion, drafting
from skillscoop_contracts.domain.contract import By
from skillscoop_contracts.domain.errors import InvalidTerms
from skillscoop_contracts.repository.policies import current_policy
from skillscoop_contracts.usecases import draft_contract


@router.post(
    "/v1/contracts",
    response_model=ContractView,
    status_code=201,
    summary="Draft a contract",
    responses=documented(422),
    openapi_extra=MATCH_UNUSED,
)
async def create_contract(body: CreateContractRequest, request: WriteRequest) -> Response:
    """The caller becomes the client. Both can talk at once; the freelancer sees the terms once they are sent."""
    if body.currency in CURRENCIES and body.currency not in settings_of(request).settlement_currencies:
        raise invalid("/currency", "currency_unknown", "This currency is not supported.")
    tx = await request.begin()
    await check_invitation(request, tx, body.freelancer_id)
    command = drafting.CreateContract(
        by=By("client", request.actor.id),
        contract_id=new_id(PREFIXES["contract"]),
        title=body.title,
        freelancer_id=body.freelancer_id,
        currency=body.currency,
        lines=lines_of(body.milestones),
        policy=await current_policy(tx),
    )
    try:
        stored = await draft_contract(tx, command, await projections.payee_ready(tx, body.freelancer_id))
    except InvalidTerms as error:
        raise invalid_terms(error.problems) from error
    return await reply_contract(request, tx, stored, "client", 201)


@router.put(
    "/v1/contracts/{contract_id}/terms",
    response_model=ContractView,
    summary="State the terms anew",
    openapi_extra=MATCH_REQUIRED,
)
async def edit_terms(contract_id: str, body: TermsRequest, request: WriteRequest) -> Response:
    """The whole list, in order; existing milestones keep their `id`. On an active contract it is proposed at once."""
    tx = await request.begin()
    stored, by = await locked_contract(request, tx, contract_id)
    command = drafting.EditTerms(by, body.title, lines_of(body.milestones), await current_policy(tx))
    after = await execute(request, tx, stored, command, match_required=True)
    return await reply_contract(request, tx, after, by.role)


@router.post("/v1/contracts/{contract_id}/send", response_model=ContractView, summary="Send the draft for review")
async def send_contract(contract_id: str, request: WriteRequest, _: EmptyBody = None) -> Response:
    """From now on the freelancer sees the terms and may approve them."""
    tx = await request.begin()
    stored, by = await locked_contract(request, tx, contract_id)
    command = drafting.SendForReview(by, await current_policy(tx))
    after = await execute(request, tx, stored, command, match_required=False)
    return await reply_contract(request, tx, after, by.role)


@router.post(
    "/v1/contracts/{contract_id}/approve",
    response_model=ContractView,
    summary="Approve the terms",
    openapi_extra=MATCH_REQUIRED,
)
async def approve_contract(contract_id: str, body: ApproveRequest, request: WriteRequest) -> Response:
    """The revision the freelancer saw comes into force; another one by now is 409 with the current number."""
    tx = await request.begin()
    stored, by = await locked_contract(request, tx, contract_id)
    command = agreement.ApproveTerms(by, body.revision, await current_policy(tx))
    after = await execute(request, tx, stored, command, match_required=True)
    return await reply_contract(request, tx, after, by.role)


@router.post("/v1/contracts/{contract_id}/decline", response_model=ContractView, summary="Decline the terms")
async def decline_contract(contract_id: str, body: DeclineRequest, request: WriteRequest) -> Response:
    """Terms that are already in force stay in force."""
    tx = await request.begin()
    stored, by = await locked_contract(request, tx, contract_id)
    command = agreement.DeclineTerms(by, body.revision, body.reason)
    after = await execute(request, tx, stored, command, match_required=False)
    return await reply_contract(request, tx, after, by.role)


@router.post("/v1/contracts/{contract_id}/request-changes", response_model=ContractView, summary="Ask for changes")
async def request_changes(contract_id: str, body: RequestChangesRequest, request: WriteRequest) -> Response:
    """A comment on the proposed revision; it shows in the chat, and nothing else changes."""
    tx = await request.begin()
    stored, by = await locked_contract(request, tx, contract_id)
    command = agreement.RequestChanges(by, body.revision, body.comment)
    after = await execute(request, tx, stored, command, match_required=False)
    return await reply_contract(request, tx, after, by.role)


@router.post("/v1/contracts/{contract_id}/withdraw", response_model=ContractView, summary="Take a proposal back")
async def withdraw_contract(contract_id: str, request: WriteRequest, _: EmptyBody = None) -> Response:
    """A pending revision disappears; a contract that was only proposed is withdrawn."""
    tx = await request.begin()
    stored, by = await locked_contract(request, tx, contract_id)
    after = await execute(request, tx, stored, agreement.WithdrawTerms(by), match_required=False)
    return await reply_contract(request, tx, after, by.role)


@router.post("/v1/contracts/{contract_id}/complete", response_model=ContractView, summary="Complete the contract")
async def complete_contract(contract_id: str, request: WriteRequest, _: EmptyBody = None) -> Response:
    """Everything is final and paid; 409 lists what is in the way. Where nothing was paid, the contract ends instead."""
    tx = await request.begin()
    stored, by = await locked_contract(request, tx, contract_id)
    after = await execute(request, tx, stored, completion.CompleteContract(by), match_required=False)
    return await reply_contract(request, tx, after, by.role)
