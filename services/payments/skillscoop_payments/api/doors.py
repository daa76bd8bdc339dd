"""How requests come in: dependencies every route of this service shares."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import Depends, Request
from skillscoop_chassis.http.paging import PageParams, page_params
from skillscoop_chassis.http.requests import ReadingRequest, WritingRequest, money_transaction, reading, transaction
from skillscoop_chassis.tables import AUDIT_LOG
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_message_id

from skillscoop_payments.settings import PaymentsSettings
from skillscoop_payments.usecases.office import Office


async def audit(request: Request) -> AsyncIterator[WritingRequest]:
    """A transaction that is opened only when somebody reads what belongs to others."""
    async with AsyncExitStack() as stack:
        yield WritingRequest(request, stack, key_required=False)


Read = Annotated[ReadingRequest, Depends(reading, scope="function")]
Change = Annotated[WritingRequest, Depends(transaction, scope="function")]
MoneyChange = Annotated[WritingRequest, Depends(money_transaction, scope="function")]
Audit = Annotated[WritingRequest, Depends(audit, scope="function")]
Paging = Annotated[PageParams, Depends(page_params)]


async def audited(work: WritingRequest, action: str, subject: str, reason: str) -> None:
    """Write down that the caller did this, in the request's own transaction."""
    tx = await work.begin(replay=False)
    await note(work, tx, action, subject, reason)


async def note(work: WritingRequest, tx: Transaction, action: str, subject: str, reason: str) -> None:
    """Write down, in the open transaction `tx`, that the caller did this."""
    await tx.execute(
        AUDIT_LOG.insert(),
        {
            "id": new_message_id(),
            "at": tx.wall(),
            "actor": work.actor.id,
            "action": action,
            "subject": subject,
            "reason": reason,
            "request_id": work.request_id,
        },
    )


def office_of(asking: ReadingRequest | WritingRequest) -> Office:
    """What use cases need, as the service was built with it."""
    office: Office = asking.service.outside["office"]
    return office


def settings_of(asking: ReadingRequest | WritingRequest) -> PaymentsSettings:
    """This service's settings."""
    settings = asking.service.settings
    assert isinstance(settings, PaymentsSettings), "this service was built with its own settings"
    return settings
