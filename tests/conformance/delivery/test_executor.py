"""Outside calls with a lease: once when all is well, again when a process dies, never written without the lease."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages.database import Transaction
from skillscoop_messages.executor import Executor, lease_columns
from skillscoop_messages.outbox import record
from sqlalchemy import Column, MetaData, RowMapping, Table, Text, insert, select
from sqlalchemy.schema import CreateTable

from tests.conformance.messaging_fixtures import Hands, Shipped, count, eventually

OPERATIONS = Table(
    "operations", MetaData(), Column("id", Text, primary_key=True), Column("correlation_id", Text), *lease_columns()
)
LEASE = timedelta(seconds=60)


class Outside:
    """An outside system: counts calls, and can fail, hang, or be slow."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.most_at_once = self.at_once = 0

    async def call(self, row: RowMapping) -> str:
        self.calls.append(row["id"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
            if self.error is not None:
                raise self.error
            return "done"
        finally:
            self.at_once -= 1


async def settle(tx: Transaction, row: RowMapping, outcome: str) -> None:
    """Write the outcome and say so."""
    await tx.execute(OPERATIONS.update().where(OPERATIONS.c.id == row["id"]).values(state=outcome))
    record(tx, Shipped(parcel_id=row["id"]))


@pytest.fixture
def outside() -> Outside:
    """The outside system of this test."""
    return Outside()


@pytest.fixture
async def executor(database: SqlDatabase, outside: Outside) -> AsyncIterator[Executor[str]]:
    """An executor on an empty table of operations."""
    async with database.begin() as tx:
        await tx.execute(CreateTable(OPERATIONS))
    yield Executor("test", OPERATIONS, outside.call, settle, LEASE, concurrency=3)


async def due(database: SqlDatabase, *ids: str, nudge: Callable[[], None] = lambda: None) -> None:
    """Operations that are due now."""
    async with database.begin() as tx:
        await tx.execute(
            insert(OPERATIONS), [{"id": one, "correlation_id": "story", "due_at": tx.wall()} for one in ids]
        )
        tx.after_commit(nudge)


async def rows(database: SqlDatabase) -> list[dict[str, Any]]:
    """Every operation."""
    async with database.read() as tx:
        return [dict(row) for row in await tx.all(select(OPERATIONS).order_by(OPERATIONS.c.id))]


async def test_each_due_row_is_called_once_and_settled(
    database: SqlDatabase, outside: Outside, executor: Executor[str]
) -> None:
    await due(database, *(f"op_{n}" for n in range(7)))
    assert await executor.run_due(database) == 7
    assert await executor.run_due(database) == 0
    assert sorted(outside.calls) == [f"op_{n}" for n in range(7)]
    assert {(row["state"], row["attempts"], row["lease_token"]) for row in await rows(database)} == {("done", 1, None)}
    assert await count(database, "outbox", "correlation_id = 'story'") == 7
    assert outside.most_at_once <= 3


async def test_what_is_not_due_is_not_called(
    database: SqlDatabase, hands: Hands, outside: Outside, executor: Executor[str]
) -> None:
    async with database.begin() as tx:
        await tx.execute(insert(OPERATIONS), {"id": "op_1", "due_at": tx.wall() + timedelta(minutes=1)})
    hands.business_ahead = timedelta(days=30)
    assert await executor.run_due(database) == 0
    hands.wall_ahead = timedelta(minutes=2)
    assert await executor.run_due(database) == 1


async def test_a_process_that_dies_after_its_claim_is_made_up_for_when_the_lease_ends(
    database: SqlDatabase, hands: Hands, outside: Outside, executor: Executor[str]
) -> None:
    await due(database, "op_1")
    assert len(await executor.claim(database, 1)) == 1  # and dies here, before or after the call
    assert await executor.run_due(database) == 0
    hands.wall_ahead = LEASE + timedelta(seconds=1)
    assert await executor.run_due(database) == 1
    [row] = await rows(database)
    assert (row["state"], row["attempts"]) == ("done", 2)


async def test_an_outcome_that_comes_after_the_lease_was_taken_over_is_dropped(
    database: SqlDatabase, hands: Hands, outside: Outside, executor: Executor[str]
) -> None:
    await due(database, "op_1")
    [late] = await executor.claim(database, 1)
    hands.wall_ahead = LEASE + timedelta(seconds=1)
    [current] = await executor.claim(database, 1)
    await executor.execute(database, late)
    [row] = await rows(database)
    assert (row["state"], row["lease_token"]) == ("pending", current["lease_token"])
    assert await count(database, "outbox") == 0
    await executor.execute(database, current)
    assert [row["state"] for row in await rows(database)] == ["done"]
    assert await count(database, "outbox") == 1


async def test_a_lease_lost_while_settling_undoes_what_was_settled(
    database: SqlDatabase, outside: Outside, executor: Executor[str]
) -> None:
    async def loses_it(tx: Transaction, row: RowMapping, outcome: str) -> None:
        await settle(tx, row, outcome)
        await tx.execute(OPERATIONS.update().where(OPERATIONS.c.id == row["id"]).values(lease_token="another"))

    await due(database, "op_1")
    await replace(executor, settle=loses_it).run_due(database)
    assert [row["state"] for row in await rows(database)] == ["pending"]
    assert await count(database, "outbox") == 0


async def test_an_error_leaves_the_row_pending_and_due_again_later(
    database: SqlDatabase, hands: Hands, outside: Outside, executor: Executor[str]
) -> None:
    outside.error = TimeoutError("no answer")
    await due(database, "op_1")
    await executor.run_due(database)
    [row] = await rows(database)
    assert (row["state"], row["lease_token"], row["last_error"]) == ("pending", None, "TimeoutError: no answer")
    assert await executor.run_due(database) == 0
    outside.error = None
    hands.wall_ahead = timedelta(minutes=10)
    await executor.run_due(database)
    [row] = await rows(database)
    assert (row["state"], row["attempts"]) == ("done", 2)


async def test_a_call_longer_than_its_lease_is_given_up(
    database: SqlDatabase, outside: Outside, executor: Executor[str]
) -> None:
    outside.open.clear()
    await due(database, "op_1")
    await replace(executor, lease=timedelta(milliseconds=20)).run_due(database)
    [row] = await rows(database)
    assert row["state"] == "pending"
    assert row["last_error"].startswith("TimeoutError")


async def test_running_it_calls_at_a_nudge_and_never_more_than_allowed_at_once(
    database: SqlDatabase, outside: Outside, executor: Executor[str]
) -> None:
    running = asyncio.create_task(executor.run(database))
    outside.open.clear()
    await due(database, *(f"op_{n}" for n in range(10)), nudge=executor.nudge)

    async def full() -> bool:
        return outside.at_once == 3

    await eventually(full)
    outside.open.set()

    async def all_done() -> bool:
        return await count(database, "operations", "state = 'done'") == 10

    await eventually(all_done)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert outside.most_at_once == 3
    assert len(outside.calls) == 10


async def test_two_executors_share_the_work(database: SqlDatabase, outside: Outside, executor: Executor[str]) -> None:
    await due(database, *(f"op_{n}" for n in range(12)))
    other = replace(executor)
    await asyncio.gather(executor.run_due(database), other.run_due(database))
    assert sorted(outside.calls) == sorted(f"op_{n}" for n in range(12))
