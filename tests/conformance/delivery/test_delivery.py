"""From a committed transaction to an effect in another one: once, whatever dies, repeats or comes out of order."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages.consumer import Consumer, Subscriber
from skillscoop_messages.context import trace_context
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.outbox import record
from skillscoop_messages.relay import Relay
from skillscoop_messages.transport.base import RawMessage
from sqlalchemy import text

from tests.conformance.messaging_fixtures import (
    BOOKING,
    MOURNING,
    SUBSCRIPTIONS,
    Ignored,
    Lost,
    Messaging,
    Shipped,
    booking,
    count,
    effects,
    eventually,
    process,
    read_event,
    ship,
)

NO_TIME = timedelta(0)


async def all_booked(database: SqlDatabase, roots: list[str]) -> None:
    """Wait until exactly these roots have had their one effect, and nothing is left to publish."""

    async def booked() -> bool:
        return await effects(database) == roots and not await count(database, "outbox", "published_at IS NULL")

    await eventually(booked)


async def test_a_committed_event_takes_effect_once_and_is_marked(post: Messaging, database: SqlDatabase) -> None:
    async with process(post, database):
        roots = await ship(database, 3)
        await all_booked(database, roots)


async def test_what_is_rolled_back_is_never_told(post: Messaging, database: SqlDatabase) -> None:
    async with process(post, database):
        with pytest.raises(RuntimeError, match="changed my mind"):
            async with database.begin() as tx:
                record(tx, Shipped(parcel_id="pcl_never"))
                raise RuntimeError("changed my mind")
        roots = await ship(database)
        await all_booked(database, roots)
    assert await count(database, "outbox") == 1


async def test_sequences_rise_by_one_within_each_root(post: Messaging, database: SqlDatabase) -> None:
    seen: list[tuple[str, int]] = []

    async def note(_tx: Transaction, envelope: Envelope[Any]) -> None:
        seen.append((envelope.subject, envelope.sequence))

    async with process(post, database, {BOOKING: note}):
        for _ in range(2):
            async with database.begin() as tx:
                record(tx, *(Shipped(parcel_id=root) for root in ("pcl_a", "pcl_b", "pcl_a")))

        async def told() -> bool:
            return len(seen) == 6

        await eventually(told)
    assert sorted(seen) == [("pcl_a", 1), ("pcl_a", 2), ("pcl_a", 3), ("pcl_a", 4), ("pcl_b", 1), ("pcl_b", 2)]


async def test_an_effect_told_on_belongs_to_the_same_story(post: Messaging, database: SqlDatabase) -> None:
    told: list[Envelope[Any]] = []

    async def lose_it(tx: Transaction, envelope: Envelope[Any]) -> None:
        told.append(envelope)
        if envelope.type == Shipped.type:
            record(tx, Lost(parcel_id=envelope.subject))

    async with process(post, database, {BOOKING: lose_it}):
        await ship(database)

        async def both() -> bool:
            return len(told) == 2

        await eventually(both)
    shipped, lost = told
    assert lost.correlation_id == shipped.correlation_id
    assert (shipped.causation_id, lost.causation_id) == (None, shipped.id)
    assert trace_context.get(None) is None


async def test_the_same_message_twice_has_one_effect(post: Messaging, database: SqlDatabase) -> None:
    async with process(post, database) as running:
        roots = await ship(database, 5)
        await all_booked(database, roots)
        await running.transport.publish(await stored(database))
        await running.transport.publish((await stored(database))[:2] * 2)

        other = await ship(database)
        await all_booked(database, sorted([*roots, *other]))


async def test_two_subscribers_of_one_service_each_get_their_own(post: Messaging, database: SqlDatabase) -> None:
    async with process(post, database, {BOOKING: booking(), MOURNING: booking(MOURNING)}):
        async with database.begin() as tx:
            record(tx, Lost(parcel_id="pcl_1"))

        async def both() -> bool:
            return await effects(database) == await effects(database, MOURNING) == ["pcl_1"]

        await eventually(both)


async def test_a_consumer_that_dies_between_commit_and_acknowledgement_repeats_nothing(
    post: Messaging, database: SqlDatabase
) -> None:
    transport = await post.opened()
    subscriber = Subscriber(BOOKING, booking())
    consumer = Consumer(database, transport, [subscriber], SUBSCRIPTIONS, decode=read_event)
    committed = asyncio.Event()

    async def commit_and_never_acknowledge(batch: Sequence[RawMessage]) -> None:
        await consumer.take(subscriber, batch)
        committed.set()
        await asyncio.Event().wait()

    await transport.subscribe(SUBSCRIPTIONS[BOOKING], commit_and_never_acknowledge)
    roots = await ship(database, 4)
    await Relay(database, transport).sweep(overdue=NO_TIME)
    await committed.wait()
    await post.closed()
    assert set(await effects(database)) & set(roots)

    async with process(post, database):
        more = await ship(database)
        await all_booked(database, sorted([*roots, *more]))


async def test_a_publisher_that_dies_between_commit_and_publishing_is_made_up_for(
    post: Messaging, database: SqlDatabase
) -> None:
    roots = await ship(database, 3)  # nobody was there to take the rows in hand

    async with process(post, database, relay=False) as running:
        assert await Relay(database, running.transport).sweep(overdue=NO_TIME) == 3
        await all_booked(database, roots)


async def test_a_publisher_that_dies_between_publishing_and_marking_repeats_nothing(
    post: Messaging, database: SqlDatabase
) -> None:
    async with process(post, database, relay=False) as running:
        roots = await ship(database, 3)
        await running.transport.publish(await stored(database))

        async def booked() -> bool:
            return await effects(database) == roots

        await eventually(booked)
        assert await count(database, "outbox", "published_at IS NULL") == 3

        await Relay(database, running.transport).sweep(overdue=NO_TIME)
        more = await ship(database)
        await Relay(database, running.transport).sweep(overdue=NO_TIME)
        await all_booked(database, sorted([*roots, *more]))


async def test_an_event_nobody_wants_is_published_and_done(post: Messaging, database: SqlDatabase) -> None:
    async with process(post, database):
        async with database.begin() as tx:
            record(tx, Ignored(parcel_id="pcl_1"))

        async def marked() -> bool:
            return await count(database, "outbox", "published_at IS NOT NULL") == 1

        await eventually(marked)


async def stored(database: SqlDatabase) -> list[RawMessage]:
    """Every message of the outbox, as it was or would be published."""
    async with database.read() as tx:
        rows = await tx.all(text("SELECT id, type, subject, body FROM outbox ORDER BY id"))
    return [RawMessage(row["id"], row["type"], row["subject"], bytes(row["body"])) for row in rows]
