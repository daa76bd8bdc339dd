"""Tables of the reviews service."""

import sqlalchemy as sa
from skillscoop_messages.columns import JsonDocument, UtcDateTime

METADATA = sa.MetaData()

WINDOWS = sa.Table(
    "windows",
    METADATA,
    sa.Column("contract_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("freelancer_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("title_sequence", sa.BigInteger, nullable=False, comment="the newest contracts event the title is from"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("closes_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    comment="one review window per contract, with what we know of the contract; the root that is locked first",
)

REVIEWS = sa.Table(
    "reviews",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, sa.ForeignKey("windows.contract_id"), nullable=False),
    sa.Column("author_id", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("rating", sa.Integer, nullable=False),
    sa.Column("aspects", JsonDocument, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("published_at", UtcDateTime, comment="null while the review is sealed"),
    sa.UniqueConstraint("contract_id", "author_id", name="reviews_one_per_side"),
    sa.Index(
        "reviews_published",
        "subject_id",
        "published_at",
        "id",
        postgresql_where=sa.text("published_at IS NOT NULL"),
        sqlite_where=sa.text("published_at IS NOT NULL"),
    ),
    comment="what one side wrote about the other; sealed until published",
)
