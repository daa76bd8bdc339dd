"""Away, in the way, too slow, or our mistake: decided by what the server says, and the session treated accordingly."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from skillscoop_chassis import tables
from skillscoop_chassis.sql import sessions
from skillscoop_chassis.sql.causes import meaning, plainly
from skillscoop_chassis.sql.database import SqlDatabase, open_database
from skillscoop_chassis.sql.engines import Layer
from skillscoop_messages import tables as messaging
from skillscoop_messages.clock import system_clocks

from tests.support.databases import create_tables
from tests.support.silence import proxy

ADD = sa.text("INSERT INTO notes VALUES (:id)")
MEANINGS = {
    "08006": "away",
    "25006": "away",
    "53100": "away",
    "53200": "away",
    "53300": "away",
    "57P01": "away",
    "57P03": "away",
    "58030": "away",
    "57014": "slow",
    "25P03": "slow",
    "40001": "conflict",
    "40P01": "conflict",
    "55P03": "conflict",
    "0A000": "mistake",
    "22003": "mistake",
    "23505": "mistake",
    "42P01": "mistake",
    "XX000": "mistake",
}


@pytest.fixture
async def database(postgres_url: str, layer: Layer) -> AsyncIterator[SqlDatabase]:
    """A PostgreSQL database with one writing connection and a table to write to."""
    create_tables(postgres_url, [tables.METADATA, messaging.METADATA])
    opened = open_database(postgres_url, "contracts", system_clocks(), pool=2, layer=layer)
    async with opened.begin() as tx:
        await tx.execute(sa.text("CREATE TABLE notes (id integer primary key)"))
    yield opened
    await opened.close()


async def add(database: SqlDatabase, id: int) -> None:
    async with database.begin() as tx:
        tx.write(ADD, {"id": id})


async def ids(database: SqlDatabase) -> list[int]:
    async with database.read() as tx:
        return [row["id"] for row in await tx.all(sa.text("SELECT id FROM notes ORDER BY id"))]


async def backend(database: SqlDatabase) -> int:
    async with database.begin() as tx:
        row = await tx.first(sa.text("SELECT pg_backend_pid() AS pid"))
    assert row is not None
    return int(row["pid"])


@pytest.mark.parametrize(("state", "expected"), MEANINGS.items())
async def test_what_the_server_says_decides(database: SqlDatabase, state: str, expected: str) -> None:
    """Given a SQLSTATE, when a statement fails with it, then the table decides, and away drops its session."""
    before = await backend(database)
    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with database.begin() as tx:
            await tx.execute(sa.text(f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{state}'; END $$"))

    assert meaning(caught.value) == expected
    assert (await backend(database) != before) is (expected == "away")


async def test_a_statement_that_takes_too_long_is_slow_and_not_an_absence(database: SqlDatabase) -> None:
    """Given a statement over its time, when it is cancelled by the server, then the work failed, not the database."""
    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with database.begin() as tx:
            await tx.execute(sa.text("SET LOCAL statement_timeout = '20ms'"))
            await tx.execute(sa.text("SELECT pg_sleep(10)"))

    assert (database.is_away(caught.value), database.is_slow(caught.value)) == (False, True)
    await add(database, 1)


async def test_a_handler_that_thinks_too_long_inside_its_transaction_is_slow_too(database: SqlDatabase) -> None:
    """Given a session that idles in its transaction, when the server ends it, then the work failed; the next works."""
    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with database.begin() as tx:
            await tx.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = '20ms'"))
            mine = await tx.first(sa.text("SELECT pg_backend_pid() AS pid"))
            assert mine is not None
            async with database.read() as other:
                gone = sa.text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid")
                while await other.all(gone, {"pid": mine["pid"]}):
                    await asyncio.sleep(0.02)
            tx.write(ADD, {"id": 1})

    assert (database.is_away(caught.value), database.is_slow(caught.value)) == (False, True)
    await add(database, 2)
    assert await ids(database) == [2]


async def test_a_server_that_was_made_read_only_is_away_and_used_again_by_the_next_write(
    database: SqlDatabase, postgres_url: str
) -> None:
    """Given sessions opened read-only, when writing is allowed again, then nobody has to cut connections."""
    name = sql.Identifier(str(sa.make_url(postgres_url).database))
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only TO on").format(name))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        while True:
            with pytest.raises(sa.exc.DBAPIError) as caught:
                await add(database, 1)
            assert database.is_away(caught.value)
            if "ReadOnly" in plainly(caught.value):
                break
        with pytest.raises(sa.exc.DBAPIError) as unproven:
            await database.prove_writable()
        admin.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))

    assert database.is_away(unproven.value)
    await add(database, 2)
    await database.prove_writable()
    assert await ids(database) == [2]


async def test_a_peer_that_falls_silent_is_given_up_and_found_again(
    database: SqlDatabase, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given connections in use and idle, when no byte passes any more, then all work ends; later it works."""
    monkeypatch.setattr(sessions, "ANSWER_SECONDS", 1.0)
    address = sa.make_url(postgres_url)
    async with proxy(str(address.host), int(address.port or 5432)) as between:
        through = open_database(
            address.set(port=between.port, host="127.0.0.1").render_as_string(hide_password=False),
            "contracts",
            system_clocks(),
            pool=4,
        )
        await add(through, 1)
        inside = asyncio.Event()

        async def undone() -> None:
            async with through.begin() as tx:
                await tx.execute(ADD, {"id": 2})
                inside.set()
                await silent.wait()
                raise LookupError

        silent = asyncio.Event()
        holder = asyncio.create_task(undone())
        await inside.wait()
        between.fall_silent()
        silent.set()
        async with asyncio.timeout(30):
            ends = await asyncio.gather(holder, add(through, 3), add(through, 4), ids(through), return_exceptions=True)
        between.flow_again()
        await add(through, 5)

        assert isinstance(ends[0], LookupError)
        assert all(isinstance(end, Exception) and through.is_away(end) for end in ends[1:])
        assert await ids(through) == [1, 5]
        await through.close()


