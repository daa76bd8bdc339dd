"""HTTP: reviews of a contract for its parties, published ones and ratings for everybody."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from skillscoop_chassis.http.paging import Page, PageParams, page, page_params
from skillscoop_chassis.http.problems import Problem, conflict, not_found, register_codes
from skillscoop_chassis.http.requests import ReadingRequest, WritingRequest, reading, transaction
from skillscoop_messages.ids import PREFIXES, new_id

from skillscoop_reviews import repository, usecases
from skillscoop_reviews.domain.window import Hidden, Refusal, Window, Words, Write, part_of
from skillscoop_reviews.shapes import (
    ContractReviews,
    RatingView,
    ReviewRequest,
    ReviewView,
    WindowView,
    moves,
    public_view,
    rating_view,
    view_for,
)

router = APIRouter(tags=["reviews"])
PUBLIC_PATHS = ("GET /v1/users/{user_id}/rating", "GET /v1/users/{user_id}/reviews")

register_codes(
    {
        "window_not_open": (
            409,
            "Reviews cannot be written now",
            "Reviews are written while the window is open: from the contract's end for as long as its policy says, or "
            "until both sides have written.",
        ),
    }
)

Reads = Annotated[ReadingRequest, Depends(reading, scope="function")]
Works = Annotated[WritingRequest, Depends(transaction, scope="function")]
Params = Annotated[PageParams, Depends(page_params)]


def _problem(refusal: Refusal, window: Window) -> Problem:
    """What the domain's refusal is over HTTP."""
    if isinstance(refusal, Hidden):
        return not_found()
    return conflict(
        "window_not_open",
        "Reviews can only be written while the review window is open.",
        state=window.state.value,
        version=window.version,
        allowed=[],
    )


@router.put("/v1/contracts/{contract_id}/review", response_model=ReviewView, summary="Review the other side")
async def put_review(contract_id: str, body: ReviewRequest, work: Works) -> Response:
    """Write or rewrite one's review. It stays sealed until both sides have written or the window closes."""
    tx = await work.begin()
    window = await repository.load(tx, contract_id, lock=True)
    if window is None or part_of(window, work.actor.id) is None:
        raise not_found()
    before = window.by(work.actor.id)
    work.match(before.version if before else 0)
    words = Words(body.rating, body.text, body.aspects or {})
    try:
        after = await usecases.carry_out(tx, window, Write(new_id(PREFIXES["review"]), words), work.actor.id)
    except Refusal as refusal:
        raise _problem(refusal, window) from refusal
    review = after.by(work.actor.id)
    if review is None:
        raise not_found()
    return await work.reply(view_for(after, review, work.actor.id, tx.now()), version=review.version)


@router.get("/v1/contracts/{contract_id}/reviews", response_model=ContractReviews, summary="Reviews of a contract")
async def list_contract_reviews(contract_id: str, read: Reads) -> Response:
    """Both reviews of a contract for its parties; of the other side's sealed one only that it exists."""
    tx = await read.begin()
    window = await repository.load(tx, contract_id, lock=False)
    if window is None or part_of(window, read.actor.id) is None:
        raise not_found()
    now = tx.now()
    newest_first = sorted(window.reviews, key=lambda one: (one.created_at, one.id), reverse=True)
    return read.reply(
        ContractReviews(
            data=[view_for(window, one, read.actor.id, now) for one in newest_first],
            window=WindowView(state=window.state.value, closes_at=window.closes_at, next=moves(window, now)),
        )
    )


@router.get("/v1/users/{user_id}/reviews", response_model=Page[ReviewView], summary="Published reviews of a person")
async def list_user_reviews(user_id: str, read: Reads, params: Params) -> Response:
    """What others published about somebody, newest first; nothing for the unknown. Needs no token."""
    cursor = read.cursor(params)
    tx = await read.begin()
    rows = await repository.published_about(tx, user_id, cursor)
    return read.reply(
        page(
            rows,
            cursor,
            lambda row: public_view(row["contract_id"], repository.review_of(row)),
            sort="published_at",
        )
    )


@router.get("/v1/users/{user_id}/rating", response_model=RatingView, summary="Rating of a person")
async def get_user_rating(user_id: str, read: Reads) -> Response:
    """Count, mean and histogram of somebody's published reviews; zero for the unknown. Needs no token."""
    tx = await read.begin()
    return read.reply(rating_view(user_id, await repository.stars(tx, user_id)))
