"""Who did what, and why: rows that are only ever added."""

from typing import Any

import sqlalchemy as sa
from skillscoop_chassis.tables import AUDIT_LOG
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_message_id


async def audit(
    tx: Transaction,
    actor: str,
    action: str,
    subject: str,
    *,
    before: Any = None,
    after: Any = None,
    reason: str | None = None,
    request_id: str | None = None,
) -> None:
    """Add a row to the audit log; `at` is wall time."""
    await tx.execute(
        sa.insert(AUDIT_LOG),
        {
            "id": new_message_id(),
            "at": tx.wall(),
            "actor": actor,
            "action": action,
            "subject": subject,
            "before": before,
            "after": after,
            "reason": reason,
            "request_id": request_id,
        },
    )
