"""In which currency Stripe booked a payment: another one than it was paid in where the platform does not settle in it.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Whatever is booked so far was booked in the currency it was paid in."""
    op.add_column("payments", sa.Column("booking_currency", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("payments", "booking_currency")
