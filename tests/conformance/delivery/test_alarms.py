"""Alarms: at their time, moved, late, twice, failing, and money's, which wait until messages have been heard."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages import parked
from skillscoop_messages.context import Story, current_story, story
from skillscoop_messages.database import Transaction
from skillscoop_messages.later import AlarmHandler, forget, moves_money, wake
from skillscoop_messages.later_runner import LaterRunner
from skillscoop_messages.retry import RetryPolicy

from tests.conformance.stage import Hands, count, eventually, parked_reasons

LAPSE = "lapse"


class Rung:
    """An alarm handler that notes its keys and may set the next alarm, or fail."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.error: Exception | None = None
        self.again: timedelta | None = None
        self.stories: list[str] = []

    async def __call__(self, tx: Transaction, key: str) -> None:
        self.keys.append(key)
        self.stories.append(current_story().correlation_id)
        if self.again is not None:
            await wake(tx, LAPSE, key, tx.now() + self.again)
        if self.error is not None:
            raise self.error


@pytest.fixture
def rung() -> Rung:
    """The handler of this test."""
    return Rung()


@pytest.fixture
def runner(database: SqlDatabase, rung: Rung) -> LaterRunner:
    """A runner that rings it."""
    return LaterRunner(database, {LAPSE: rung}, [], retry=RetryPolicy(attempts=3))


async def set_alarm(database: SqlDatabase, key: str, after: timedelta, alarm: str = LAPSE) -> None:
    """Set an alarm, by business time from now."""
    async with database.begin() as tx:
        await wake(tx, alarm, key, tx.now() + after)


async def test_an_alarm_rings_at_its_business_time_and_once(
    database: SqlDatabase, hands: Hands, rung: Rung, runner: LaterRunner
) -> None:
    await set_alarm(database, "ctr_1", timedelta(days=14))
    hands.wall_ahead = timedelta(days=15)
    assert await runner.run_due() == 0
    hands.business_ahead = timedelta(days=14)
    assert await runner.run_due() == 1
    assert await runner.run_due() == 0
    assert rung.keys == ["ctr_1"]
    assert await count(database, "later") == 0


async def test_an_alarm_that_is_late_still_rings(
    database: SqlDatabase, hands: Hands, rung: Rung, runner: LaterRunner
) -> None:
    await set_alarm(database, "ctr_1", timedelta(hours=1))
    hands.business_ahead = timedelta(days=400)
    await runner.run_due()
    assert rung.keys == ["ctr_1"]


async def test_the_newest_time_of_an_alarm_counts(
    database: SqlDatabase, hands: Hands, rung: Rung, runner: LaterRunner
) -> None:
    await set_alarm(database, "ctr_later", timedelta(hours=1))
    await set_alarm(database, "ctr_later", timedelta(hours=3))
    await set_alarm(database, "ctr_sooner", timedelta(hours=3))
    await set_alarm(database, "ctr_sooner", timedelta(hours=1))
    hands.business_ahead = timedelta(hours=2)
    await runner.run_due()
    assert rung.keys == ["ctr_sooner"]
    hands.business_ahead = timedelta(hours=4)
    await runner.run_due()
    assert rung.keys == ["ctr_sooner", "ctr_later"]


async def test_a_forgotten_alarm_does_not_ring(
    database: SqlDatabase, hands: Hands, rung: Rung, runner: LaterRunner
) -> None:
    await set_alarm(database, "ctr_1", timedelta(hours=1))
    async with database.begin() as tx:
        await forget(tx, LAPSE, "ctr_1")
    hands.business_ahead = timedelta(days=1)
    assert await runner.run_due() == 0


async def test_a_handler_may_go_back_to_sleep(
    database: SqlDatabase, hands: Hands, rung: Rung, runner: LaterRunner
) -> None:
    rung.again = timedelta(hours=1)
    await set_alarm(database, "ctr_1", timedelta(0))
    await runner.run_due()
    rung.again = None
    assert await runner.run_due() == 0
    hands.business_ahead = timedelta(hours=2)
    await runner.run_due()
    assert rung.keys == ["ctr_1", "ctr_1"]


async def test_two_runners_ring_an_alarm_once_between_them(
    database: SqlDatabase, rung: Rung, runner: LaterRunner
) -> None:
    for n in range(20):
        await set_alarm(database, f"ctr_{n:02}", timedelta(0))
    other = LaterRunner(database, {LAPSE: rung}, [])
    await asyncio.gather(runner.run_due(), other.run_due())
    assert sorted(rung.keys) == [f"ctr_{n:02}" for n in range(20)]


async def test_an_alarm_whose_handler_fails_backs_off_and_is_parked_where_it_can_be_seen_and_replayed(
    database: SqlDatabase, hands: Hands, rung: Rung, runner: LaterRunner
) -> None:
    rung.error = RuntimeError("a bug of ours")
    await set_alarm(database, "ctr_1", timedelta(0))
    for hours in range(5):
        hands.business_ahead = timedelta(hours=hours)
        await runner.run_due()
    assert rung.keys == ["ctr_1"] * 3
    assert await parked_reasons(database) == ["attempts_used_up"]
    async with database.begin() as tx:
        [found] = await parked.parked_list(tx)
        assert (found.kind, found.id, found.body) == ("alarm", "lapse:ctr_1", None)
        await parked.replay(tx, found.id)
    rung.error = None
    await runner.run_due()
    assert len(rung.keys) == 4
    assert await count(database, "later") == 0


async def test_a_failing_alarm_does_not_stand_before_others(database: SqlDatabase, rung: Rung) -> None:
    async def fails_for_one(tx: Transaction, key: str) -> None:
        if key == "ctr_0":
            raise RuntimeError("a bug of ours")
        await rung(tx, key)

    for n in range(3):
        await set_alarm(database, f"ctr_{n}", timedelta(0))
    await LaterRunner(database, {LAPSE: fails_for_one}, []).run_due()
    assert sorted(rung.keys) == ["ctr_1", "ctr_2"]


async def test_an_alarm_goes_on_with_the_story_in_which_it_was_set(
    database: SqlDatabase, rung: Rung, runner: LaterRunner
) -> None:

    token = story.set(Story("the_first_request"))
    await set_alarm(database, "ctr_1", timedelta(0))
    story.reset(token)
    await runner.run_due()
    assert rung.stories == ["the_first_request"]


async def test_money_does_not_move_by_itself_until_messages_have_been_heard_for_ten_minutes(
    database: SqlDatabase, hands: Hands, rung: Rung
) -> None:
    calm_since: datetime | None = None
    release, remind = Rung(), rung
    alarms: dict[str, AlarmHandler] = {"release": moves_money(release), "remind": remind}
    runner = LaterRunner(database, alarms, [], calm_since=lambda: calm_since)
    for alarm in alarms:
        await set_alarm(database, "ms_1", timedelta(0), alarm)

    await runner.run_due()
    assert (release.keys, remind.keys) == ([], ["ms_1"])

    calm_since = datetime.now(UTC)
    hands.business_ahead = timedelta(minutes=9)
    await runner.run_due()
    assert release.keys == []

    hands.business_ahead = timedelta(minutes=11)
    await runner.run_due()
    assert release.keys == ["ms_1"]


async def test_a_nudged_runner_looks_at_once(database: SqlDatabase, rung: Rung, runner: LaterRunner) -> None:
    task = asyncio.create_task(runner.run())
    await set_alarm(database, "ctr_1", timedelta(0))
    runner.nudge()

    async def heard() -> bool:
        return rung.keys == ["ctr_1"]

    await eventually(heard)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
