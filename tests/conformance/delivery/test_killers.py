"""Messages that end their process, and processes that die for other reasons: only the guilty message is parked."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages import parked
from skillscoop_messages.consumer import MessageHandler, suspects
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.errors import Permanent

from tests.conformance.messaging_fixtures import (
    BOOKING,
    Hands,
    Messaging,
    Running,
    Shipped,
    booking,
    count,
    effects,
    eventually,
    parked_reasons,
    process,
    raws,
    ship,
)

LONGER_THAN_ANY_PAUSE = timedelta(minutes=15)
MOST_LIVES = 60


class Deadly:
    """Books, except a message noted `deadly`, at which its process dies. With `every` it dies at any message."""

    def __init__(self, every: bool = False) -> None:
        self.every = every
        self.died = asyncio.Event()
        self._book: MessageHandler = booking()

    async def __call__(self, tx: Transaction, envelope: Envelope[Any]) -> None:
        await self._book(tx, envelope)
        if self.every or envelope.data.note == "deadly":
            self.died.set()
            await asyncio.Event().wait()


async def live(
    post: Messaging,
    database: SqlDatabase,
    deadly: Deadly,
    until: Callable[[], Awaitable[bool]],
    at_start: Callable[[Running], Awaitable[None]] | None = None,
) -> bool:
    """One life of a process: until it dies of a message (False), or until something has come to pass (True)."""
    deadly.died.clear()
    async with process(post, database, {BOOKING: deadly}) as running:
        if at_start is not None:
            await at_start(running)

        async def over() -> bool:
            return deadly.died.is_set() or await until()

        await eventually(over)
        # As with kill -9: nothing is acknowledged, no transaction ends, nobody is asked to stop.
        await post.closed()
    return not deadly.died.is_set()


async def test_only_the_message_that_kills_its_process_is_parked_and_its_neighbours_take_effect(
    post: Messaging, database: SqlDatabase, hands: Hands
) -> None:
    """Given a message that kills whoever handles it, among good ones that are fetched together with it,
    when the process is started again each time,
    then every good one takes effect once and the deadly one alone is parked, with the reason why."""
    deadly, sent = Deadly(), list[str]()

    async def ship_all(_: Running) -> None:
        if not sent:
            sent.extend(await ship(database, 15))
            sent.extend(await ship(database, note="deadly"))
            sent.extend(await ship(database, 15))

    async def all_is_settled() -> bool:
        return await parked_reasons(database) == ["delivery_limit"] and len(await effects(database)) == 30

    for _ in range(MOST_LIVES):
        if await live(post, database, deadly, all_is_settled, ship_all):
            break
        hands.wall_ahead += LONGER_THAN_ANY_PAUSE
    assert await effects(database) == sorted(sent[:15] + sent[16:])
    async with database.read() as tx:
        [kept] = await parked.parked_list(tx)
    assert (kept.subject, kept.attempts, kept.reason) == (sent[15], suspects.TRIES, "delivery_limit")


async def test_a_crash_loop_parks_nobody(post: Messaging, database: SqlDatabase) -> None:
    """Given a process that dies whenever it has taken messages, thirty times over, for reasons of its own,
    when it is well again,
    then every message takes effect without anybody's doing, and nothing is parked."""
    ill, sent = Deadly(every=True), list[str]()

    async def ship_all(_: Running) -> None:
        if not sent:
            sent.extend(await ship(database, 12))

    async def never() -> bool:
        return False

    for _ in range(30):
        await live(post, database, ill, never, ship_all)
    async with process(post, database):

        async def all_booked() -> bool:
            return await effects(database) == sorted(sent)

        await eventually(all_booked, within=60)
        assert await parked_reasons(database) == []


async def came_back(running: Running, database: SqlDatabase, note: str = "") -> str:
    """A message whose delivery limit is used up reaches the consumer; its root."""
    [raw] = raws(Shipped(parcel_id="pcl_back", note=note))
    [subscriber] = running.consumer.subscribers
    await running.consumer.take_dead(subscriber, [raw])
    await running.consumer.take_dead(subscriber, [raw])
    return raw.subject


async def test_what_came_back_by_the_limit_is_tried_and_takes_effect_once(
    post: Messaging, database: SqlDatabase
) -> None:
    """Given a good message that used up its deliveries, when it comes back, twice even, then it takes effect once and
    is not parked."""
    async with process(post, database) as running:
        root = await came_back(running, database)

        async def booked() -> bool:
            return await effects(database) == [root] and not await count(database, "scheduled")

        await eventually(booked)


async def test_what_came_back_and_fails_is_treated_as_any_failure(post: Messaging, database: SqlDatabase) -> None:
    """Given a message that used up its deliveries and is refused by its handler, when it comes back, then it is parked
    with the handler's reason."""

    async def refuse(_tx: Transaction, _envelope: Envelope[Any]) -> None:
        raise Permanent("no such parcel")

    async with process(post, database, {BOOKING: refuse}) as running:
        await came_back(running, database)

        async def parked_so() -> bool:
            return await parked_reasons(database) == ["permanent"]

        await eventually(parked_so)


async def test_a_killer_that_an_operator_replays_kills_a_few_times_more_and_is_parked_again(
    post: Messaging, database: SqlDatabase, hands: Hands
) -> None:
    """Given a parked message that killed its process at each try, when an operator replays it unmended, then it does
    not kill for ever: it is parked again."""
    deadly = Deadly()

    async def is_parked() -> bool:
        return await parked_reasons(database) == ["delivery_limit"]

    async def come_back(running: Running) -> None:
        if not await count(database, "scheduled"):
            await came_back(running, database, "deadly")

    for replays in range(2):
        if replays:
            async with database.begin() as tx:
                [kept] = await parked.parked_list(tx)
                assert await parked.replay(tx, kept.id)
        lives = 0
        while not await live(post, database, deadly, is_parked, come_back):
            hands.wall_ahead += LONGER_THAN_ANY_PAUSE
            lives += 1
        assert lives == suspects.TRIES
