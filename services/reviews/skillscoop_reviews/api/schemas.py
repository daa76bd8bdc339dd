"""What clients send and see."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from skillscoop_chassis.http.models import LongText, NextMove, Resource, StrictRequest, View, Warning

from skillscoop_reviews.domain.window import Review, Window, next_moves

Stars = Annotated[int, Field(strict=True, ge=1, le=5, examples=[5])]
AspectName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z_]{0,39}$")]


class ReviewRequest(StrictRequest):
    """One side's review. `aspects` may rate single sides of the work, such as `quality` or `communication`."""

    rating: Stars
    text: LongText
    aspects: Annotated[dict[AspectName, Stars] | None, Field(max_length=10, examples=[{"communication": 5}])] = None


class ReviewView(Resource):
    """A review. While it is sealed, `rating`, `aspects` and `text` are null to everybody but its author."""

    object: Literal["review"] = "review"
    contract_id: str
    author_id: str
    subject_id: str
    state: Literal["sealed", "published"]
    rating: int | None
    aspects: dict[str, int] | None
    text: str | None
    published_at: datetime | None = None
    next: list[NextMove] = Field(default_factory=list)
    warnings: list[Warning] = Field(default_factory=list)


class WindowView(View):
    """When reviews may be written: `waiting` for the contract's end, `open`, or `closed`."""

    state: Literal["waiting", "open", "closed"]
    closes_at: datetime | None
    next: list[NextMove]


class ContractReviews(View):
    """The reviews of one contract, at most one per side, and how the window stands."""

    data: list[ReviewView]
    next_cursor: str | None = None
    window: WindowView


class RatingView(View):
    """What somebody's published reviews add up to: `mean` to two decimals, `histogram` of reviews by stars."""

    object: Literal["rating"] = "rating"
    user_id: str
    count: int
    mean: float | None
    histogram: dict[str, int]


def moves(window: Window, now: datetime) -> list[NextMove]:
    """The open moves of a window as answers show them."""
    return [
        NextMove(
            action=one.action,
            actor=one.actor,
            due_at=one.due_at,
            on_timeout=one.on_timeout,
            blocked_reason=one.blocked_reason,
        )
        for one in next_moves(window, now)
    ]


def public_view(contract_id: str, review: Review) -> ReviewView:
    """A published review, whole, for everybody."""
    return _whole(contract_id, review, [])


def view_for(window: Window, review: Review, reader_id: str, now: datetime) -> ReviewView:
    """A review as one of the parties may see it: sealed, the other side learns only that it exists."""
    if review.published_at or review.author_id == reader_id:
        return _whole(window.contract_id, review, moves(window, now))
    return ReviewView(
        id=review.id,
        version=1,
        created_at=review.created_at,
        # Not even that it was edited may show.
        updated_at=review.created_at,
        contract_id=window.contract_id,
        author_id=review.author_id,
        subject_id=review.subject_id,
        state="sealed",
        rating=None,
        aspects=None,
        text=None,
    )


def _whole(contract_id: str, review: Review, open_moves: list[NextMove]) -> ReviewView:
    return ReviewView(
        id=review.id,
        version=review.version,
        created_at=review.created_at,
        updated_at=review.updated_at,
        contract_id=contract_id,
        author_id=review.author_id,
        subject_id=review.subject_id,
        state="published" if review.published_at else "sealed",
        rating=review.words.rating,
        aspects=dict(review.words.aspects),
        text=review.words.text,
        published_at=review.published_at,
        next=open_moves,
    )


def rating_view(user_id: str, stars: dict[int, int]) -> RatingView:
    """The summary of `stars`, reviews by number of stars; of nothing: 0, null and an empty histogram."""
    count = sum(stars.values())
    return RatingView(
        user_id=user_id,
        count=count,
        mean=round(sum(star * number for star, number in stars.items()) / count, 2) if count else None,
        histogram={str(star): number for star, number in stars.items()},
    )
