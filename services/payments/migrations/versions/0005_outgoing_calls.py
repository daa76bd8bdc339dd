"""Outgoing calls know when their key was first tried and which try is unanswered; second objects; operators' alerts.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from skillscoop_messages.columns import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Pending calls that were tried count as unanswered until now: it was not written down before."""
    with op.batch_alter_table("stripe_operations") as table:
        table.alter_column("key_since", existing_type=UtcDateTime(timezone=True), nullable=True)
        table.add_column(sa.Column("tried_at", UtcDateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("unanswered_at", UtcDateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("search_cursor", sa.Text(), nullable=True))
    op.execute(sa.text("UPDATE stripe_operations SET key_since = NULL WHERE state = 'pending' AND attempts = 0"))
    op.execute(
        sa.text(
            "UPDATE stripe_operations SET unanswered_at = updated_at"
            " WHERE state = 'pending' AND attempts > 0 AND search_first IS FALSE"
        )
    )
    op.add_column("payments", sa.Column("second_of", sa.Text(), nullable=True))
    op.create_table(
        "operator_alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "subject", name="operator_alerts_once"),
        comment="what about money only a person can decide, each told once",
    )
    op.create_index(
        "operator_alerts_open",
        "operator_alerts",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
        sqlite_where=sa.text("resolved_at IS NULL"),
    )


def downgrade() -> None:
    """Drop what was added."""
    op.drop_table("operator_alerts")
    op.drop_column("payments", "second_of")
    with op.batch_alter_table("stripe_operations") as table:
        table.drop_column("search_cursor")
        table.drop_column("unanswered_at")
        table.drop_column("tried_at")
