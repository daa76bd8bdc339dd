"""Routes of milestones: fund, submit, release."""

from fastapi import Response
from skillscoop_chassis.http.problems import conflict, documented, invalid, not_found
from skillscoop_chassis.http.return_urls import check_return_url
from skillscoop_messages.ids import PREFIXES, new_id

from skillscoop_contracts.api.requests import FundRequest, ReleaseRequest, SubmitRequest
from skillscoop_contracts.api.routes import (
    Moneys,
    Nothing,
    Reads,
    Works,
    execute,
    locked_milestone,
    reader_role,
    reply_milestone,
    router,
    settings_of,
)
from skillscoop_contracts.api.shapes import MilestoneView
from skillscoop_contracts.api.views import as_seen_by, milestone_view, sees_terms
from skillscoop_contracts.domain import commands as c
from skillscoop_contracts.repository.loading import read_contract_of_milestone


@router.get("/v1/milestones/{milestone_id}", response_model=MilestoneView, summary="A milestone", tags=["milestones"])
async def get_milestone(milestone_id: str, read: Reads) -> Response:
    """The milestone with its money, what may happen next, and what is worth knowing."""
    tx = await read.begin()
    stored = await read_contract_of_milestone(tx, milestone_id)
    role = await reader_role(read, tx, stored, "milestone")
    milestone = stored.contract.milestone(milestone_id) if stored else None
    if stored is None or milestone is None or not sees_terms(stored.contract, role):
        raise not_found()
    answer = read.reply(milestone_view(as_seen_by(stored, role), milestone, tx.now()))
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
async def fund_milestone(milestone_id: str, body: FundRequest, work: Moneys) -> Response:
    """The client pays the price, held securely via Stripe. The payment itself is at `/v1/milestones/{id}/payment`."""
    settings = settings_of(work)
    check_return_url(
        "/return_url",
        body.return_url,
        settings.return_url_origins,
        production=settings.environment == "production",
    )
    if body.method == "payment_intent" and body.return_url is not None:
        # Nothing of ours would ever use it: the client's own script names the place when it confirms.
        raise invalid("/return_url", "return_url_unused", "With this method the page that confirms names the place.")
    tx = await work.begin()
    stored, by = await locked_milestone(work, tx, milestone_id)
    if by.role == "client" and stored.contract.currency not in settings.settlement_currencies:
        # It was agreed before the setting changed: charged now, the money could not be released.
        raise conflict("currency_not_settled", "Nothing can be paid in this currency now.", allowed=[])
    command = c.Fund(
        by=by,
        milestone_id=milestone_id,
        funding_id=new_id(PREFIXES["funding"]),
        amount=body.amount,
        revision=body.revision,
        method=body.method,
        return_url=body.return_url,
    )
    after = await execute(work, tx, stored, command, match_required=False)
    return await reply_milestone(work, tx, after, milestone_id, 202)


@router.post(
    "/v1/milestones/{milestone_id}/cancel-funding",
    response_model=MilestoneView,
    status_code=202,
    summary="Give up paying",
    tags=["milestones"],
    responses=documented(409),
)
async def cancel_funding(milestone_id: str, work: Works, _: Nothing = None) -> Response:
    """Ends the open payment where that is still possible; what really happened to it decides."""
    tx = await work.begin()
    stored, by = await locked_milestone(work, tx, milestone_id)
    after = await execute(work, tx, stored, c.CancelFunding(by, milestone_id), match_required=False)
    return await reply_milestone(work, tx, after, milestone_id, 202)


@router.post(
    "/v1/milestones/{milestone_id}/submit",
    response_model=MilestoneView,
    summary="Submit the work",
    tags=["milestones"],
    responses=documented(409),
)
async def submit_milestone(milestone_id: str, body: SubmitRequest, work: Works) -> Response:
    """The freelancer says that the work is ready; it shows in the chat."""
    tx = await work.begin()
    stored, by = await locked_milestone(work, tx, milestone_id)
    command = c.Submit(by, milestone_id, body.note, tuple(body.links), tuple(body.attachments))
    after = await execute(work, tx, stored, command, match_required=False)
    return await reply_milestone(work, tx, after, milestone_id, 200)


@router.post(
    "/v1/milestones/{milestone_id}/release",
    response_model=MilestoneView,
    status_code=202,
    summary="Release the payment",
    tags=["milestones"],
    responses=documented(409),
)
async def release_milestone(milestone_id: str, body: ReleaseRequest, work: Moneys) -> Response:
    """Everything held goes to the freelancer. Irrevocable; `settling` until the money is really on its way."""
    tx = await work.begin()
    stored, by = await locked_milestone(work, tx, milestone_id)
    command = c.Release(by, milestone_id, new_id(PREFIXES["settlement"]), body.amount)
    after = await execute(work, tx, stored, command, match_required=True)
    return await reply_milestone(work, tx, after, milestone_id, 202)
