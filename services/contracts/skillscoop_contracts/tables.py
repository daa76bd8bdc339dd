"""What the contracts service keeps: agreements, milestones, money operations, and copies of others' news."""

import sqlalchemy as sa
from skillscoop_messages.columns import JsonDocument, UtcDateTime

METADATA = sa.MetaData()

CONTRACTS = sa.Table(
    "contracts",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("freelancer_id", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("last_revision", sa.Integer, nullable=False),
    sa.Column("terms_hash", sa.Text, nullable=False),
    sa.Column("pending", JsonDocument),
    sa.Column("policy", JsonDocument),
    sa.Column("offer_expires_at", UtcDateTime),
    sa.Column("auto_complete_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("contracts_client", "client_id", "created_at", "id"),
    sa.Index("contracts_freelancer", "freelancer_id", "created_at", "id"),
    comment="the root: every change of anything below locks its row here first",
)

MILESTONES = sa.Table(
    "milestones",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, sa.ForeignKey("contracts.id", name="milestones_contract"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("due_date", sa.Text),
    sa.Column("criteria", JsonDocument, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("held", sa.Integer, nullable=False),
    sa.Column("frozen_by", JsonDocument, nullable=False),
    sa.Column("funding_id", sa.Text),
    sa.Column("payment_id", sa.Text),
    sa.Column("checkout_expires_at", UtcDateTime),
    sa.Column("cancel_asked", sa.Boolean, nullable=False),
    sa.Column("submission", JsonDocument),
    sa.Column("rework_rounds", sa.Integer, nullable=False),
    sa.Column("settlement", JsonDocument),
    sa.Column("blocked_reason", sa.Text),
    sa.Column("blocked_sequence", sa.BigInteger, nullable=False),
    sa.Column("failure_reason", sa.Text),
    sa.Column("paid", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.CheckConstraint("held >= 0 AND held <= amount", name="milestones_held"),
    sa.Index("milestones_contract_position", "contract_id", "position"),
    comment="as the terms in force state them, with where their money stands; amounts in minor units",
)

TERMS = sa.Table(
    "terms",
    METADATA,
    sa.Column("contract_id", sa.Text, sa.ForeignKey("contracts.id", name="terms_contract"), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("milestones", JsonDocument, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("proposed_at", UtcDateTime),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("answered_at", UtcDateTime),
    sa.Column("answered_by", sa.Text),
    sa.Column("reason", sa.Text),
    sa.PrimaryKeyConstraint("contract_id", "revision"),
    comment="every revision ever proposed, word for word, and who answered it when",
)

MONEY_OPERATIONS = sa.Table(
    "money_operations",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, sa.ForeignKey("contracts.id", name="money_operations_contract"), nullable=False),
    sa.Column("milestone_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("payment_id", sa.Text),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    sa.Index("money_operations_contract", "contract_id", "opened_at"),
    # The last word on "fund clicked twice" and "released and decided at once", should every other check fail.
    sa.Index(
        "money_operations_one_open",
        "milestone_id",
        unique=True,
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open"),
    ),
    comment="every try to fund and every settlement; at most one is open per milestone",
)

TIMELINE = sa.Table(
    "timeline",
    METADATA,
    sa.Column("contract_id", sa.Text, sa.ForeignKey("contracts.id", name="timeline_contract"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Text),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("subject_type", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("data", JsonDocument, nullable=False),
    sa.PrimaryKeyConstraint("contract_id", "number"),
    comment="everything that happened to a contract, numbered without gaps",
)

DISPUTE_CASES = sa.Table(
    "dispute_cases",
    METADATA,
    sa.Column("contract_id", sa.Text, sa.ForeignKey("contracts.id", name="dispute_cases_contract"), nullable=False),
    sa.Column("dispute_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("decisions", JsonDocument, nullable=False),
    sa.PrimaryKeyConstraint("contract_id", "dispute_id"),
    comment="what a dispute was answered, so that each of its questions is answered once",
)

POLICIES = sa.Table(
    "policies",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", JsonDocument, nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=False),
    sa.Column("published_by", sa.Text),
    comment="every policy ever published; rows are only added",
)

PAYOUT_ACCOUNTS = sa.Table(
    "payout_accounts",
    METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    comment="copy of payments' news: whether a freelancer can be paid",
)

ASSIGNMENTS = sa.Table(
    "assignments",
    METADATA,
    sa.Column("dispute_id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text),
    sa.Column("second_approver_id", sa.Text),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Index("assignments_contract", "contract_id"),
    comment="copy of disputes' news: who of support may read a contract",
)
