"""Stopping: a cancellation at any await of the consumer and of a transport ends what was cancelled, in time."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages.transport.base import Transport
from skillscoop_messages.transport.rabbitmq import RabbitTransport
from skillscoop_messages.transport.waiting import first_of

from tests.conformance.messaging_fixtures import (
    BOOKING,
    SUBSCRIPTIONS,
    AwayOr,
    Mailbox,
    Messaging,
    Shipped,
    delete_namespace,
    effects,
    eventually,
    process,
    raws,
    ship,
)
from tests.support.cancelling import ENDS_WITHIN, Cancelled, at_every_await

MOST_AWAITS = 60
LOOKING_ON = 0.3
"""Seconds after which a part that has not come as far as the await in question is cancelled where it rests."""


@pytest.fixture
async def transport(rabbit_url: str) -> AsyncIterator[RabbitTransport]:
    """A transport over RabbitMQ that consumes one queue."""
    namespace = f"stopping-{uuid.uuid4().hex[:8]}"
    opened = RabbitTransport(rabbit_url, SUBSCRIPTIONS.values(), namespace)
    await opened.open()
    await opened.subscribe(SUBSCRIPTIONS[BOOKING], Mailbox())
    yield opened
    await opened.close()
    await delete_namespace(rabbit_url, namespace)


async def closed_in_time(transport: Transport) -> None:
    """Close it; fail when that does not end."""
    _, pending = await asyncio.wait((asyncio.ensure_future(transport.close()),), timeout=ENDS_WITHIN)
    assert not pending, "closing does not end"


@pytest.mark.servers
async def test_looking_at_the_backlog_ends_when_it_is_cancelled_wherever_it_stands(transport: RabbitTransport) -> None:
    """Given a transport that consumes, when a look at its backlog is cancelled at any await, then it ends cancelled,
    and the transport goes on working."""
    ends = await at_every_await(transport.backlog)

    assert set(ends) == {"cancelled"}
    assert await transport.backlog() == {BOOKING: 0}
    sent = raws(Shipped(parcel_id="pcl_1"))
    assert await transport.publish(sent) == {sent[0].id}


@pytest.mark.servers
async def test_publishing_ends_when_it_is_cancelled_wherever_it_stands(transport: RabbitTransport) -> None:
    """Given an open transport, when publishing is cancelled at any await, then it ends cancelled, and what is
    published afterwards is confirmed."""
    ends = await at_every_await(lambda: transport.publish(raws(Shipped(parcel_id="pcl_1"))))

    assert set(ends) == {"cancelled"}
    sent = raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(700)))
    assert await transport.publish(sent) == {raw.id for raw in sent}


@pytest.mark.servers
async def test_opening_and_closing_end_when_they_are_cancelled_wherever_they_stand(rabbit_url: str) -> None:
    """Given a broker, when opening and closing a transport is cancelled at any await, then it ends cancelled, and
    closing it once more ends in time."""
    namespace = f"stopping-{uuid.uuid4().hex[:8]}"
    made: list[RabbitTransport] = []

    async def live() -> None:
        transport = RabbitTransport(rabbit_url, SUBSCRIPTIONS.values(), namespace)
        made.append(transport)
        await transport.open()
        await transport.subscribe(SUBSCRIPTIONS[BOOKING], Mailbox())
        await transport.close()

    ends = await at_every_await(live, turns=range(2))

    assert set(ends) == {"cancelled"}
    for transport in made:
        await closed_in_time(transport)
    await delete_namespace(rabbit_url, namespace)


async def test_a_transport_closes_in_time_whatever_its_subscription_is_doing(post: Messaging) -> None:
    """Given messages on their way to a subscriber, when the transport is closed after any number of turns of the
    loop, then closing ends."""
    for turns in range(0, 120, 3):
        transport = await post.opened()
        await transport.publish(raws(Shipped(parcel_id=f"pcl_{turns}")))
        await transport.subscribe(SUBSCRIPTIONS[BOOKING], Mailbox())
        for _ in range(turns):
            await asyncio.sleep(0)
        await closed_in_time(transport)
        await post.closed()


PARTS = {
    "consumer": lambda running: running.consumer.run(),
    "relay": lambda running: running.relay.run(),
    "retries and timers": lambda running: running.scheduled.run(),
}


@pytest.mark.parametrize("part", PARTS)
async def test_each_part_stops_wherever_the_cancellation_meets_it(
    post: Messaging, database: SqlDatabase, part: str
) -> None:
    """Given a process with an event to publish, when one of its parts is cancelled at any await of its beginning, then
    it stops, and the transport closes."""
    for scheduled in (0, 2) if part == "consumer" else (0,):
        for at in range(1, MOST_AWAITS):
            watch = Cancelled(at, scheduled)
            async with process(post, database, relay=False, scheduled=False, consume=False) as running:
                await ship(database)
                task = watch.start(PARTS[part](running))
                await first_of(asyncio.sleep(LOOKING_ON), asyncio.wait((task,)))
                if not watch.asked:
                    task.cancel()
                assert await watch.end() == "cancelled"
            await post.closed()
            if not watch.asked:
                break


async def test_a_consumer_whose_database_is_away_stops_in_time(post: Messaging, database: SqlDatabase) -> None:
    """Given a message in hand and a database that is away, when the consumer is cancelled, then it stops and the
    message comes again."""
    away = AwayOr(database)
    async with process(post, away) as running:
        away.away = True
        sent = raws(Shipped(parcel_id="pcl_1"))
        await running.transport.publish(sent)

        async def in_hand() -> bool:
            return running.consumer.trouble() is not None

        await eventually(in_hand)
        _, pending = await asyncio.wait((asyncio.ensure_future(running.dies()),), timeout=ENDS_WITHIN)
        assert not pending, "stopping does not end"
    await post.closed()
    away.away = False
    async with process(post, away):

        async def booked() -> bool:
            return await effects(database) == ["pcl_1"]

        await eventually(booked)
