"""HTTP: reviews of a contract for its parties, published ones and ratings for everybody."""

from fastapi import APIRouter, Response
from skillscoop_chassis.http.dependencies import PageQuery, ReadRequest, WriteRequest
from skillscoop_chassis.http.paging import Page, page
from skillscoop_chassis.http.problems import not_found
from skillscoop_messages.ids import PREFIXES, new_id

from skillscoop_reviews import repository, usecases
from skillscoop_reviews.api.error_mapping import problem_of
from skillscoop_reviews.api.schemas import (
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
from skillscoop_reviews.domain.window import Refusal, Words, Write, part_of

router = APIRouter(tags=["reviews"])


@router.put("/v1/contracts/{contract_id}/review", response_model=ReviewView, summary="Review the other side")
async def put_review(contract_id: str, body: ReviewRequest, work: WriteRequest) -> Response:
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
        raise problem_of(refusal, window) from refusal
    review = after.by(work.actor.id)
    if review is None:
        raise not_found()
    return await work.reply(view_for(after, review, work.actor.id, tx.now()), version=review.version)


@router.get("/v1/contracts/{contract_id}/reviews", response_model=ContractReviews, summary="Reviews of a contract")
async def list_contract_reviews(contract_id: str, read: ReadRequest) -> Response:
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
async def list_user_reviews(user_id: str, read: ReadRequest, params: PageQuery) -> Response:
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
async def get_user_rating(user_id: str, read: ReadRequest) -> Response:
    """Count, mean and histogram of somebody's published reviews; zero for the unknown. Needs no token."""
    tx = await read.begin()
    return read.reply(rating_view(user_id, await repository.stars(tx, user_id)))
