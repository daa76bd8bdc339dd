"""A claim takes what it was asked for and no row more, whatever the planner believes about the table."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages import outbox, scheduled
from skillscoop_messages.consumer import Subscriber
from skillscoop_messages.database import Transaction
from skillscoop_messages.executor import Executor, lease_columns
from skillscoop_messages.scheduler import Scheduler
from skillscoop_messages.tables import OUTBOX
from sqlalchemy import Column, MetaData, Table, Text, insert, text
from sqlalchemy.schema import CreateTable

from tests.conformance.messaging_fixtures import (
    BOOKING,
    Hands,
    Shipped,
    booking,
    count,
    effects,
    raws,
    read_event,
    ship,
)

LAPSE = "lapse"
CALLS = Table("calls", MetaData(), Column("id", Text, primary_key=True), *lease_columns())


@pytest.fixture(params=(0, 1), ids=("analyzed when empty", "analyzed with one row"))
def rows_at_analyze(request: pytest.FixtureRequest) -> int:
    """How many rows the tables held when the server last looked at them."""
    return int(request.param)


async def analyze(database: SqlDatabase) -> None:
    """Let the server look at its tables now, as autovacuum does at some time."""
    async with database.begin() as tx:
        await tx.execute(text("ANALYZE"))


async def after_analyze(database: SqlDatabase, rows: int, add: Callable[[str], Awaitable[None]], total: int) -> None:
    """`total` rows, of which the server's statistics have seen the first `rows`."""
    for number in range(rows):
        await add(f"row_{number:02}")
    await analyze(database)
    for number in range(rows, total):
        await add(f"row_{number:02}")


async def test_one_alarm_is_claimed_and_the_others_stay(
    database: SqlDatabase, hands: Hands, rows_at_analyze: int
) -> None:
    """Given 20 timers due, when one is claimed, then it alone is gone, and all 20 are fired in the end."""
    fired: list[str] = []

    async def ring(tx: Transaction, key: str) -> None:
        fired.append(key)

    async def wake(key: str) -> None:
        async with database.begin() as tx:
            await scheduled.schedule(tx, LAPSE, key, tx.now())

    await after_analyze(database, rows_at_analyze, wake, 20)

    with pytest.raises(LookupError):
        async with database.begin() as tx:
            await scheduled.claim(tx, "timer", [LAPSE])
            left = await tx.first(text("SELECT count(*) AS n FROM scheduled"))
            raise LookupError
    runner = Scheduler(database, {LAPSE: ring}, [])
    await runner.run_due()

    assert left == {"n": 19}
    assert sorted(fired) == [f"row_{number:02}" for number in range(20)]
    assert await count(database, "scheduled") == 0


async def test_every_kept_message_takes_effect(database: SqlDatabase, hands: Hands, rows_at_analyze: int) -> None:
    """Given 10 messages kept for another try, when they are tried, then all ten take effect."""

    async def keep(root: str) -> None:
        verdict = scheduled.Verdict(hands.clocks().wall(), 1, None)
        async with database.begin() as tx:
            await scheduled.postpone_message(tx, BOOKING, raws(Shipped(parcel_id=root))[0], "story", verdict, "busy")

    await after_analyze(database, rows_at_analyze, keep, 10)

    await Scheduler(database, {}, [Subscriber(BOOKING, booking())], decode=read_event).run_due()

    assert await effects(database) == [f"row_{number:02}" for number in range(10)]
    assert await count(database, "scheduled") == 0


async def test_an_executor_claims_no_more_than_it_can_call(database: SqlDatabase, rows_at_analyze: int) -> None:
    """Given 60 due operations, when 16 are claimed, then 16 are leased and 44 are free."""
    async with database.begin() as tx:
        await tx.execute(CreateTable(CALLS))

    async def add(name: str) -> None:
        async with database.begin() as tx:
            await tx.execute(insert(CALLS), {"id": name, "due_at": tx.wall()})

    await after_analyze(database, rows_at_analyze, add, 60)

    async def nothing(*_: object) -> None:
        return None

    claimed = await Executor("calls", CALLS, nothing, nothing, timedelta(seconds=60)).claim(database, 16)

    assert len(claimed) == 16
    assert await count(database, "calls", "lease_token IS NOT NULL") == 16


async def test_a_purge_of_the_outbox_keeps_to_its_chunk(
    database: SqlDatabase, hands: Hands, rows_at_analyze: int
) -> None:
    """Given 20 events published long ago, when 5 are purged, then 15 are left."""

    async def publish(_name: str) -> None:
        await ship(database)

    await after_analyze(database, rows_at_analyze, publish, 20)
    async with database.begin() as tx:
        await tx.execute(OUTBOX.update().values(published_at=tx.wall()))
    hands.wall_ahead = timedelta(days=8)

    async with database.begin() as tx:
        purged = await outbox.purge(tx, limit=5)

    assert (purged, await count(database, "outbox")) == (5, 15)
