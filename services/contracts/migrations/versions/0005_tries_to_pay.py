"""Tries to pay are counted by client, over their contracts.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("money_operations_contract", "money_operations", ["contract_id", "opened_at"])
