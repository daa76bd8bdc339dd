"""The audit log takes new rows and nothing else.

Revision ID: 0006
Revises: 0005
"""

from alembic import op
from skillscoop_chassis.append_only import refuse_changes

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in refuse_changes("audit_log", op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a database goes forward only")
