"""The tables of the transport. The same five stand in every service's own database."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from skillscoop_messages.columns import UtcDateTime

METADATA = MetaData()

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("published_at", UtcDateTime),
    Column("question", Text),
    Column("ask_again_at", UtcDateTime),
    Column("asked_again", Integer, nullable=False, server_default=text("0")),
    Column("acknowledged_at", UtcDateTime),
    # Only unmarked rows are ever searched for, so the index stays as small as the backlog.
    Index(
        "outbox_unpublished",
        "recorded_at",
        postgresql_where=text("published_at IS NULL"),
        sqlite_where=text("published_at IS NULL"),
    ),
    Index("outbox_correlation", "correlation_id"),
    # A question and its answers find each other by key, and whoever asks again finds the open ones by time.
    Index(
        "outbox_question",
        "question",
        postgresql_where=text("question IS NOT NULL"),
        sqlite_where=text("question IS NOT NULL"),
    ),
    Index(
        "outbox_ask_again",
        "ask_again_at",
        postgresql_where=text("ask_again_at IS NOT NULL"),
        sqlite_where=text("ask_again_at IS NOT NULL"),
    ),
    comment="events recorded by committed transactions; unmarked rows still have to be published",
)

EVENT_SEQUENCES = Table(
    "event_sequences",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
    comment="the highest sequence given to an event of each root",
)

INBOX = Table(
    "inbox",
    METADATA,
    Column("subscriber", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("subscriber", "message_id"),
    comment="messages a subscriber has handled; the row commits with the effect",
)

SCHEDULED = Table(
    "scheduled",
    METADATA,
    Column("subscriber", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("type", Text),
    Column("subject", Text),
    Column("correlation_id", Text),
    Column("body", LargeBinary),
    Column("reason", Text),
    Column("last_error", Text),
    Column("first_at", UtcDateTime, nullable=False),
    Column("parked_at", UtcDateTime),
    PrimaryKeyConstraint("subscriber", "message_id"),
    Index(
        "scheduled_waiting",
        "kind",
        "due_at",
        postgresql_where=text("state = 'waiting'"),
        sqlite_where=text("state = 'waiting'"),
    ),
    Index(
        "scheduled_parked",
        "parked_at",
        postgresql_where=text("state = 'parked'"),
        sqlite_where=text("state = 'parked'"),
    ),
    comment="what must happen at a time: retries, timers (message_id is the timer's key), and parked messages",
)
