"""How the transport is put together for one service: relay, consumer, timers and executors around one database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import sqlalchemy as sa
from skillscoop_messages import asking, scheduled
from skillscoop_messages.consumer import Consumer
from skillscoop_messages.errors import TopologyMismatch
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.relay import Relay
from skillscoop_messages.scheduler import Scheduler, always_caught_up
from skillscoop_messages.tables import SCHEDULED
from skillscoop_messages.transport.waiting import quietly, stop

from skillscoop_chassis.service import Messaging, Service
from skillscoop_chassis.sql.causes import plainly

LOG = logging.getLogger(__name__)
OPEN_SECONDS = 10.0
CONSUMER_STOP_SECONDS = 15.0
STOP_SECONDS = 5.0
CLOSE_SECONDS = 15.0
"""Nothing at shutdown is waited for without a limit: what does not end in time is left behind and said."""
OUTBOX_LATE = timedelta(seconds=60)
"""An event that waits longer than this for the broker makes the process not ready."""

_PARKED = sa.select(sa.func.count().label("count")).select_from(SCHEDULED).where(SCHEDULED.c.state == "parked")
_PARKED_MONEY = _PARKED.where(
    SCHEDULED.c.kind == "message", SCHEDULED.c.subscriber.in_([one.name for one in SUBSCRIPTIONS.values() if one.money])
)


def build_messaging(service: Service) -> Messaging:
    """Put the transport together and connect the database's commits to the relay; nothing runs yet."""
    counted = service.vitals.counter(
        "messages", "Messages and timers by what became of them", ("subscriber", "outcome")
    )

    def observe(outcome: str, subscriber: str, count: int) -> None:
        if count:
            counted.labels(subscriber, outcome).inc(count)

    relay = Relay(service.database, service.transport)
    consumer: Consumer

    def nudge() -> None:
        messaging.scheduled.nudge()

    consumer = Consumer(
        service.database, service.transport, service.subscribers, SUBSCRIPTIONS, postponed=nudge, observe=observe
    )
    runner = Scheduler(
        service.database,
        service.timers,
        service.subscribers,
        caught_up_since=consumer.caught_up_since if service.subscribers else always_caught_up,
        observe=observe,
    )
    messaging = Messaging(relay, consumer, runner)
    service.database.after_flush = relay.offer
    return messaging


@asynccontextmanager
async def run_messaging(service: Service, messaging: Messaging, *, consume: bool) -> AsyncIterator[None]:
    """Publish what commits; with `consume`, also take messages, ring timers and make outside calls.

    A broker that is away keeps nobody from starting: commands are taken, their events wait in the outbox, and
    readiness says so until it is back. Raises TopologyMismatch when the broker has other queues than we need.
    """
    carried = [("relay", messaging.relay.run)]
    if consume and service.subscribers:
        carried.append(("consumer", messaging.consumer.run))
    tasks: list[asyncio.Task[None]] = []
    if consume:
        tasks.append(asyncio.create_task(messaging.scheduled.run(), name=f"{service.name}.scheduled"))
        for executor in service.executors:
            tasks.append(asyncio.create_task(executor.run(service.database), name=f"{service.name}.{executor.name}"))

    def begin() -> None:
        tasks.extend(asyncio.create_task(run(), name=f"{service.name}.{name}") for name, run in carried)

    try:
        if await _opened(service):
            begin()
        else:
            tasks.append(asyncio.create_task(_open_later(service, begin), name=f"{service.name}.open"))
        yield
    finally:
        service.vitals.closed.clear()
        # The consumer first: what it has in hand is settled while everything else still works.
        first = {task for task in tasks if task.get_name() in (f"{service.name}.consumer", f"{service.name}.open")}
        await stop(CONSUMER_STOP_SECONDS, first)
        await stop(STOP_SECONDS, set(tasks) - first)
        await quietly(CLOSE_SECONDS, service.transport.close())


async def _opened(service: Service) -> bool:
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await service.transport.open()
    except TopologyMismatch:
        raise
    except Exception as error:
        LOG.warning("the broker cannot be reached: %s", type(error).__name__)
        service.vitals.closed["broker"] = "cannot be reached"
        return False
    service.vitals.closed.pop("broker", None)
    return True


async def _open_later(service: Service, begin: Callable[[], None]) -> None:
    pause = 0.2
    while True:
        await asyncio.sleep(pause)
        try:
            if await _opened(service):
                break
        except TopologyMismatch as error:
            LOG.error("%s", error)
            service.vitals.closed["broker"] = "has other queues than this process needs"
        pause = min(pause * 2, 5.0)
    begin()


def watch_vitals(service: Service, messaging: Messaging, *, consume: bool) -> None:
    """Readiness checks of database, broker, outbox and consumers, and what waits as metrics."""

    async def database() -> str | None:
        try:
            await service.database.prove_writable()
        except Exception as error:
            return plainly(error)
        return None

    async def clock() -> str | None:
        return service.database.clock_trouble()

    async def broker() -> str | None:
        return service.vitals.closed.get("broker") or service.transport.trouble()

    async def outbox() -> str | None:
        waiting = await messaging.relay.oldest_unpublished()
        return "events wait for the broker" if waiting is not None and waiting > OUTBOX_LATE else None

    async def messages() -> str | None:
        return "messages cannot be handled" if messaging.consumer.trouble() else None

    async def parked() -> str | None:
        async with service.database.read() as tx:
            money = await tx.first(_PARKED_MONEY)
        count = money["count"] if money else 0
        return f"{count} messages that move money are parked" if count else None

    async def gauges() -> Mapping[str, float]:
        oldest = await messaging.relay.oldest_unpublished()
        async with service.database.read() as tx:
            waiting = await scheduled.waiting(tx)
            parked = await tx.first(_PARKED)
            money = await tx.first(_PARKED_MONEY)
            asked, unanswered = await asking.counts(tx)
        found = {
            "outbox_oldest_unpublished_seconds": oldest.total_seconds() if oldest else 0.0,
            "parked": float(parked["count"]) if parked else 0.0,
            "parked_money": float(money["count"]) if money else 0.0,
            "questions_open": float(asked),
            "questions_unanswered": float(unanswered),
        }
        for row in waiting:
            clock = service.clocks.business() if row["kind"] == "timer" else service.clocks.wall()
            found[f"scheduled_{row['kind']}_waiting"] = float(row["waiting"])
            found[f"scheduled_{row['kind']}_late_seconds"] = max(0.0, (clock - row["earliest"]).total_seconds())
        return found

    service.vitals.checks |= {"database": database, "clock": clock, "broker": broker, "outbox": outbox}
    if consume and service.subscribers:
        service.vitals.checks |= {"messages": messages, "parked": parked}
    service.vitals.gauges(gauges)
