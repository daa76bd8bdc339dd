"""Which operation is the newest refund of a settlement: news of the ones before it no longer concern it.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; ids of operations rise with time, so the highest is the newest."""
    op.add_column("settlements", sa.Column("refund_operation", sa.Text(), nullable=True))
    op.execute(
        sa.text(
            "UPDATE settlements SET refund_operation = (SELECT max(id) FROM stripe_operations"
            " WHERE stripe_operations.settlement_id = settlements.id AND kind = 'create_refund')"
        )
    )


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("settlements", "refund_operation")
