"""The first tables of contracts: its own, the post's and the chassis'.

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
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dispute_id"),
        comment="copy of disputes' news: who of support may read a contract",
    )
    op.create_index("assignments_contract", "assignments", ["contract_id"], unique=False)
    op.create_table(
        "contracts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("freelancer_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("last_revision", sa.Integer(), nullable=False),
        sa.Column("terms_hash", sa.Text(), nullable=False),
        sa.Column("pending", JsonDocument(), nullable=True),
        sa.Column("policy", JsonDocument(), nullable=True),
        sa.Column("offer_expires_at", UtcDateTime(), nullable=True),
        sa.Column("auto_complete_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="the root: every change of anything below locks its row here first",
    )
    op.create_index("contracts_client", "contracts", ["client_id", "created_at", "id"], unique=False)
    op.create_index("contracts_freelancer", "contracts", ["freelancer_id", "created_at", "id"], unique=False)
    op.create_table(
        "payout_accounts",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        comment="copy of payments' news: whether a freelancer can be paid",
    )
    op.create_table(
        "policies",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", JsonDocument(), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("version"),
        comment="every policy ever published; rows are only added",
    )
    op.create_table(
        "dispute_cases",
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decisions", JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name="dispute_cases_contract"),
        sa.PrimaryKeyConstraint("contract_id", "dispute_id"),
        comment="what a dispute was answered, so that each of its questions is answered once",
    )
    op.create_table(
        "milestones",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("due_date", sa.Text(), nullable=True),
        sa.Column("criteria", JsonDocument(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("frozen_by", JsonDocument(), nullable=False),
        sa.Column("funding_id", sa.Text(), nullable=True),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("checkout_expires_at", UtcDateTime(), nullable=True),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("submission", JsonDocument(), nullable=True),
        sa.Column("rework_rounds", sa.Integer(), nullable=False),
        sa.Column("settlement", JsonDocument(), nullable=True),
        sa.Column("blocked_reason", sa.Text(), nullable=True),
        sa.Column("blocked_sequence", sa.BigInteger(), nullable=False),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("paid", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("held >= 0 AND held <= amount", name="milestones_held"),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name="milestones_contract"),
        sa.PrimaryKeyConstraint("id"),
        comment="as the terms in force state them, with where their money stands; amounts in minor units",
    )
    op.create_index("milestones_contract_position", "milestones", ["contract_id", "position"], unique=False)
    op.create_table(
        "money_operations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("milestone_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name="money_operations_contract"),
        sa.PrimaryKeyConstraint("id"),
        comment="every try to fund and every settlement; at most one is open per milestone",
    )
    op.create_index(
        "money_operations_one_open",
        "money_operations",
        ["milestone_id"],
        unique=True,
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open"),
    )
    op.create_table(
        "terms",
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("milestones", JsonDocument(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name="terms_contract"),
        sa.PrimaryKeyConstraint("contract_id", "revision"),
        comment="every revision ever proposed, word for word, and who answered it when",
    )
    op.create_table(
        "timeline",
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("data", JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name="timeline_contract"),
        sa.PrimaryKeyConstraint("contract_id", "number"),
        comment="everything that happened to a contract, numbered without gaps",
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


def downgrade() -> None:
    op.drop_table("second_operator")
    op.drop_index("idempotency_keys_created_at", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index("audit_log_subject", table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_index(
        "outbox_unpublished",
        table_name="outbox",
        postgresql_where=sa.text("published_at IS NULL"),
        sqlite_where=sa.text("published_at IS NULL"),
    )
    op.drop_index("outbox_correlation", table_name="outbox")
    op.drop_table("outbox")
    op.drop_index(
        "later_waiting",
        table_name="later",
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.drop_index(
        "later_parked",
        table_name="later",
        postgresql_where=sa.text("state = 'parked'"),
        sqlite_where=sa.text("state = 'parked'"),
    )
    op.drop_table("later")
    op.drop_table("inbox")
    op.drop_table("event_sequences")
    op.drop_table("timeline")
    op.drop_table("terms")
    op.drop_index(
        "money_operations_one_open",
        table_name="money_operations",
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open"),
    )
    op.drop_table("money_operations")
    op.drop_index("milestones_contract_position", table_name="milestones")
    op.drop_table("milestones")
    op.drop_table("dispute_cases")
    op.drop_table("policies")
    op.drop_table("payout_accounts")
    op.drop_index("contracts_freelancer", table_name="contracts")
    op.drop_index("contracts_client", table_name="contracts")
    op.drop_table("contracts")
    op.drop_index("assignments_contract", table_name="assignments")
    op.drop_table("assignments")
