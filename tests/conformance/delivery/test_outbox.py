"""The outbox and its relay: what is stored is what travels, numbers have no gaps, and trouble only costs time."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages.errors import TransportError
from skillscoop_messages.outbox import record
from skillscoop_messages.relay import Relay
from skillscoop_messages.transport.base import RawMessage
from skillscoop_messages.transport.simulated import SimulatedTransport
from sqlalchemy import text

from tests.conformance.messaging_fixtures import (
    BOOKING,
    SUBSCRIPTIONS,
    Hands,
    Mailbox,
    Shipped,
    count,
    eventually,
    read_event,
    ship,
)

NO_TIME = timedelta(0)


class Desk(SimulatedTransport):
    """A post that keeps what is handed in, and can be closed, or refuse single roots."""

    def __init__(self) -> None:
        super().__init__(1, SUBSCRIPTIONS.values())
        self.handed_in: list[RawMessage] = []
        self.refuses: set[str] = set()

    async def publish(self, batch: Sequence[RawMessage]) -> set[str]:
        taken = [raw for raw in batch if raw.subject not in self.refuses]
        if self.away is not None:
            raise TransportError(self.away)
        self.handed_in += taken
        return await super().publish(taken)


@pytest.fixture
def desk() -> Desk:
    """Messaging of this test."""
    return Desk()


async def unmarked(database: SqlDatabase) -> int:
    """How many events are not marked as published."""
    return await count(database, "outbox", "published_at IS NULL")


async def test_what_is_stored_is_what_travels_to_the_byte(database: SqlDatabase, desk: Desk) -> None:
    relay = Relay(database, desk)
    database.after_flush = relay.offer
    note = "quotes \" ' backslash \\ \\u0000 {curly} $1 %s :x ünï 💸\n\t"
    async with database.begin() as tx:
        record(tx, *(Shipped(parcel_id="pcl_ä", note=note) for _ in range(3)))
    await relay.publish_offered()

    async with database.read() as tx:
        rows = await tx.all(text("SELECT id, body FROM outbox ORDER BY id"))
    assert {row["id"]: bytes(row["body"]) for row in rows} == {raw.id: raw.body for raw in desk.handed_in}
    read = [read_event(raw.body) for raw in desk.handed_in]
    assert sorted(envelope.sequence for envelope in read) == [1, 2, 3]
    assert {envelope.data for envelope in read} == {Shipped(parcel_id="pcl_ä", note=note)}
    assert await unmarked(database) == 0


async def test_numbers_of_one_root_have_no_gaps_and_no_doubles_however_many_write_at_once(
    database: SqlDatabase, desk: Desk
) -> None:
    async def tell(who: int) -> None:
        for n in range(5):
            async with database.begin() as tx:
                roots = ("pcl_a", "pcl_b") if who % 2 else ("pcl_b", "pcl_a")
                record(tx, *(Shipped(parcel_id=root, note=f"{who}/{n}") for root in roots))

    await asyncio.gather(*(tell(who) for who in range(4)))
    await Relay(database, desk).sweep(NO_TIME)

    told = [read_event(raw.body) for raw in desk.handed_in]
    for root in ("pcl_a", "pcl_b"):
        assert sorted(one.sequence for one in told if one.subject == root) == list(range(1, 21))


async def test_events_of_an_undone_savepoint_are_not_told(database: SqlDatabase, desk: Desk) -> None:
    async with database.begin() as tx:
        record(tx, Shipped(parcel_id="pcl_kept"))
        with pytest.raises(RuntimeError, match="undo"):
            async with tx.savepoint():
                record(tx, Shipped(parcel_id="pcl_undone"))
                raise RuntimeError("undo")
    await Relay(database, desk).sweep(NO_TIME)
    assert [raw.subject for raw in desk.handed_in] == ["pcl_kept"]


async def test_the_sweep_leaves_fresh_rows_to_the_process_that_has_them_in_hand(
    database: SqlDatabase, desk: Desk, hands: Hands
) -> None:
    await ship(database, 2)
    assert await Relay(database, desk).sweep() == 0
    hands.wall_ahead = timedelta(seconds=3)
    assert await Relay(database, desk).sweep() == 2
    assert await Relay(database, desk).sweep() == 0


async def test_events_that_cannot_leave_do_not_stand_before_others(database: SqlDatabase, desk: Desk) -> None:
    stuck = await ship(database, 700)
    desk.refuses = set(stuck)
    free = await ship(database, 10)
    relay = Relay(database, desk)
    assert await relay.sweep(NO_TIME) == 10
    assert sorted(raw.subject for raw in desk.handed_in) == free
    assert await unmarked(database) == 700
    desk.refuses = set()
    assert await relay.sweep(NO_TIME) == 700
    assert await unmarked(database) == 0


async def test_while_the_post_is_closed_events_wait_and_leave_when_it_opens(
    database: SqlDatabase, desk: Desk, hands: Hands
) -> None:
    relay = Relay(database, desk)
    database.after_flush = relay.offer
    running = asyncio.create_task(relay.run())
    desk.away = "the transport is closed"
    await ship(database, 5)

    async def told() -> bool:
        return "the transport is closed" in (relay.trouble() or "")

    await eventually(told)
    waiting = await relay.oldest_unpublished()
    assert waiting is not None
    assert await unmarked(database) == 5
    desk.away = None
    hands.wall_ahead = timedelta(seconds=3)

    async def all_left() -> bool:
        return await unmarked(database) == 0 and relay.trouble() is None

    await eventually(all_left)
    assert await relay.oldest_unpublished() is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_published_events_are_purged_after_seven_days_and_unpublished_ones_never(
    database: SqlDatabase, desk: Desk, hands: Hands
) -> None:
    relay = Relay(database, desk)
    await ship(database, 3)
    await relay.sweep(NO_TIME)
    [stuck] = await ship(database)
    hands.wall_ahead = timedelta(days=6)
    assert await relay.purge() == 0
    hands.wall_ahead = timedelta(days=8)
    assert await relay.purge() == 3
    async with database.read() as tx:
        rows = await tx.all(text("SELECT subject FROM outbox"))
    assert [row["subject"] for row in rows] == [stuck]


async def test_two_relays_on_one_outbox_only_make_duplicates(database: SqlDatabase, desk: Desk) -> None:
    roots = await ship(database, 30)
    await asyncio.gather(Relay(database, desk).sweep(NO_TIME), Relay(database, desk).sweep(NO_TIME))
    mailbox = Mailbox()
    await desk.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    await desk.run_until_quiet()
    assert {raw.subject for batch in mailbox.batches for raw in batch} == set(roots)
    assert await unmarked(database) == 0
