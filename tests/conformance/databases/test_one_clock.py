"""Leases, due times and ages compare with one clock, the database's, whatever a process's machine believes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages import scheduled
from skillscoop_messages.clock import Clocks, shifted_clocks, system_clocks, wall_time
from skillscoop_messages.executor import Executor, lease_columns
from sqlalchemy import Column, MetaData, RowMapping, Table, Text, insert, select
from sqlalchemy.schema import CreateTable

from tests.conformance.messaging_fixtures import conformance_database

CALLS = Table("calls", MetaData(), Column("id", Text, primary_key=True), *lease_columns())
LEASE = timedelta(seconds=60)
DAY = timedelta(days=1)


class Calls:
    """Calls that are made at once, and what was called."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def call(self, row: RowMapping) -> str:
        self.made.append(row["id"])
        return "done"

    async def settle(self, tx: Any, row: RowMapping, outcome: str) -> None:
        await tx.execute(CALLS.update().where(CALLS.c.id == row["id"]).values(state=outcome))

    def executor(self) -> Executor[str]:
        """Makes them."""
        return Executor("calls", CALLS, self.call, self.settle, LEASE)


def wrong_by(error: timedelta) -> Clocks:
    """The clocks of a process on a machine whose clock is wrong."""
    return system_clocks(lambda: wall_time() + error)


@pytest.fixture
async def right(postgres_url: str) -> AsyncIterator[SqlDatabase]:
    """The database as a process with a right clock has it."""
    async with conformance_database(postgres_url, system_clocks()) as opened:
        async with opened.begin() as tx:
            await tx.execute(CreateTable(CALLS))
        yield opened


@pytest.fixture
async def beside(postgres_url: str, right: SqlDatabase) -> AsyncIterator[Callable[[Clocks], SqlDatabase]]:
    """Opens the same database for another process, with its own clocks."""
    from skillscoop_chassis.sql.database import open_database

    opened: list[SqlDatabase] = []

    def open_beside(clocks: Clocks) -> SqlDatabase:
        opened.append(open_database(postgres_url, "conformance", clocks, pool=2))
        return opened[-1]

    yield open_beside
    for one in opened:
        await one.close()


async def add(database: SqlDatabase, *ids: str) -> None:
    async with database.begin() as tx:
        await tx.execute(insert(CALLS), [{"id": id, "due_at": tx.wall()} for id in ids])


@pytest.mark.parametrize("error", [DAY, -DAY], ids=["a day ahead", "a day behind"])
async def test_a_process_with_a_wrong_clock_writes_right_times(
    right: SqlDatabase, beside: Callable[[Clocks], SqlDatabase], error: timedelta
) -> None:
    """Given a process whose clock is a day off, when it writes due times and leases, then the others can use them."""
    wrong, calls = beside(wrong_by(error)), Calls()
    await add(wrong, "op_1")
    async with wrong.begin() as tx:
        await scheduled.schedule(tx, "lapse", "ctr_1", tx.now())

    async with right.begin() as tx:
        due = await scheduled.next_due(tx, "timer")
    leased = await calls.executor().claim(wrong, 1)

    assert due is not None
    assert abs(due) < timedelta(seconds=30)
    assert [row["id"] for row in leased] == ["op_1"]
    assert abs(leased[0]["lease_until"] - LEASE - datetime.now(UTC)) < timedelta(seconds=30)
    await calls.executor().execute(right, leased[0])
    assert calls.made == ["op_1"]


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (DAY, "this machine's clock is 86400 s ahead of the database's"),
        (-DAY, "this machine's clock is 86400 s behind the database's"),
        (timedelta(seconds=2), None),
    ],
    ids=["a day ahead", "a day behind", "two seconds ahead"],
)
async def test_a_wrong_clock_is_said(
    right: SqlDatabase, beside: Callable[[Clocks], SqlDatabase], error: timedelta, trouble: str | None
) -> None:
    """Given a machine whose clock is wrong by more than a few seconds, then its process says so."""
    wrong = beside(wrong_by(error))
    async with wrong.read() as tx:
        await tx.all(select(CALLS))

    assert wrong.clock_trouble() == trouble


async def test_what_a_wrong_clock_leased_far_ahead_is_taken_again(right: SqlDatabase) -> None:
    """Given a row leased for a day by nobody who lives, when somebody looks, then it is called within a lease."""
    calls = Calls()
    await add(right, "op_1", "op_2")
    async with right.begin() as tx:
        await tx.execute(CALLS.update().values(lease_token="another", lease_until=tx.wall() + DAY))
        await tx.execute(CALLS.update().where(CALLS.c.id == "op_2").values(lease_until=tx.wall() + LEASE))

    assert await calls.executor().run_due(right) == 1
    assert calls.made == ["op_1"]


async def test_business_time_may_still_be_played(beside: Callable[[Clocks], SqlDatabase], right: SqlDatabase) -> None:
    """Given business time that runs two weeks ahead on a wrong machine, then it is so by the database."""
    played = beside(shifted_clocks(lambda: 14 * DAY, lambda: wall_time() + DAY))

    async with played.read() as tx:
        now, wall = tx.now(), tx.wall()

    assert abs(wall - wall_time()) < timedelta(seconds=30)
    assert abs(now - wall - 14 * DAY) < timedelta(seconds=30)
