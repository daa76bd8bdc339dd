"""How reviews are told. What a sealed review says is in no event and in no notice."""

from skillscoop_notifications.domain.notice_template import Notice, NoticeTemplate

_REVIEW = ("review", "review_id")

REVIEWS: dict[str, tuple[NoticeTemplate, ...]] = {
    "reviews.review.received.v1": (
        NoticeTemplate(
            "review.received",
            _REVIEW,
            {
                "actor": Notice(
                    "Your review is in",
                    "It stays sealed until {other} has written one too, or the time for it is over.",
                ),
                "other": Notice(
                    "{Actor} reviewed “{title}”",
                    "You can read it once yours is in too, or when the time for it is over.",
                ),
            },
            actor_field="author_id",
        ),
    ),
    "reviews.review.published.v1": (
        NoticeTemplate(
            "review.published",
            _REVIEW,
            {
                "actor": Notice("Your review of {other} is public", "It is about “{title}”."),
                "other": Notice(
                    "{Actor}'s review of you is public",
                    "It is about “{title}”. You may reply once.",
                ),
            },
            actor_field="author_id",
            data=("rating",),
            mail=True,
        ),
    ),
}
