"""PostgreSQL gone, back, or too busy: told apart from mistakes of ours, and used again when it is back."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from skillscoop_chassis.sql.database import SqlDatabase, open_database
from skillscoop_messages.clock import system_clocks

from tests.support.servers.private import PrivatePostgres

pytestmark = pytest.mark.servers


async def answers(database: SqlDatabase) -> bool:
    try:
        async with database.begin() as tx:
            await tx.first(sa.text("SELECT 1"))
    except Exception as error:
        assert database.is_away(error), error
        return False
    return True


async def test_server_stopped_killed_and_back(private_postgres: PrivatePostgres) -> None:
    database = open_database(private_postgres.url, "contracts", system_clocks())
    assert await answers(database)

    private_postgres.stop("immediate")
    assert not await answers(database)
    assert not await answers(database)
    private_postgres.start()
    assert await answers(database)

    private_postgres.kill()
    assert not await answers(database)
    private_postgres.start()
    assert await answers(database)
    await database.close()


async def test_connection_lost_inside_a_transaction_commits_nothing(postgres_url: str) -> None:
    database = open_database(postgres_url, "contracts", system_clocks())
    async with database.begin() as tx:
        await tx.execute(sa.text("CREATE TABLE seen (id int)"))

    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with database.begin() as tx:
            await tx.execute(sa.text("INSERT INTO seen VALUES (1)"))
            mine = await tx.first(sa.text("SELECT pg_backend_pid() AS pid"))
            assert mine is not None
            async with database.begin() as other:
                await other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": mine["pid"]})
            await tx.execute(sa.text("INSERT INTO seen VALUES (2)"))

    assert database.is_away(caught.value)
    assert await answers(database)
    async with database.read() as tx:
        assert await tx.all(sa.text("SELECT id FROM seen")) == []
    await database.close()


async def test_deadlock_is_a_conflict(postgres_url: str) -> None:
    database = open_database(postgres_url, "contracts", system_clocks())
    async with database.begin() as tx:
        await tx.execute(sa.text("CREATE TABLE pair (id int primary key, n int)"))
        await tx.execute(sa.text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
    both = asyncio.Barrier(2)

    async def cross(first: int, second: int) -> Exception | None:
        try:
            async with database.begin() as tx:
                await tx.execute(sa.text("UPDATE pair SET n = n + 1 WHERE id = :id"), {"id": first})
                await both.wait()
                await tx.execute(sa.text("UPDATE pair SET n = n + 1 WHERE id = :id"), {"id": second})
        except sa.exc.DBAPIError as error:
            return error
        return None

    ended = await asyncio.gather(cross(1, 2), cross(2, 1))

    losers = [error for error in ended if error is not None]
    assert len(losers) == 1
    assert database.is_conflict(losers[0])
    assert not database.is_away(losers[0])
    await database.close()


async def test_nobody_listening_is_away() -> None:
    database = open_database("postgresql://postgres@127.0.0.1:1/none", "contracts", system_clocks())

    assert not await answers(database)
    await database.close()


async def test_mistakes_are_neither_away_nor_conflict(postgres_url: str) -> None:
    database = open_database(postgres_url, "contracts", system_clocks())
    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with database.begin() as tx:
            await tx.execute(sa.text("SELECT * FROM no_such_table"))

    assert not database.is_away(caught.value)
    assert not database.is_conflict(caught.value)
    await database.close()
