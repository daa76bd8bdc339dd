"""What the reviews service says. A sealed review's content is in no event."""

from typing import ClassVar

from skillscoop_messages.events.base import AboutContract


class ReviewReceived(AboutContract):
    """A party wrote a review; what it says stays sealed."""

    type: ClassVar[str] = "reviews.review.received.v1"

    review_id: str
    author_id: str
    subject_id: str


class ReviewPublished(AboutContract):
    """A review is public now."""

    type: ClassVar[str] = "reviews.review.published.v1"

    review_id: str
    author_id: str
    subject_id: str
    rating: int
