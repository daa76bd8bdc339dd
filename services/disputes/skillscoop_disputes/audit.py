"""Who did what to which dispute, and who of support read it: rows that are only ever added."""

from collections.abc import Mapping
from typing import Any

from skillscoop_chassis.tables import AUDIT_LOG
from skillscoop_messages.context import current_story
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_message_id

from skillscoop_disputes.domain.dispute import Dispute


async def note(
    tx: Transaction,
    actor: str,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Write one row, in the transaction of the act itself."""
    await tx.execute(
        AUDIT_LOG.insert().values(
            id=new_message_id(),
            at=tx.wall(),
            actor=actor,
            action=f"dispute.{action}",
            subject=subject,
            before=before,
            after=after,
            reason=reason,
            request_id=current_story().request_id,
        )
    )


def standing(dispute: Dispute) -> dict[str, Any]:
    """What an audit row tells of a dispute before and after an act."""
    return {
        "state": dispute.state.value,
        "version": dispute.version,
        "assigned_to": dispute.assigned_to,
        "second_approver": dispute.second_approver,
        "proposal": dispute.proposals,
        "decision": dispute.decisions,
    }
