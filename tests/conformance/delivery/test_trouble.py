"""Messages that fail: tried again, kept, parked, shown, replayed, discarded; and a database that is away."""

import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages import parked
from skillscoop_messages.consumer import MessageHandler, RetryPolicy
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.errors import NotYet, Permanent
from skillscoop_messages.outbox import record
from skillscoop_messages.transport.base import DEAD, RawMessage
from sqlalchemy import text

from tests.conformance.messaging_fixtures import (
    BOOKING,
    MOURNING,
    AwayOr,
    Hands,
    Ignored,
    Lost,
    Messaging,
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

QUICK = RetryPolicy(attempts=3, first=timedelta(milliseconds=5))


class Moody:
    """A handler that first writes, then fails as long as it is told to."""

    def __init__(self, error: Exception | None, only: str = "") -> None:
        self.error, self.only = error, only
        self.calls = 0
        self._book: MessageHandler = booking()

    async def __call__(self, tx: Transaction, envelope: Envelope[Any]) -> None:
        self.calls += 1
        await self._book(tx, envelope)
        if self.error is not None and self.only in envelope.data.note:
            raise self.error


async def parked_in_the_end(database: SqlDatabase, reason: str) -> parked.Parked:
    """Wait until exactly one thing is parked, for this reason."""

    async def there() -> bool:
        return await parked_reasons(database) == [reason]

    await eventually(there)
    async with database.read() as tx:
        return (await parked.parked_list(tx))[0]


async def test_a_poison_message_is_parked_with_its_story_and_the_others_go_on(
    post: Messaging, database: SqlDatabase
) -> None:
    poison = Moody(Permanent("no such parcel"), only="poison")
    async with process(post, database, {BOOKING: poison}):
        good = await ship(database, 20)
        [bad] = await ship(database, note="poison")
        more = await ship(database, 20)
        found = await parked_in_the_end(database, "permanent")

        async def booked() -> bool:
            return await effects(database) == sorted([*good, *more])

        await eventually(booked)
    assert (found.subscriber, found.subject, found.type, found.kind) == (BOOKING, bad, Shipped.type, "message")
    assert (found.attempts, found.last_error) == (1, "Permanent: no such parcel")
    assert found.id == f"{BOOKING}:{found.message_id}"
    assert found.body is not None and b"poison" in found.body


async def test_a_parked_message_replayed_after_the_repair_takes_effect_once(
    post: Messaging, database: SqlDatabase
) -> None:
    moody = Moody(Permanent("a bug of ours"))
    async with process(post, database, {BOOKING: moody}) as running:
        [root] = await ship(database)
        found = await parked_in_the_end(database, "permanent")
        moody.error = None
        async with database.begin() as tx:
            assert await parked.replay(tx, found.id)
        running.scheduled.nudge()

        async def booked() -> bool:
            return await effects(database) == [root] and not await count(database, "scheduled")

        await eventually(booked)
        async with database.begin() as tx:
            assert not await parked.replay(tx, found.id)
        assert found.body is not None
        await running.transport.publish([RawMessage(found.message_id, Shipped.type, root, found.body)])
        other = await ship(database)

        async def both() -> bool:
            return await effects(database) == sorted([root, *other])

        await eventually(both)


async def test_a_discarded_message_has_no_effect_even_when_it_comes_again(
    post: Messaging, database: SqlDatabase
) -> None:
    moody = Moody(Permanent("nonsense"))
    async with process(post, database, {BOOKING: moody}) as running:
        [root] = await ship(database)
        found = await parked_in_the_end(database, "permanent")
        async with database.begin() as tx:
            assert await parked.discard(tx, found.id) == found
        moody.error = None
        assert found.body is not None
        await running.transport.publish([RawMessage(found.message_id, Shipped.type, root, found.body)])
        other = await ship(database)

        async def booked() -> bool:
            return await effects(database) == other

        await eventually(booked)
    assert await count(database, "scheduled") == 0


async def test_a_failure_is_tried_again_with_growing_pauses_and_parked_at_last(
    post: Messaging, database: SqlDatabase
) -> None:
    moody = Moody(RuntimeError("out of luck"))
    async with process(post, database, {BOOKING: moody}, retry=QUICK):
        await ship(database)
        found = await parked_in_the_end(database, "attempts_used_up")
    assert (found.attempts, found.last_error) == (3, "RuntimeError: out of luck")
    assert await effects(database) == []


async def test_a_failure_that_heals_takes_effect_once(post: Messaging, database: SqlDatabase) -> None:
    moody = Moody(RuntimeError("for the moment"))
    async with process(post, database, {BOOKING: moody}, retry=QUICK):
        roots = await ship(database, 3)

        async def kept() -> bool:
            return await count(database, "scheduled") > 0

        await eventually(kept)
        moody.error = None

        async def booked() -> bool:
            return await effects(database) == roots and not await count(database, "scheduled")

        await eventually(booked)


async def test_a_kept_message_is_not_tried_before_its_time(
    post: Messaging, database: SqlDatabase, hands: Hands
) -> None:
    moody = Moody(RuntimeError("for the moment"))
    async with process(
        post, database, {BOOKING: moody}, retry=RetryPolicy(first=timedelta(minutes=5)), scheduled=False
    ) as running:
        [root] = await ship(database)

        async def kept() -> bool:
            return await count(database, "scheduled") == 1

        await eventually(kept)
        moody.error = None
        assert await running.scheduled.run_due() == 0
        hands.business_ahead = timedelta(days=1)
        assert await running.scheduled.run_due() == 0
        hands.wall_ahead = timedelta(minutes=5)
        assert await running.scheduled.run_due() == 1
    assert await effects(database) == [root]


async def test_a_not_yet_is_tried_for_a_day_without_using_up_attempts(
    post: Messaging, database: SqlDatabase, hands: Hands
) -> None:
    moody = Moody(NotYet("its contract has not arrived"))
    async with process(post, database, {BOOKING: moody}, retry=RetryPolicy(attempts=2), scheduled=False) as running:
        await ship(database)

        async def kept() -> bool:
            return await count(database, "scheduled") == 1

        await eventually(kept)
        for minutes in (10, 20, 60, 600, 1400):
            hands.wall_ahead = timedelta(minutes=minutes)
            assert await running.scheduled.run_due() == 0
            assert await parked_reasons(database) == []
        assert moody.calls > 5
        hands.wall_ahead = timedelta(hours=24, minutes=1)
        await running.scheduled.run_due()
    assert await parked_reasons(database) == ["not_yet_for_too_long"]


async def test_a_not_yet_takes_effect_when_its_row_comes(post: Messaging, database: SqlDatabase) -> None:
    moody = Moody(NotYet("its contract has not arrived"))
    async with process(post, database, {BOOKING: moody}, retry=QUICK):
        roots = await ship(database, 2)

        async def kept() -> bool:
            return await count(database, "scheduled") == 2

        await eventually(kept)
        moody.error = None

        async def booked() -> bool:
            return await effects(database) == roots and not await count(database, "scheduled")

        await eventually(booked)


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"\xff not json", "unreadable"), (b'{"specversion":"1.0"}', "unreadable"), (None, "unknown_type")],
)
async def test_what_cannot_be_read_is_parked_at_once(
    post: Messaging, database: SqlDatabase, body: bytes | None, reason: str
) -> None:
    [sent] = raws(Ignored(parcel_id="pcl_1"))
    strange = RawMessage(
        sent.id, Shipped.type, "pcl_1", sent.body.replace(b".ignored.", b".teleported.") if body is None else body
    )
    async with process(post, database) as running:
        await running.transport.publish([strange])
        found = await parked_in_the_end(database, reason)
        roots = await ship(database)

        async def booked() -> bool:
            return await effects(database) == roots

        await eventually(booked)
    assert found.message_id == sent.id


