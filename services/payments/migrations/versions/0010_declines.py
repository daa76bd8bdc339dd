"""Declined cards of one payment are counted.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("type = 'payment_intent.payment_failed'")
    op.create_index(
        "provider_notices_declines",
        "provider_notices",
        ["subject_ref"],
        unique=False,
        postgresql_where=where,
        sqlite_where=where,
    )


def downgrade() -> None:
    raise NotImplementedError("a database goes forward only")
