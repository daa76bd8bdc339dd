"""Timers: at their time, moved, late, twice, failing, and money's, which wait until messages have been heard."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages import parked
from skillscoop_messages.context import TraceContext, current_trace, trace_context
from skillscoop_messages.database import Transaction
from skillscoop_messages.retry import RetryPolicy
from skillscoop_messages.scheduled import TimerHandler, moves_money, schedule, unschedule
from skillscoop_messages.scheduler import Scheduler

from tests.conformance.messaging_fixtures import Hands, count, eventually, parked_reasons

LAPSE = "lapse"


class Fired:
    """An timer handler that notes its keys and may set the next timer, or fail."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.error: Exception | None = None
        self.again: timedelta | None = None
        self.stories: list[str] = []

    async def __call__(self, tx: Transaction, key: str) -> None:
        self.keys.append(key)
        self.stories.append(current_trace().correlation_id)
        if self.again is not None:
            await schedule(tx, LAPSE, key, tx.now() + self.again)
        if self.error is not None:
            raise self.error


@pytest.fixture
def fired() -> Fired:
    """The handler of this test."""
    return Fired()


@pytest.fixture
def runner(database: SqlDatabase, fired: Fired) -> Scheduler:
    """A runner that fires it."""
    return Scheduler(database, {LAPSE: fired}, [], retry=RetryPolicy(attempts=3))


async def set_alarm(database: SqlDatabase, key: str, after: timedelta, timer: str = LAPSE) -> None:
    """Set an timer, by business time from now."""
    async with database.begin() as tx:
        await schedule(tx, timer, key, tx.now() + after)


async def test_an_alarm_rings_at_its_business_time_and_once(
    database: SqlDatabase, hands: Hands, fired: Fired, runner: Scheduler
) -> None:
    await set_alarm(database, "ctr_1", timedelta(days=14))
    hands.wall_ahead = timedelta(days=15)
    assert await runner.run_due() == 0
    hands.business_ahead = timedelta(days=14)
    assert await runner.run_due() == 1
    assert await runner.run_due() == 0
    assert fired.keys == ["ctr_1"]
    assert await count(database, "scheduled") == 0


async def test_an_alarm_that_is_late_still_rings(
    database: SqlDatabase, hands: Hands, fired: Fired, runner: Scheduler
) -> None:
    await set_alarm(database, "ctr_1", timedelta(hours=1))
    hands.business_ahead = timedelta(days=400)
    await runner.run_due()
    assert fired.keys == ["ctr_1"]


async def test_the_newest_time_of_an_alarm_counts(
    database: SqlDatabase, hands: Hands, fired: Fired, runner: Scheduler
) -> None:
    await set_alarm(database, "ctr_later", timedelta(hours=1))
    await set_alarm(database, "ctr_later", timedelta(hours=3))
    await set_alarm(database, "ctr_sooner", timedelta(hours=3))
    await set_alarm(database, "ctr_sooner", timedelta(hours=1))
    hands.business_ahead = timedelta(hours=2)
    await runner.run_due()
    assert fired.keys == ["ctr_sooner"]
    hands.business_ahead = timedelta(hours=4)
    await runner.run_due()
    assert fired.keys == ["ctr_sooner", "ctr_later"]


async def test_a_forgotten_alarm_does_not_ring(
    database: SqlDatabase, hands: Hands, fired: Fired, runner: Scheduler
) -> None:
    await set_alarm(database, "ctr_1", timedelta(hours=1))
    async with database.begin() as tx:
        await unschedule(tx, LAPSE, "ctr_1")
    hands.business_ahead = timedelta(days=1)
    assert await runner.run_due() == 0


async def test_a_handler_may_go_back_to_sleep(
    database: SqlDatabase, hands: Hands, fired: Fired, runner: Scheduler
) -> None:
    fired.again = timedelta(hours=1)
    await set_alarm(database, "ctr_1", timedelta(0))
    await runner.run_due()
    fired.again = None
    assert await runner.run_due() == 0
    hands.business_ahead = timedelta(hours=2)
    await runner.run_due()
    assert fired.keys == ["ctr_1", "ctr_1"]


async def test_two_runners_ring_an_alarm_once_between_them(
    database: SqlDatabase, fired: Fired, runner: Scheduler
) -> None:
    for n in range(20):
        await set_alarm(database, f"ctr_{n:02}", timedelta(0))
    other = Scheduler(database, {LAPSE: fired}, [])
    await asyncio.gather(runner.run_due(), other.run_due())
    assert sorted(fired.keys) == [f"ctr_{n:02}" for n in range(20)]


async def test_an_alarm_whose_handler_fails_backs_off_and_is_parked_where_it_can_be_seen_and_replayed(
    database: SqlDatabase, hands: Hands, fired: Fired, runner: Scheduler
) -> None:
    fired.error = RuntimeError("a bug of ours")
    await set_alarm(database, "ctr_1", timedelta(0))
    for hours in range(5):
        hands.business_ahead = timedelta(hours=hours)
        await runner.run_due()
    assert fired.keys == ["ctr_1"] * 3
    assert await parked_reasons(database) == ["attempts_used_up"]
    async with database.begin() as tx:
        [found] = await parked.parked_list(tx)
        assert (found.kind, found.id, found.body) == ("timer", "lapse:ctr_1", None)
        await parked.replay(tx, found.id)
    fired.error = None
    await runner.run_due()
    assert len(fired.keys) == 4
    assert await count(database, "scheduled") == 0


async def test_a_failing_alarm_does_not_stand_before_others(database: SqlDatabase, fired: Fired) -> None:
    async def fails_for_one(tx: Transaction, key: str) -> None:
        if key == "ctr_0":
            raise RuntimeError("a bug of ours")
        await fired(tx, key)

    for n in range(3):
        await set_alarm(database, f"ctr_{n}", timedelta(0))
    await Scheduler(database, {LAPSE: fails_for_one}, []).run_due()
    assert sorted(fired.keys) == ["ctr_1", "ctr_2"]


async def test_an_alarm_goes_on_with_the_story_in_which_it_was_set(
    database: SqlDatabase, fired: Fired, runner: Scheduler
) -> None:

    token = trace_context.set(TraceContext("the_first_request"))
    await set_alarm(database, "ctr_1", timedelta(0))
    trace_context.reset(token)
    await runner.run_due()
    assert fired.stories == ["the_first_request"]


async def test_money_does_not_move_by_itself_until_messages_have_been_heard_for_ten_minutes(
    database: SqlDatabase, hands: Hands, fired: Fired
) -> None:
    caught_up_since: datetime | None = None
    release, remind = Fired(), fired
    timers: dict[str, TimerHandler] = {"release": moves_money(release), "remind": remind}
    runner = Scheduler(database, timers, [], caught_up_since=lambda: caught_up_since)
    for timer in timers:
        await set_alarm(database, "ms_1", timedelta(0), timer)

    await runner.run_due()
    assert (release.keys, remind.keys) == ([], ["ms_1"])

    caught_up_since = datetime.now(UTC)
    hands.business_ahead = timedelta(minutes=9)
    await runner.run_due()
    assert release.keys == []

    hands.business_ahead = timedelta(minutes=11)
    await runner.run_due()
    assert release.keys == ["ms_1"]


async def test_a_nudged_runner_looks_at_once(database: SqlDatabase, fired: Fired, runner: Scheduler) -> None:
    task = asyncio.create_task(runner.run())
    await set_alarm(database, "ctr_1", timedelta(0))
    runner.nudge()

    async def heard() -> bool:
        return fired.keys == ["ctr_1"]

    await eventually(heard)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
