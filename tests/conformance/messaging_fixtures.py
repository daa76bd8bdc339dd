"""What the conformance suites share: a small published language, movable clocks, processes that live and die."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import aio_pika
from skillscoop_chassis.sql.database import SqlDatabase, open_database
from skillscoop_chassis.sql.engines import Layer
from skillscoop_messages import parked, tables
from skillscoop_messages.clock import Clocks
from skillscoop_messages.consumer import Consumer, MessageHandler, RetryPolicy, Subscriber
from skillscoop_messages.database import Database, Transaction
from skillscoop_messages.envelope import Envelope, decode, encode
from skillscoop_messages.events.base import Event
from skillscoop_messages.ids import new_id, new_message_id
from skillscoop_messages.outbox import record
from skillscoop_messages.relay import Relay
from skillscoop_messages.scheduled import TimerHandler
from skillscoop_messages.scheduler import Scheduler
from skillscoop_messages.transport.base import RawMessage, Subscription, Transport
from skillscoop_messages.transport.names import exchange_name, queue_name
from skillscoop_messages.transport.simulated import SimulatedTransport
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select, text
from sqlalchemy.schema import CreateIndex, CreateTable


class Shipped(Event):
    """A parcel left. The one event of these suites, with a rougher sibling."""

    type: ClassVar[str] = "conformance.parcel.shipped.v1"
    root: ClassVar[str] = "parcel_id"

    parcel_id: str
    note: str = ""


class Lost(Event):
    """A parcel is gone; only one subscription wants to know."""

    type: ClassVar[str] = "conformance.parcel.lost.v1"
    root: ClassVar[str] = "parcel_id"

    parcel_id: str


class Ignored(Event):
    """Nobody subscribes to this."""

    type: ClassVar[str] = "conformance.parcel.ignored.v1"
    root: ClassVar[str] = "parcel_id"

    parcel_id: str


BOOKING, MOURNING = "conformance.book_when_shipped", "conformance.mourn_when_lost"
SUBSCRIPTIONS = {
    one.name: one
    for one in (Subscription(BOOKING, (Shipped.type, Lost.type), money=True), Subscription(MOURNING, (Lost.type,)))
}
read_event = partial(decode, event_class={one.type: one for one in (Shipped, Lost, Ignored)}.get)

OWN_TABLES = MetaData()
EFFECTS = Table(
    "effects",
    OWN_TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("subscriber", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("message_id", Text),
)


async def eventually(found: Callable[[], Awaitable[bool]], within: float = 20.0) -> None:
    """Return as soon as `found` is true; fail when it is not in the end."""
    deadline = time.monotonic() + within
    while not await found():
        assert time.monotonic() < deadline, "this did not come to pass"
        await asyncio.sleep(0.01)


@dataclass
class Hands:
    """Both clocks of a test; each runs with real time and can be moved ahead."""

    business_ahead: timedelta = timedelta(0)
    wall_ahead: timedelta = timedelta(0)

    def clocks(self) -> Clocks:
        """The clocks as services see them."""
        return Clocks(
            business=lambda: datetime.now(UTC) + self.business_ahead,
            wall=lambda: datetime.now(UTC) + self.wall_ahead,
        )


class AwayOr:
    """A database that can be taken away: while it is, every transaction fails as with a server that is gone."""

    def __init__(self, inner: SqlDatabase) -> None:
        self._inner = inner
        self.service, self.dialect = inner.service, inner.dialect
        self.is_away, self.is_conflict = inner.is_away, inner.is_conflict
        self.away = False
        self.refused = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        self._gate()
        async with self._inner.begin() as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        self._gate()
        async with self._inner.read() as tx:
            yield tx

    def _gate(self) -> None:
        if self.away:
            self.refused += 1
            raise ConnectionRefusedError("the database is away")


@dataclass
class Messaging:
    """One transport's lasting part (file, broker, memory), and whatever process stands on it at the moment."""

    kind: str
    make: Callable[[], Transport]
    pump: Callable[[Transport], Awaitable[None]] | None = None
    live: list[Transport] = field(default_factory=list)
    pumps: list[asyncio.Task[None]] = field(default_factory=list)

    async def opened(self) -> Transport:
        """A process's own transport, open and moving."""
        transport = self.make()
        await transport.open()
        self.live.append(transport)
        if self.pump is not None:
            self.pumps.append(asyncio.create_task(self.pump(transport)))  # type: ignore[arg-type]
        return transport

    async def closed(self) -> None:
        """Every process is gone."""
        for pump in self.pumps:
            pump.cancel()
        await asyncio.gather(*self.pumps, return_exceptions=True)
        self.pumps.clear()
        for transport in self.live:
            await transport.close()
        self.live.clear()


async def keep_moving(transport: Transport) -> None:
    """Let a simulated post take its steps whenever there is one to take."""
    assert isinstance(transport, SimulatedTransport)
    while True:
        action = transport.choose()
        if action is not None:
            await transport.step(action)
        await asyncio.sleep(0 if action else 0.005)


async def delete_namespace(url: str, namespace: str) -> None:
    """Leave nothing of ours on a shared broker."""
    connection = await aio_pika.connect(url)
    channel = await connection.channel()
    for name in SUBSCRIPTIONS:
        await channel.queue_delete(queue_name(name, namespace))
        await channel.queue_delete(queue_name(name, namespace) + ".dead")
    await channel.exchange_delete(exchange_name(namespace))
    await connection.close()


