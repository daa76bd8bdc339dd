"""What is said to somebody as one of our team is marked: it is shown only to a token with the role.

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
    op.add_column(
        "notifications",
        sa.Column(
            "for_support",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="told to somebody of our team: shown only to a token with the role",
        ),
    )
    op.add_column(
        "stream_items",
        sa.Column(
            "for_support",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="said to somebody of our team: needs the role in the token that listens",
        ),
    )
    op.add_column(
        "stream_items",
        sa.Column(
            "contract_id",
            sa.Text(),
            nullable=True,
            comment="for_support only: needs a dispute of this contract they work on",
        ),
    )
    op.add_column(
        "stream_tickets",
        sa.Column(
            "support",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="whether the token it was asked with carries the role",
        ),
    )
