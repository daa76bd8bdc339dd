"""What this service's own routes share; what all services pass into routes is in the chassis."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import Depends, Request
from skillscoop_chassis.http.requests import ReadingRequest, WritingRequest
from skillscoop_chassis.tables import AUDIT_LOG
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_message_id

from skillscoop_payments.settings import PaymentsSettings
from skillscoop_payments.usecases.dependencies import Dependencies


async def audit(request: Request) -> AsyncIterator[WritingRequest]:
    """A transaction that is opened only when somebody reads what belongs to others."""
    async with AsyncExitStack() as stack:
        yield WritingRequest(request, stack, key_required=False)


AuditRequest = Annotated[WritingRequest, Depends(audit, scope="function")]


async def audited(request: WritingRequest, action: str, subject: str, reason: str) -> None:
    """Write down that the caller did this, in the request's own transaction."""
    tx = await request.begin(replay=False)
    await note(request, tx, action, subject, reason)


async def note(request: WritingRequest, tx: Transaction, action: str, subject: str, reason: str) -> None:
    """Write down, in the open transaction `tx`, that the caller did this."""
    await tx.execute(
        AUDIT_LOG.insert(),
        {
            "id": new_message_id(),
            "at": tx.wall(),
            "actor": request.actor.id,
            "action": action,
            "subject": subject,
            "reason": reason,
            "request_id": request.request_id,
        },
    )


def dependencies_of(request: ReadingRequest | WritingRequest) -> Dependencies:
    """What use cases need, as the service was built with it."""
    deps: Dependencies = request.service.outside["dependencies"]
    return deps


def settings_of(request: ReadingRequest | WritingRequest) -> PaymentsSettings:
    """This service's settings."""
    settings = request.service.settings
    assert isinstance(settings, PaymentsSettings), "this service was built with its own settings"
    return settings