async def test_a_conflict_is_run_again_and_nobody_is_told(post: Messaging, database: SqlDatabase) -> None:
    conflicts = 2

    async def collide(tx: Transaction, envelope: Envelope[Any]) -> None:
        nonlocal conflicts
        await booking()(tx, envelope)
        if conflicts:
            conflicts -= 1
            if database.dialect == "sqlite":
                raise sqlite3.OperationalError("database is locked")
            await tx.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"))

    async with process(post, database, {BOOKING: collide}):
        roots = await ship(database, 10)

        async def booked() -> bool:
            return await effects(database) == roots

        await eventually(booked)
    assert await count(database, "scheduled") == 0


async def test_a_batch_whose_commit_fails_for_one_is_done_for_the_others(
    post: Messaging, database: SqlDatabase
) -> None:
    async def book_or_break_the_commit(tx: Transaction, envelope: Envelope[Any]) -> None:
        await booking()(tx, envelope)

        async def check(_: Transaction) -> None:
            if envelope.data.note:
                raise RuntimeError("the books do not balance")

        tx.before_commit(check)

    async with process(post, database, {BOOKING: book_or_break_the_commit}, retry=QUICK):
        async with database.begin() as tx:
            record(tx, *(Shipped(parcel_id=f"pcl_{n}", note="bad" if n == 2 else "") for n in range(5)))
        await parked_in_the_end(database, "attempts_used_up")

        async def booked() -> bool:
            return await effects(database) == ["pcl_0", "pcl_1", "pcl_3", "pcl_4"]

        await eventually(booked)


