"""Payments under an operator's review, and how far the provider's list of bookings was read.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from skillscoop_messages.columns import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("payments", sa.Column("under_review", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "sweeps",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="how far each list of the provider's was read",
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sweeps")
    op.drop_column("payments", "under_review")
