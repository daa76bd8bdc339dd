"""What FastAPI passes into the routes of this service, and what every call of our team leaves behind."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from skillscoop_chassis.access import is_support
from skillscoop_chassis.http.edge import request_context
from skillscoop_chassis.http.requests import (
    ServiceRequest,
    WritingRequest,
    transaction,
)
from skillscoop_chassis.service import Service

from skillscoop_disputes import repository
from skillscoop_disputes.domain.dispute import Actor

REMEMBERED_AGAIN = timedelta(days=1)
REMEMBERED = 10_000


async def remember_agent(request: Request) -> None:
    """Note that the caller's token carries the role support: they may be given cases from now on."""
    caller = request_context(request).actor
    if caller is None or not is_support(caller):
        return
    service: Service = request.app.state.service
    known: dict[str, datetime] = service.outside["agents"]
    if known.get(caller.id, datetime.min.replace(tzinfo=UTC)) > service.clocks.wall() - REMEMBERED_AGAIN:
        return
    async with service.database.begin() as tx:
        await repository.remember_agent(tx, caller.id)
        known[caller.id] = tx.wall()
        while len(known) > REMEMBERED:
            del known[next(iter(known))]


async def audited_reading(request: Request) -> AsyncIterator[WritingRequest]:
    """A request that reads, in a transaction that may note who read."""
    async for work in transaction(request):
        yield work


AuditedReadRequest = Annotated[WritingRequest, Depends(audited_reading, scope="function")]


def acting(asking: ServiceRequest) -> Actor:
    """The caller as the domain knows them."""
    return Actor(asking.actor.id, is_support(asking.actor))
