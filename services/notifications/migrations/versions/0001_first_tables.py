"""The first tables of notifications: its own, the post's and the chassis'.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from skillscoop_messages.columns import JsonDocument, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignments",
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("second_approver_id", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the newest event taken over"),
        sa.PrimaryKeyConstraint("dispute_id"),
        comment="who of our team works on which dispute: disputes' facts, the newest by sequence",
    )
    op.create_index("assignments_of_agent", "assignments", ["agent_id"], unique=False)
    op.create_index("assignments_of_contract", "assignments", ["contract_id"], unique=False)
    op.create_index("assignments_of_second_approver", "assignments", ["second_approver_id"], unique=False)
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("freelancer_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("readers", JsonDocument(), nullable=False, comment="users of our team who may read it now"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("contract_id"),
        comment="one per contract, open from its creation",
    )
    op.create_index("conversations_of_client", "conversations", ["client_id", "created_at", "id"], unique=False)
    op.create_index("conversations_of_freelancer", "conversations", ["freelancer_id", "created_at", "id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False, comment="also the Message-ID, the same at every attempt"),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column(
            "address",
            sa.Text(),
            nullable=True,
            comment="only for codes, which go to an address that is not confirmed yet",
        ),
        sa.Column("data", JsonDocument(), nullable=False, comment="what the template says; emptied when done"),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="wall time"),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="mail on its way: committed with the notice it repeats, sent afterwards, never in the way of anything",
    )
    op.create_index(
        "deliveries_due",
        "deliveries",
        ["state", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=True),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="the feed of each user",
    )
    op.create_index("notifications_newest", "notifications", ["user_id", "created_at", "id"], unique=False)
    op.create_index("notifications_once", "notifications", ["user_id", "event_id"], unique=True)
    op.create_index(
        "notifications_unread",
        "notifications",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("read_at IS NULL"),
        sqlite_where=sa.text("read_at IS NULL"),
    )
    op.create_table(
        "people",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("mail", JsonDocument(), nullable=False, comment="chosen e-mail preferences by kind"),
        sa.Column("mail_version", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True, comment="sha256 of the confirmation code that is out"),
        sa.Column("code_expires_at", UtcDateTime(), nullable=True, comment="wall time"),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("codes_sent", sa.Integer(), nullable=False),
        sa.Column("codes_since", UtcDateTime(), nullable=True, comment="wall time from which `codes_sent` counts"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        comment="names and addresses: the only place in the whole system that knows them",
    )
    op.create_table(
        "stream_items",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="notification, message or object"),
        sa.Column("data", sa.Text(), nullable=False, comment="JSON as it is sent"),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="wall time"),
        sa.PrimaryKeyConstraint("user_id", "position"),
        comment="what each user's live stream says, gapless by position; kept a little over a day",
    )
    op.create_index("stream_items_age", "stream_items", ["created_at"], unique=False)
    op.create_table(
        "stream_positions",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        comment="the last position given in each user's stream; its row is locked from there to the commit",
    )
    op.create_table(
        "stream_tickets",
        sa.Column("id", sa.Text(), nullable=False, comment="sha256 of the ticket"),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("session_ends_at", UtcDateTime(), nullable=False, comment="when the token it was asked with expires"),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="leave to open one stream without a header; wall time",
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False, comment="where it is shown; see domain/thread.py"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("card", JsonDocument(), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=True, comment="cards only: the event it shows"),
        sa.Column(
            "root", sa.Text(), nullable=True, comment="cards only: source and subject, within which `sequence` counts"
        ),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="append-only: plain messages and the cards of moves",
    )
    op.create_index(
        "messages_event",
        "messages",
        ["conversation_id", "event_id"],
        unique=True,
        postgresql_where=sa.text("event_id IS NOT NULL"),
        sqlite_where=sa.text("event_id IS NOT NULL"),
    )
    op.create_index(
        "messages_root",
        "messages",
        ["conversation_id", "root", "sequence", "place"],
        unique=False,
        postgresql_where=sa.text("event_id IS NOT NULL"),
        sqlite_where=sa.text("event_id IS NOT NULL"),
    )
    op.create_index("messages_shown", "messages", ["conversation_id", "place", "id"], unique=False)
    op.create_table(
        "read_marks",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("conversation_id", "user_id"),
        comment="up to which message a party has read; never moves back",
    )
    op.create_table(
        "event_sequences",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
        comment="the highest sequence given to an event of each root",
    )
    op.create_table(
        "inbox",
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber", "message_id"),
        comment="messages a subscriber has handled; the row commits with the effect",
    )
    op.create_table(
        "later",
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("parked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("subscriber", "message_id"),
        comment="what must happen at a time: retries, alarms (message_id is the alarm's key), and parked messages",
    )
    op.create_index(
        "later_parked",
        "later",
        ["parked_at"],
        unique=False,
        postgresql_where=sa.text("state = 'parked'"),
        sqlite_where=sa.text("state = 'parked'"),
    )
    op.create_index(
        "later_waiting",
        "later",
        ["kind", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="events recorded by committed transactions; unmarked rows still have to be published",
    )
    op.create_index("outbox_correlation", "outbox", ["correlation_id"], unique=False)
    op.create_index(
        "outbox_unpublished",
        "outbox",
        ["recorded_at"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
        sqlite_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("before", JsonDocument(), nullable=True),
        sa.Column("after", JsonDocument(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_log_subject", "audit_log", ["subject", "id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.String(length=64), nullable=False, comment="sha256 of subject, method, path and key"),
        sa.Column("fingerprint", sa.String(length=64), nullable=False, comment="sha256 of the body as it was sent"),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", JsonDocument(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "second_operator",
        sa.Column("operation", sa.String(length=300), nullable=False, comment="method and path"),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("operation"),
    )