async def test_while_the_database_is_away_nothing_is_lost_parked_or_given_up(
    post: Messaging, database: SqlDatabase
) -> None:
    fragile = AwayOr(database)
    async with process(post, fragile, {BOOKING: booking()}) as running:
        first = await ship(database, 5)

        async def booked() -> bool:
            return await effects(database) == first

        await eventually(booked)
        fragile.away = True
        roots = await ship(database, 150)

        async def noticed() -> bool:
            return fragile.refused > 5 and "away" in (running.consumer.trouble() or "")

        await eventually(noticed)
        assert await effects(database) == first
        fragile.away = False

        async def all_booked() -> bool:
            return await effects(database) == sorted([*first, *roots]) and running.consumer.trouble() is None

        await eventually(all_booked)
        dead = {name: n for name, n in (await running.transport.backlog()).items() if name.endswith(DEAD) and n}
    assert not dead
    assert await count(database, "scheduled") == 0


async def test_a_database_away_for_longer_than_a_broker_waits_costs_no_message(
    post: Messaging, database: SqlDatabase
) -> None:
    fragile = AwayOr(database)
    async with process(post, fragile, {BOOKING: booking()}, patience=timedelta(seconds=0.1)) as running:
        fragile.away = True
        roots = await ship(database, 30)

        async def refused_for_long() -> bool:
            return fragile.refused > 8

        await eventually(refused_for_long)
        fragile.away = False

        async def all_booked() -> bool:
            return await effects(database) == roots

        await eventually(all_booked)
        dead = {name: n for name, n in (await running.transport.backlog()).items() if name.endswith(DEAD) and n}
    assert not dead
    assert await count(database, "scheduled") == 0


async def test_marks_of_handled_messages_are_kept_for_ever_where_money_moves_and_thirty_days_elsewhere(
    post: Messaging, database: SqlDatabase, hands: Hands
) -> None:
    async with process(post, database, {BOOKING: booking(), MOURNING: booking(MOURNING)}) as running:
        async with database.begin() as tx:
            record(tx, Lost(parcel_id="pcl_1"))

        async def both() -> bool:
            return await count(database, "inbox") == 2

        await eventually(both)
        hands.wall_ahead = timedelta(days=29)
        assert await running.consumer.forget_old_marks() == 0
        hands.wall_ahead = timedelta(days=31)
        assert await running.consumer.forget_old_marks() == 1
    assert await count(database, "inbox", f"subscriber = '{BOOKING}'") == 1


async def test_a_process_is_calm_while_it_is_connected_and_not_behind(post: Messaging, database: SqlDatabase) -> None:
    fragile = AwayOr(database)
    async with process(post, fragile) as running:

        async def calm() -> bool:
            return running.consumer.caught_up_since() is not None

        await eventually(calm)
        since = running.consumer.caught_up_since()
        assert since is not None
        await running.consumer.check_lag()
        assert running.consumer.caught_up_since() == since

        fragile.away = True
        await ship(database)

        async def noticed() -> bool:
            return running.consumer.caught_up_since() is None

        await eventually(noticed)
        fragile.away = False

        async def handled() -> bool:
            return running.consumer.trouble() is None

        await eventually(handled)
        await running.consumer.check_lag()
        after = running.consumer.caught_up_since()
        assert after is not None
        assert after > since
