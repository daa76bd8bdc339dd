"""A read mark remembers what had arrived when it was set.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "read_marks",
        sa.Column(
            "arrived", sa.Text(), nullable=True, comment="the newest message that was there when the mark was set"
        ),
    )
