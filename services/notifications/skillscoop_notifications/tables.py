"""Everything this service remembers: conversations, what people were told, how to reach them, and mail on its way."""

from __future__ import annotations

import sqlalchemy as sa
from skillscoop_messages.columns import JsonDocument, UtcDateTime
from skillscoop_messages.executor import lease_columns

METADATA = sa.MetaData()

CONVERSATIONS = sa.Table(
    "conversations",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, nullable=False, unique=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("freelancer_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("readers", JsonDocument, nullable=False, comment="users of our team who may read it now"),
    sa.Column(
        "freelancer_acted",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="whether the named freelancer ever wrote or moved anything; before, nobody learns their name",
    ),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("conversations_of_client", "client_id", "created_at", "id"),
    sa.Index("conversations_of_freelancer", "freelancer_id", "created_at", "id"),
    comment="one per contract, open from its creation",
)

_CARDS = sa.text("event_id IS NOT NULL")

MESSAGES = sa.Table(
    "messages",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, sa.ForeignKey("conversations.id"), nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False, comment="where it is shown; see domain/thread.py"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("author_id", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("card", JsonDocument),
    sa.Column("event_id", sa.Text, comment="cards only: the event it shows"),
    sa.Column("root", sa.Text, comment="cards only: source and subject, within which `sequence` counts"),
    sa.Column("sequence", sa.BigInteger),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("messages_shown", "conversation_id", "place", "id"),
    sa.Index(
        "messages_event", "conversation_id", "event_id", unique=True, postgresql_where=_CARDS, sqlite_where=_CARDS
    ),
    sa.Index(
        "messages_root", "conversation_id", "root", "sequence", "place", postgresql_where=_CARDS, sqlite_where=_CARDS
    ),
    comment="append-only: plain messages and the cards of moves",
)

READ_MARKS = sa.Table(
    "read_marks",
    METADATA,
    sa.Column("conversation_id", sa.Text, sa.ForeignKey("conversations.id"), nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("arrived", sa.Text, comment="the newest message that was there when the mark was set"),
    sa.PrimaryKeyConstraint("conversation_id", "user_id"),
    comment="up to which message a party has read; never moves back",
)

ASSIGNMENTS = sa.Table(
    "assignments",
    METADATA,
    sa.Column("dispute_id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text),
    sa.Column("second_approver_id", sa.Text),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="of the newest event taken over"),
    sa.Index("assignments_of_contract", "contract_id"),
    sa.Index("assignments_of_agent", "agent_id"),
    sa.Index("assignments_of_second_approver", "second_approver_id"),
    comment="who of our team works on which dispute: disputes' facts, the newest by sequence",
)

_UNREAD = sa.text("read_at IS NULL")

NOTIFICATIONS = sa.Table(
    "notifications",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("contract_id", sa.Text),
    sa.Column(
        "for_support",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="told to somebody of our team: shown only to a token with the role",
    ),
    sa.Column("read_at", UtcDateTime),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    # The second net under the inbox: nobody hears the same fact twice, even if a message is replayed after years.
    sa.Index("notifications_once", "user_id", "event_id", unique=True),
    sa.Index("notifications_newest", "user_id", "created_at", "id"),
    sa.Index("notifications_unread", "user_id", postgresql_where=_UNREAD, sqlite_where=_UNREAD),
    comment="the feed of each user",
)

STREAM_POSITIONS = sa.Table(
    "stream_positions",
    METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    comment="the last position given in each user's stream; its row is locked from there to the commit",
)

STREAM_ITEMS = sa.Table(
    "stream_items",
    METADATA,
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("event", sa.Text, nullable=False, comment="notification, message or object"),
    sa.Column("data", sa.Text, nullable=False, comment="JSON as it is sent"),
    sa.Column(
        "for_support",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="said to somebody of our team: needs the role in the token that listens",
    ),
    sa.Column("contract_id", sa.Text, comment="for_support only: needs a dispute of this contract they work on"),
    sa.Column("created_at", UtcDateTime, nullable=False, comment="wall time"),
    sa.PrimaryKeyConstraint("user_id", "position"),
    sa.Index("stream_items_age", "created_at"),
    comment="what each user's live stream says, gapless by position; kept a little over a day",
)

STREAM_TICKETS = sa.Table(
    "stream_tickets",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True, comment="sha256 of the ticket"),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("session_ends_at", UtcDateTime, nullable=False, comment="when the token it was asked with expires"),
    sa.Column(
        "support",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="whether the token it was asked with carries the role",
    ),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    comment="leave to open one stream without a header; wall time",
)

PEOPLE = sa.Table(
    "people",
    METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("email", sa.Text),
    sa.Column("email_confirmed_at", UtcDateTime),
    sa.Column("name", sa.Text),
    sa.Column("locale", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("mail", JsonDocument, nullable=False, comment="chosen e-mail preferences by kind"),
    sa.Column("mail_version", sa.Integer, nullable=False),
    sa.Column("code", sa.Text, comment="sha256 of the confirmation code that is out"),
    sa.Column("code_expires_at", UtcDateTime, comment="wall time"),
    sa.Column("code_tries", sa.Integer, nullable=False),
    sa.Column("codes_sent", sa.Integer, nullable=False),
    sa.Column("codes_since", UtcDateTime, comment="wall time from which `codes_sent` counts"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    comment="names and addresses: the only place in the whole system that knows them",
)

DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True, comment="also the Message-ID, the same at every attempt"),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("address", sa.Text, comment="only for codes, which go to an address that is not confirmed yet"),
    sa.Column("data", JsonDocument, nullable=False, comment="what the template says; emptied when done"),
    sa.Column("created_at", UtcDateTime, nullable=False, comment="wall time"),
    *lease_columns(),
    sa.Index(
        "deliveries_due",
        "state",
        "due_at",
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    ),
    comment="mail on its way: committed with the notice it repeats, sent afterwards, never in the way of anything",
)
