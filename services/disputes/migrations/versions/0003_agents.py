"""Who called with the role support, for only they may be given a case; and which milestones are final.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from skillscoop_messages.columns import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column(
            "seen_at",
            UtcDateTime(),
            nullable=False,
            comment="last call with the role, within a day; wall time",
        ),
        sa.PrimaryKeyConstraint("user_id"),
        comment="who may be given a case: roles stand in tokens only, so it is those who called with the role",
    )
    op.add_column(
        "milestones",
        sa.Column(
            "final",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="its money was delivered; stays so",
        ),
    )
