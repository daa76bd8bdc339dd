"""Rows to windows and back, and the lists people read."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from skillscoop_chassis.http.paging import Cursor, keyset
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.database import Transaction
from skillscoop_messages.events.base import AboutContract
from sqlalchemy import RowMapping

from skillscoop_reviews.domain.window import Review, State, Window, Words
from skillscoop_reviews.tables import REVIEWS, WINDOWS

# Any event about a contract may be the first we hear of it; an older one never takes a newer title back.
_LEARN = sa.text(
    """
    INSERT INTO windows AS known (contract_id, client_id, freelancer_id, title, title_sequence, state, version,
                                  created_at, updated_at)
    VALUES (:contract_id, :client_id, :freelancer_id, :title, :sequence, 'waiting', 1, :now, :now)
    ON CONFLICT (contract_id) DO UPDATE
    SET title = excluded.title, title_sequence = excluded.title_sequence
    WHERE known.title_sequence < excluded.title_sequence
    """
).bindparams(sa.bindparam("now", type_=UtcDateTime))


async def learn(tx: Transaction, about: AboutContract, sequence: int) -> None:
    """Note parties and title of a contract; `sequence` is the event's place in the contract's life."""
    await tx.execute(
        _LEARN,
        {
            "contract_id": about.contract_id,
            "client_id": about.client_id,
            "freelancer_id": about.freelancer_id,
            "title": about.title,
            "sequence": sequence,
            "now": tx.now(),
        },
    )


async def load(tx: Transaction, contract_id: str, *, lock: bool) -> Window | None:
    """The window of a contract with its reviews, or None; with `lock`, nobody else decides about it meanwhile."""
    statement = sa.select(WINDOWS).where(WINDOWS.c.contract_id == contract_id)
    row = await tx.first(for_update(statement) if lock else statement)
    if row is None:
        return None
    written = sa.select(REVIEWS).where(REVIEWS.c.contract_id == contract_id).order_by(REVIEWS.c.id)
    return _window(row, [review_of(one) for one in await tx.all(written)])


def _window(row: RowMapping, reviews: Sequence[Review]) -> Window:
    return Window(
        contract_id=row["contract_id"],
        client_id=row["client_id"],
        freelancer_id=row["freelancer_id"],
        title=row["title"],
        state=State(row["state"]),
        version=row["version"],
        closes_at=row["closes_at"],
        reviews=tuple(reviews),
    )


def review_of(row: RowMapping) -> Review:
    """A review from its row."""
    return Review(
        id=row["id"],
        author_id=row["author_id"],
        subject_id=row["subject_id"],
        words=Words(row["rating"], row["text"], row["aspects"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        published_at=row["published_at"],
    )


async def save(tx: Transaction, before: Window, after: Window) -> None:
    """Write what changed between two states of a locked window."""
    if (before.state, before.closes_at) != (after.state, after.closes_at):
        await tx.execute(
            sa.update(WINDOWS)
            .where(WINDOWS.c.contract_id == after.contract_id)
            .values(state=after.state.value, closes_at=after.closes_at, version=after.version + 1, updated_at=tx.now())
        )
    known = {one.id: one for one in before.reviews}
    for review in after.reviews:
        if review.id not in known:
            await tx.execute(REVIEWS.insert().values(contract_id=after.contract_id, **_columns(review)))
        elif known[review.id] != review:
            await tx.execute(sa.update(REVIEWS).where(REVIEWS.c.id == review.id).values(**_columns(review)))


def _columns(review: Review) -> Mapping[str, Any]:
    return {
        "id": review.id,
        "author_id": review.author_id,
        "subject_id": review.subject_id,
        "rating": review.words.rating,
        "aspects": dict(review.words.aspects),
        "text": review.words.text,
        "version": review.version,
        "created_at": review.created_at,
        "updated_at": review.updated_at,
        "published_at": review.published_at,
    }


async def published_about(tx: Transaction, subject_id: str, cursor: Cursor) -> Sequence[RowMapping]:
    """Public reviews of a person, newest first, for one page."""
    public = sa.select(REVIEWS).where(REVIEWS.c.subject_id == subject_id, REVIEWS.c.published_at.is_not(None))
    return await tx.all(keyset(public, REVIEWS.c.published_at, REVIEWS.c.id, cursor))


async def stars(tx: Transaction, subject_id: str) -> dict[int, int]:
    """How many public reviews gave a person how many stars; stars nobody gave are left out."""
    counted = (
        sa.select(REVIEWS.c.rating, sa.func.count().label("reviews"))
        .where(REVIEWS.c.subject_id == subject_id, REVIEWS.c.published_at.is_not(None))
        .group_by(REVIEWS.c.rating)
        .order_by(REVIEWS.c.rating)
    )
    return {row["rating"]: row["reviews"] for row in await tx.all(counted)}