async def test_a_full_disk_is_away_and_told_in_two_words(tmp_path: Path) -> None:
    """Given a file that may not grow, when a row does not fit, then it is away, nothing is kept, and later it works."""
    url = f"sqlite:///{tmp_path / 'full.sqlite'}"
    create_tables(url, [tables.METADATA, messaging.METADATA])
    opened = open_database(url, "contracts", system_clocks())
    async with opened.begin() as tx:
        await tx.execute(sa.text("CREATE TABLE notes (id integer primary key, words text)"))
        await tx.execute(sa.text("PRAGMA max_page_count = 1"))

    async def write() -> None:
        async with opened.begin() as tx:
            await tx.execute(sa.text("INSERT INTO notes (words) VALUES (:words)"), {"words": "x" * 100_000})

    with pytest.raises(sa.exc.DBAPIError) as caught:
        await write()
    # The connection that was told so is gone with its limit, as space comes back on a disk.
    await write()

    assert (opened.is_away(caught.value), plainly(caught.value)) == (True, "disk full")
    assert len(await ids(opened)) == 1
    await opened.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SQLITE_FULL", "away"),
        ("SQLITE_IOERR_WRITE", "away"),
        ("SQLITE_CANTOPEN", "away"),
        ("SQLITE_READONLY_DBMOVED", "away"),
        ("SQLITE_BUSY_SNAPSHOT", "conflict"),
        ("SQLITE_LOCKED", "conflict"),
        ("SQLITE_CORRUPT", "mistake"),
        ("SQLITE_ERROR", "mistake"),
    ],
)
def test_what_sqlite_says_decides(name: str, expected: str) -> None:
    """Given a result code of SQLite, then it means what the table says."""
    error = sqlite3.OperationalError("some words")
    error.sqlite_errorname = name

    assert meaning(error) == expected
