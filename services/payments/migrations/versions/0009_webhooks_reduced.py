"""What is kept of webhooks names no people any more; what was kept before is emptied.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty them: nothing needs them, and Stripe shows its events for thirty days."""
    op.execute(sa.text("UPDATE provider_notices SET payload = NULL WHERE payload IS NOT NULL"))


def downgrade() -> None:
    """What is gone stays gone."""
