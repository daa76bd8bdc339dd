"""Events that another service must answer stay open in the outbox until the answer took effect.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from skillscoop_messages.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("question", sa.Text(), nullable=True))
    op.add_column("outbox", sa.Column("ask_again_at", UtcDateTime(), nullable=True))
    op.add_column("outbox", sa.Column("asked_again", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("outbox", sa.Column("acknowledged_at", UtcDateTime(), nullable=True))
    for name, column in (("outbox_question", "question"), ("outbox_ask_again", "ask_again_at")):
        op.create_index(
            name,
            "outbox",
            [column],
            unique=False,
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
        )


def downgrade() -> None:
    raise NotImplementedError("a database goes forward only")
