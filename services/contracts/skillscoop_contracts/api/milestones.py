"""Routes of milestones: fund, submit, retract, release."""

from fastapi import Response
from skillscoop_chassis.http.dependencies import EmptyBody, MoneyWriteRequest, ReadRequest, WriteRequest
from skillscoop_chassis.http.match import MATCH_REQUIRED
from skillscoop_chassis.http.problems import conflict, documented, invalid, not_found
from skillscoop_chassis.http.return_urls import check_return_url
from skillscoop_messages.ids import PREFIXES, new_id

from skillscoop_contracts.api.caps import check_funding
from skillscoop_contracts.api.dependencies import (
    execute,
    locked_milestone,
    reader_role,
    reply_milestone,
    router,
    settings_of,
)
from skillscoop_contracts.api.requests import FundRequest, ReleaseRequest, SubmitRequest
from skillscoop_contracts.api.schemas import MilestoneView
from skillscoop_contracts.api.views.milestones import as_seen_by, milestone_view
from skillscoop_contracts.domain import delivery, funding
from skillscoop_contracts.repository.loading import read_contract_of_milestone, with_unanswered


@router.get("/v1/milestones/{milestone_id}", response_model=MilestoneView, summary="A milestone", tags=["milestones"])
async def get_milestone(milestone_id: str, request: ReadRequest) -> Response:
    """The milestone with its money, what may happen next, and what is worth knowing."""
    tx = await request.begin()
    stored = await read_contract_of_milestone(tx, milestone_id)
    role = await reader_role(request, tx, stored, "milestone")
    milestone = stored.contract.milestone(milestone_id) if stored else None
    if stored is None or milestone is None or not stored.contract.shows_terms_to(role):
        raise not_found()
    stored = await with_unanswered(tx, stored)
    answer = request.reply(milestone_view(as_seen_by(stored, role), milestone, tx.now()))
    # What may happen next also moves with the contract and the clock, so the tag is for If-Match, not for caching.
    answer.headers["ETag"] = f'"{milestone.version}"'
    return answer


@router.post(
    "/v1/milestones/{milestone_id}/fund",
    response_model=MilestoneView,
    status_code=202,
    summary="Fund a milestone",
    tags=["milestones"],
    responses=documented(409),
)
async def fund_milestone(milestone_id: str, body: FundRequest, request: MoneyWriteRequest) -> Response:
    """The client pays the price, held securely via Stripe. The payment itself is at `/v1/milestones/{id}/payment`."""
    settings = settings_of(request)
    check_return_url(
        "/return_url",
        body.return_url,
        settings.return_url_origins,
        production=settings.environment == "production",
    )
    if body.method == "payment_intent" and body.return_url is not None:
        # Nothing of ours would ever use it: the client's own script names the place when it confirms.
        raise invalid("/return_url", "return_url_unused", "With this method the page that confirms names the place.")
    tx = await request.begin()
    stored, by = await locked_milestone(request, tx, milestone_id)
    if by.role == "client" and stored.contract.currency not in settings.settlement_currencies:
        # It was agreed before the setting changed: charged now, the money could not be released.
        raise conflict("currency_not_settled", "Nothing can be paid in this currency now.", allowed=[])
    if by.role == "client":
        await check_funding(request, tx, milestone_id)
    command = funding.Fund(
        by=by,
        milestone_id=milestone_id,
        funding_id=new_id(PREFIXES["funding"]),
        amount=body.amount,
        revision=body.revision,
        method=body.method,
        return_url=body.return_url,
    )
    after = await execute(request, tx, stored, command, match_required=False)
    return await reply_milestone(request, tx, after, milestone_id, 202)


@router.post(
    "/v1/milestones/{milestone_id}/cancel-funding",
    response_model=MilestoneView,
    status_code=202,
    summary="Give up paying",
    tags=["milestones"],
    responses=documented(409),
)
async def cancel_funding(milestone_id: str, request: WriteRequest, _: EmptyBody = None) -> Response:
    """Ends the open payment where that is still possible; what really happened to it decides."""
    tx = await request.begin()
    stored, by = await locked_milestone(request, tx, milestone_id)
    after = await execute(request, tx, stored, funding.CancelFunding(by, milestone_id), match_required=False)
    return await reply_milestone(request, tx, after, milestone_id, 202)


@router.post(
    "/v1/milestones/{milestone_id}/submit",
    response_model=MilestoneView,
    summary="Submit the work",
    tags=["milestones"],
    responses=documented(409),
)
async def submit_milestone(milestone_id: str, body: SubmitRequest, request: WriteRequest) -> Response:
    """The freelancer says that the work is ready; it shows in the chat."""
    tx = await request.begin()
    stored, by = await locked_milestone(request, tx, milestone_id)
    command = delivery.Submit(by, milestone_id, body.note, tuple(body.links), tuple(body.attachments))
    after = await execute(request, tx, stored, command, match_required=False)
    return await reply_milestone(request, tx, after, milestone_id, 200)


@router.post(
    "/v1/milestones/{milestone_id}/retract",
    response_model=MilestoneView,
    summary="Take the submission back",
    tags=["milestones"],
    responses=documented(409),
)
async def retract_milestone(milestone_id: str, request: WriteRequest, _: EmptyBody = None) -> Response:
    """The freelancer goes on with the work, as long as the client has not acted; it shows in the chat."""
    tx = await request.begin()
    stored, by = await locked_milestone(request, tx, milestone_id)
    after = await execute(request, tx, stored, delivery.Retract(by, milestone_id), match_required=False)
    return await reply_milestone(request, tx, after, milestone_id, 200)


@router.post(
    "/v1/milestones/{milestone_id}/release",
    response_model=MilestoneView,
    status_code=202,
    summary="Release the payment",
    tags=["milestones"],
    responses=documented(409),
    openapi_extra=MATCH_REQUIRED,
)
async def release_milestone(milestone_id: str, body: ReleaseRequest, request: MoneyWriteRequest) -> Response:
    """Everything held goes to the freelancer. Irrevocable; `settling` until the money is really on its way."""
    tx = await request.begin()
    stored, by = await locked_milestone(request, tx, milestone_id)
    command = delivery.Release(by, milestone_id, new_id(PREFIXES["settlement"]), body.amount)
    after = await execute(request, tx, stored, command, match_required=True)
    return await reply_milestone(request, tx, after, milestone_id, 202)