@asynccontextmanager
async def conformance_database(url: str, clocks: Clocks, layer: Layer = "direct") -> AsyncIterator[SqlDatabase]:
    """Open a database and make these suites' tables in it."""
    opened = open_database(url, "conformance", clocks, layer=layer)
    async with opened.begin() as tx:
        for table in (*tables.METADATA.sorted_tables, *OWN_TABLES.sorted_tables):
            await tx.execute(CreateTable(table))
            for index in table.indexes:
                await tx.execute(CreateIndex(index))
    try:
        yield opened
    finally:
        await opened.close()


def booking(subscriber: str = BOOKING) -> MessageHandler:
    """A handler that writes one row for each message: a second row would be a second effect."""

    async def book(tx: Transaction, envelope: Envelope[Any]) -> None:
        await tx.execute(
            insert(EFFECTS), {"subscriber": subscriber, "root": envelope.subject, "message_id": envelope.id}
        )

    return book


async def effects(database: Database, subscriber: str = BOOKING) -> list[str]:
    """The roots a subscriber has written rows for, sorted; twice when it did so twice."""
    async with database.read() as tx:
        rows = await tx.all(select(EFFECTS.c.root).where(EFFECTS.c.subscriber == subscriber))
    return sorted(row["root"] for row in rows)


async def ship(database: Database, count: int = 1, note: str = "") -> list[str]:
    """A transaction that records `count` events, each of its own root; the roots, sorted."""
    roots = sorted(new_id("pcl") for _ in range(count))
    async with database.begin() as tx:
        record(tx, *(Shipped(parcel_id=root, note=note) for root in roots))
    return roots


async def parked_reasons(database: Database) -> list[str]:
    """Why things are parked."""
    async with database.read() as tx:
        return sorted(one.reason for one in await parked.parked_list(tx, limit=100))


async def count(database: Database, table: str, where: str = "true") -> int:
    """How many rows of a table meet a condition."""
    async with database.read() as tx:
        row = await tx.first(text(f"SELECT count(*) AS n FROM {table} WHERE {where}"))
    assert row is not None
    return int(row["n"])


@dataclass
class Running:
    """A process of the suites' service: what it is made of, and how it dies."""

    transport: Transport
    relay: Relay
    consumer: Consumer
    scheduled: Scheduler
    tasks: list[asyncio.Task[None]]

    async def dies(self) -> None:
        """Everything stops where it is."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@asynccontextmanager
async def process(
    post: Messaging,
    database: Any,
    handlers: dict[str, MessageHandler] | None = None,
    *,
    timers: dict[str, TimerHandler] | None = None,
    retry: RetryPolicy | None = None,
    relay: bool = True,
    scheduled: bool = True,
    consume: bool = True,
    patience: timedelta = timedelta(minutes=10),
    transport: Transport | None = None,
) -> AsyncIterator[Running]:
    """Run relay, consumer and scheduler of the suites' service on this transport and database."""
    transport = transport or await post.opened()
    subscribers = [
        Subscriber(name, handle, retry or RetryPolicy())
        for name, handle in (handlers if handlers is not None else {BOOKING: booking()}).items()
    ]
    the_relay = Relay(database, transport)
    if relay:
        getattr(database, "_inner", database).after_flush = the_relay.offer
    the_later = Scheduler(
        database, timers or {}, subscribers, caught_up_since=lambda: consumer.caught_up_since(), decode=read_event
    )
    consumer = Consumer(
        database,
        transport,
        subscribers,
        SUBSCRIPTIONS,
        decode=read_event,
        postponed=the_later.nudge,
        patience=patience,
    )
    runs = [consumer.run()] if consume else []
    runs += [the_relay.run()] if relay else []
    runs += [the_later.run()] if scheduled else []
    running = Running(transport, the_relay, consumer, the_later, [asyncio.create_task(one) for one in runs])
    try:
        yield running
    finally:
        await running.dies()
        getattr(database, "_inner", database).after_flush = None


def raws(*events: Event) -> list[RawMessage]:
    """Encoded events as an outbox would hold them, for tests of the transport alone."""
    return [
        RawMessage(
            envelope.id,
            envelope.type,
            envelope.subject,
            encode(envelope),
        )
        for envelope in (
            Envelope(
                id=new_message_id(),
                source="/services/conformance",
                type=event.type,
                subject=event.subject,
                time=datetime.now(UTC),
                sequence=1,
                correlation_id="story",
                causation_id=None,
                traceparent=None,
                data=event,
            )
            for event in events
        )
    ]


class Mailbox:
    """A batch handler that keeps what it got; it can be told to fail or to wait."""

    def __init__(self) -> None:
        self.batches: list[list[RawMessage]] = []
        self.errors: list[BaseException] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, batch: Sequence[RawMessage]) -> None:
        self.batches.append(list(batch))
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)

    def ids(self) -> list[str]:
        """Every id that came, in order, as often as it came."""
        return [raw.id for batch in self.batches for raw in batch]

    async def holds(self, ids: Sequence[str], within: float = 20.0) -> None:
        """Wait until all of them came at least once."""

        async def all_there() -> bool:
            return set(ids) <= set(self.ids())

        await eventually(all_there, within)
