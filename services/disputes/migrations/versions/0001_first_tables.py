"""The first tables of disputes: its own, the post's and the chassis'.

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
        "contracts",
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("freelancer_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="the newest event this row is from"),
        sa.Column(
            "answer_days", sa.Integer(), nullable=True, comment="null until the terms were approved, as the next two"
        ),
        sa.Column("proposal_days", sa.Integer(), nullable=True),
        sa.Column("second_approval_amounts", JsonDocument(), nullable=True, comment="minor units by currency"),
        sa.PrimaryKeyConstraint("contract_id"),
        comment="our copy of contracts' facts: the parties, and what the contract's policy says about disputes",
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("freelancer_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("desired", JsonDocument(), nullable=False),
        sa.Column("asked", JsonDocument(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("milestones", JsonDocument(), nullable=False),
        sa.Column("rules", JsonDocument(), nullable=True),
        sa.Column("answer", JsonDocument(), nullable=True),
        sa.Column("answer_due_at", UtcDateTime(), nullable=True),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("assigned_to", sa.Text(), nullable=True),
        sa.Column("second_approver", sa.Text(), nullable=True),
        sa.Column("proposal", JsonDocument(), nullable=True),
        sa.Column("proposals", sa.Integer(), nullable=False),
        sa.Column("decision", JsonDocument(), nullable=True),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True, comment="when silence moves it on; the alarm reads it again"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="the root that is locked first; the nested values are read and written only as wholes",
    )
    op.create_index("disputes_client", "disputes", ["client_id", "created_at", "id"], unique=False)
    op.create_index("disputes_contract", "disputes", ["contract_id"], unique=False)
    op.create_index("disputes_freelancer", "disputes", ["freelancer_id", "created_at", "id"], unique=False)
    op.create_index("disputes_queue", "disputes", ["state", "created_at", "id"], unique=False)
    op.create_table(
        "milestones",
        sa.Column("milestone_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False, comment="minor units held and not decided about"),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="the newest event this row is from"),
        sa.PrimaryKeyConstraint("milestone_id"),
        comment="our copy of contracts' facts: where money is held",
    )
    op.create_index("milestones_contract", "milestones", ["contract_id"], unique=False)
    op.create_table(
        "claims",
        sa.Column("milestone_id", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dispute_id"],
            ["disputes.id"],
        ),
        sa.PrimaryKeyConstraint("milestone_id"),
        comment="which open dispute a milestone is in: the key lets it be in one only; deleted when the dispute ends",
    )
    op.create_index("claims_dispute", "claims", ["dispute_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dispute_id"],
            ["disputes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="texts and files, kept with the case in one transaction and never changed",
    )
    op.create_index("evidence_dispute", "evidence", ["dispute_id", "id"], unique=False)
    op.create_table(
        "history",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("happened", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="after it"),
        sa.ForeignKeyConstraint(
            ["dispute_id"],
            ["disputes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="every fact of a dispute in order",
    )
    op.create_index("history_dispute", "history", ["dispute_id", "id"], unique=False)
    op.create_table(
        "notes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dispute_id"],
            ["disputes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="internal notes of support",
    )
    op.create_index("notes_dispute", "notes", ["dispute_id", "id"], unique=False)
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


def downgrade() -> None:
    for table in reversed(
        (
            "contracts",
            "disputes",
            "milestones",
            "claims",
            "evidence",
            "history",
            "notes",
            "event_sequences",
            "inbox",
            "later",
            "outbox",
            "audit_log",
            "idempotency_keys",
            "second_operator",
        )
    ):
        op.drop_table(table)
