"""How the post is put together for one service: relay, consumers, alarms and executors around one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from skillscoop_messages.relay import Relay

if TYPE_CHECKING:
    from skillscoop_chassis.service import Service

OUTBOX_LATE = timedelta(seconds=60)
"""An event that waits longer than this for the broker makes the process not ready."""


@asynccontextmanager
async def start_post(service: Service, *, consume: bool) -> AsyncIterator[None]:
    """Open the transport and start the relay; with `consume`, also take messages, alarms and outside calls."""
    relay = Relay(service.database, service.transport)
    service.database.after_flush = relay.offer
    service.outside["relay"] = relay
    await service.transport.open()
    tasks = [asyncio.create_task(relay.run(), name=f"{service.name}.relay")]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        service.database.after_flush = None
        await service.transport.close()


def watch_vitals(service: Service) -> None:
    """Readiness checks of database, transport and outbox, and the outbox' age as a metric."""
    relay: Relay = service.outside["relay"]

    async def database() -> str | None:
        await service.database.ping()
        return None

    async def broker() -> str | None:
        return service.transport.trouble()

    async def outbox() -> str | None:
        waiting = await relay.oldest_unpublished()
        return "events wait for the broker" if waiting is not None and waiting > OUTBOX_LATE else None

    async def gauges() -> Mapping[str, float]:
        waiting = await relay.oldest_unpublished()
        return {"outbox_oldest_unpublished_seconds": waiting.total_seconds() if waiting else 0.0}

    service.vitals.checks |= {"database": database, "broker": broker, "outbox": outbox}
    service.vitals.gauges(gauges)
