"""Tables of the disputes service."""

import sqlalchemy as sa
from skillscoop_messages.columns import JsonDocument, UtcDateTime

METADATA = sa.MetaData()

CONTRACTS = sa.Table(
    "contracts",
    METADATA,
    sa.Column("contract_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("freelancer_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="the newest event this row is from"),
    sa.Column("answer_days", sa.Integer, comment="null until the terms were approved, as the next two"),
    sa.Column("proposal_days", sa.Integer),
    sa.Column("second_approval_amounts", JsonDocument, comment="minor units by currency"),
    comment="our copy of contracts' facts: the parties, and what the contract's policy says about disputes",
)

MILESTONES = sa.Table(
    "milestones",
    METADATA,
    sa.Column("milestone_id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False, comment="minor units held and not decided about"),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="the newest event this row is from"),
    sa.Column(
        "final", sa.Boolean, nullable=False, server_default=sa.false(), comment="its money was delivered; stays so"
    ),
    sa.Index("milestones_contract", "contract_id"),
    comment="our copy of contracts' facts: where money is held",
)

DISPUTES = sa.Table(
    "disputes",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("freelancer_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("opened_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("statement", sa.Text, nullable=False),
    sa.Column("desired", JsonDocument, nullable=False),
    sa.Column("asked", JsonDocument),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("milestones", JsonDocument, nullable=False),
    sa.Column("rules", JsonDocument),
    sa.Column("answer", JsonDocument),
    sa.Column("answer_due_at", UtcDateTime),
    sa.Column("silent", sa.Boolean, nullable=False),
    sa.Column("assigned_to", sa.Text),
    sa.Column("second_approver", sa.Text),
    sa.Column("proposal", JsonDocument),
    sa.Column("proposals", sa.Integer, nullable=False),
    sa.Column("decision", JsonDocument),
    sa.Column("decisions", sa.Integer, nullable=False),
    sa.Column("due_at", UtcDateTime, comment="when silence moves it on; the timer reads it again"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("disputes_contract", "contract_id"),
    sa.Index("disputes_client", "client_id", "created_at", "id"),
    sa.Index("disputes_freelancer", "freelancer_id", "created_at", "id"),
    sa.Index("disputes_queue", "state", "created_at", "id"),
    comment="the root that is locked first; the nested values are read and written only as wholes",
)

CLAIMS = sa.Table(
    "claims",
    METADATA,
    sa.Column("milestone_id", sa.Text, primary_key=True),
    sa.Column("dispute_id", sa.Text, sa.ForeignKey("disputes.id"), nullable=False),
    sa.Index("claims_dispute", "dispute_id"),
    comment="which open dispute a milestone is in: the key lets it be in one only; deleted when the dispute ends",
)

AGENTS = sa.Table(
    "agents",
    METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("seen_at", UtcDateTime, nullable=False, comment="last call with the role, within a day; wall time"),
    comment="who may be given a case: roles stand in tokens only, so it is those who called with the role",
)

EVIDENCE = sa.Table(
    "evidence",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("dispute_id", sa.Text, sa.ForeignKey("disputes.id"), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("evidence_dispute", "dispute_id", "id"),
    comment="texts and files, kept with the case in one transaction and never changed",
)

NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("dispute_id", sa.Text, sa.ForeignKey("disputes.id"), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("notes_dispute", "dispute_id", "id"),
    comment="internal notes of support",
)

HISTORY = sa.Table(
    "history",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("dispute_id", sa.Text, sa.ForeignKey("disputes.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("happened", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="after it"),
    sa.Index("history_dispute", "dispute_id", "id"),
    comment="every fact of a dispute in order",
)
