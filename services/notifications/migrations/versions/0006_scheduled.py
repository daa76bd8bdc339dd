"""What must happen at a time stands in `scheduled`, and its alarms are timers.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COMMENT = "what must happen at a time: retries, timers (message_id is the timer's key), and parked messages"


def upgrade() -> None:
    op.drop_index("later_waiting", table_name="later")
    op.drop_index("later_parked", table_name="later")
    op.rename_table("later", "scheduled")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX later_pkey RENAME TO scheduled_pkey")
        op.create_table_comment("scheduled", COMMENT)
    for name, columns, state in (
        ("scheduled_waiting", ["kind", "due_at"], "waiting"),
        ("scheduled_parked", ["parked_at"], "parked"),
    ):
        where = sa.text(f"state = '{state}'")
        op.create_index(name, "scheduled", columns, unique=False, postgresql_where=where, sqlite_where=where)
    op.execute("UPDATE scheduled SET kind = 'timer' WHERE kind = 'alarm'")


def downgrade() -> None:
    raise NotImplementedError("a database goes forward only")
