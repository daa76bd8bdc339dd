"""Who did what to which object, and why: one row per act, in the transaction of the act itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from skillscoop_messages.context import current_trace
from skillscoop_messages.ids import new_message_id

from skillscoop_chassis.tables import AUDIT_LOG

if TYPE_CHECKING:
    from skillscoop_messages.database import Transaction


async def audit(
    tx: Transaction,
    *,
    actor: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Note that `actor` did `action` to `subject`. `before` and `after` are JSON values; no secrets in them.

    The time is the wall clock's: who did something when is not a matter of played time.
    """
    await tx.execute(
        AUDIT_LOG.insert(),
        {
            "id": new_message_id(),
            "at": tx.wall(),
            "actor": actor,
            "action": action,
            "subject": subject,
            "before": None if before is None else dict(before),
            "after": None if after is None else dict(after),
            "reason": reason,
            "request_id": current_trace().request_id,
        },
    )
