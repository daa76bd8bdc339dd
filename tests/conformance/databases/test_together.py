"""Statements that travel together: written without waiting, asked for later, checked before the commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from skillscoop_chassis import tables
from skillscoop_chassis.sql.database import SqlDatabase, for_update, open_database
from skillscoop_chassis.sql.engines import Layer
from skillscoop_messages import tables as post
from skillscoop_messages.clock import system_clocks

from tests.support.databases import create_tables

METADATA = sa.MetaData()
PURSES = sa.Table(
    "purses",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("coins", sa.Integer, nullable=False),
)
INSERT = PURSES.insert()
ONE = sa.select(PURSES).where(PURSES.c.id == sa.bindparam("key"))
ADD = PURSES.update().where(PURSES.c.id == sa.bindparam("key")).values(coins=PURSES.c.coins + sa.bindparam("more"))
ADD_AND_TELL = ADD.returning(PURSES.c.coins)


class PurseGone(Exception):
    """There was no purse to put anything into."""


@pytest.fixture
async def database(database_url: str, layer: Layer) -> AsyncIterator[SqlDatabase]:
    """A database with one purse of 10 coins."""
    create_tables(database_url, [METADATA, tables.METADATA, post.METADATA])
    opened = open_database(database_url, "contracts", system_clocks(), layer=layer)
    async with opened.begin() as tx:
        tx.write(INSERT, {"id": "ada", "coins": 10})
    yield opened
    await opened.close()


async def coins(database: SqlDatabase, key: str = "ada") -> int | None:
    async with database.read() as tx:
        row = await tx.first(ONE, {"key": key})
        return None if row is None else int(row["coins"])


async def test_what_is_written_without_waiting_is_there_for_the_next_statement_and_after_the_commit(
    database: SqlDatabase,
) -> None:
    async with database.begin() as tx:
        tx.write(ADD, {"key": "ada", "more": 5})
        tx.write(INSERT, [{"id": "ben", "coins": 1}, {"id": "cleo", "coins": 2}])
        seen = await tx.first(ONE, {"key": "ada"})
        tx.write(ADD, {"key": "ben", "more": 1})

    assert seen is not None
    assert seen["coins"] == 15
    assert [await coins(database, key) for key in ("ada", "ben", "cleo")] == [15, 2, 2]


async def test_nothing_of_it_is_left_when_the_transaction_fails(database: SqlDatabase) -> None:
    with pytest.raises(LookupError):
        async with database.begin() as tx:
            tx.write(ADD, {"key": "ada", "more": 5})
            raise LookupError

    assert await coins(database) == 10


async def test_an_error_of_something_written_fails_the_commit_with_everything_else(database: SqlDatabase) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        async with database.begin() as tx:
            tx.write(ADD, {"key": "ada", "more": 5})
            tx.write(INSERT, {"id": "ada", "coins": 1})
            tx.write(ADD, {"key": "ada", "more": 7})

    assert await coins(database) == 10
    async with database.begin() as tx:
        tx.write(ADD, {"key": "ada", "more": 1})
    assert await coins(database) == 11


async def test_a_write_that_had_to_touch_something_and_did_not_prevents_the_commit(database: SqlDatabase) -> None:
    with pytest.raises(PurseGone):
        async with database.begin() as tx:
            tx.write(ADD, {"key": "ada", "more": 5})
            tx.write(ADD, {"key": "nobody", "more": 5}, unless=PurseGone)

    assert await coins(database) == 10


async def test_what_was_asked_for_is_answered_by_the_commit(database: SqlDatabase) -> None:
    async with database.begin() as tx:
        first = tx.ask(ADD_AND_TELL, {"key": "ada", "more": 5})
        second = tx.ask(ADD_AND_TELL, {"key": "ada", "more": 5})

    assert [row["coins"] for answer in (first, second) for row in answer()] == [15, 20]


async def test_a_failed_savepoint_takes_what_was_written_inside_along_and_nothing_else(database: SqlDatabase) -> None:
    async with database.begin() as tx:
        tx.write(ADD, {"key": "ada", "more": 1})
        with pytest.raises(sa.exc.IntegrityError):
            async with tx.savepoint():
                tx.write(ADD, {"key": "ada", "more": 100})
                tx.write(INSERT, {"id": "ada", "coins": 1})
        with pytest.raises(LookupError):
            async with tx.savepoint():
                tx.write(ADD, {"key": "ada", "more": 1000})
                raise LookupError
        tx.write(ADD, {"key": "ada", "more": 2})

    assert await coins(database) == 13


async def test_of_several_statements_each_sees_what_was_committed_when_its_turn_came(database: SqlDatabase) -> None:
    holding, may_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.begin() as tx:
            await tx.first(for_update(ONE), {"key": "ada"})
            tx.write(ADD, {"key": "ada", "more": 5})
            holding.set()
            await may_go.wait()

    async def look() -> list[int]:
        await holding.wait()
        async with database.begin() as tx:
            may_go.set()
            locked, behind = await tx.several((for_update(ONE), {"key": "ada"}), (ONE, {"key": "ada"}))
            return [locked[0]["coins"], behind[0]["coins"]]

    holder = asyncio.create_task(hold())
    if database.dialect == "sqlite":
        may_go.set()
    seen = await look()
    await holder

    assert seen == [15, 15]


async def test_the_same_statement_runs_any_number_of_times_on_one_connection(database: SqlDatabase) -> None:
    for _ in range(5):
        async with database.begin() as tx:
            for _ in range(4):
                tx.write(ADD, {"key": "ada", "more": 1})
            with pytest.raises(sa.exc.IntegrityError):
                async with tx.savepoint():
                    await tx.execute(INSERT, {"id": "ada", "coins": 1})

    assert await coins(database) == 30
