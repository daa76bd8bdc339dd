"""Whether the named freelancer took part in a conversation: before, nobody learns their name.

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
    op.add_column(
        "conversations",
        sa.Column(
            "freelancer_acted",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="whether the named freelancer ever wrote or moved anything; before, nobody learns their name",
        ),
    )
    op.execute(
        "UPDATE conversations SET freelancer_acted = true WHERE EXISTS (SELECT 1 FROM messages"
        " WHERE messages.conversation_id = conversations.id AND messages.author_id = conversations.freelancer_id)"
    )
