"""What the reviews service tells others: one event for each fact that concerns them. Never what a review says."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from skillscoop_messages.database import Transaction
from skillscoop_messages.events import reviews
from skillscoop_messages.events.base import Event, ObjectRef
from skillscoop_messages.outbox import record

from skillscoop_reviews.domain.window import Closed, Edited, Fact, Opened, Published, Received, Review, Window


def tell(tx: Transaction, window: Window, facts: Iterable[Fact]) -> None:
    """Record the events of these facts with the transaction that makes them true.

    Raises KeyError for a fact nobody decided about: whether others are told is never an accident.
    """
    record(tx, *(EVENTS[type(one)](window, one) for one in facts if type(one) not in TOLD_TO_NOBODY))


def _about(window: Window, review: Review, state: str) -> dict[str, Any]:
    return {
        "contract_id": window.contract_id,
        "client_id": window.client_id,
        "freelancer_id": window.freelancer_id,
        "title": window.title,
        "review_id": review.id,
        "author_id": review.author_id,
        "subject_id": review.subject_id,
        "object": ObjectRef(type="review", id=review.id, version=review.version, state=state),
    }


def _received(window: Window, fact: Received) -> Event:
    return reviews.ReviewReceived(**_about(window, fact.review, "sealed"))


def _published(window: Window, fact: Published) -> Event:
    return reviews.ReviewPublished(**_about(window, fact.review, "published"), rating=fact.review.words.rating)


EVENTS: Mapping[type, Callable[[Window, Any], Event]] = {Received: _received, Published: _published}

TOLD_TO_NOBODY: frozenset[type] = frozenset({Opened, Edited, Closed})
"""A window is our own affair, and so is a sealed review. A fact neither here nor in EVENTS is an error."""
