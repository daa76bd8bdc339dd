"""What is remembered beside a connection stays true, whatever failed on it or changed behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from skillscoop_chassis.sql.database import SqlDatabase, open_database
from skillscoop_chassis.sql.engines import Layer
from skillscoop_messages.clock import system_clocks

KEEP = sa.text("INSERT INTO notes VALUES (:id, :words)")
READ = sa.text("SELECT * FROM notes WHERE id = :id")
UNSENDABLE = {"lone surrogate": "\ud800", "no such type": object()}


@pytest.fixture
async def database(database_url: str, layer: Layer) -> AsyncIterator[SqlDatabase]:
    """A database whose transactions all run on one connection."""
    opened = open_database(database_url, "contracts", system_clocks(), pool=2, layer=layer)
    async with opened.begin() as tx:
        await tx.execute(sa.text("CREATE TABLE notes (id integer, words text)"))
    yield opened
    await opened.close()


async def keep(database: SqlDatabase, id: int, words: object = "fine") -> None:
    async with database.begin() as tx:
        tx.write(KEEP, {"id": id, "words": "before"})
        tx.write(KEEP, {"id": id, "words": words})


@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=UNSENDABLE)
async def test_a_value_that_cannot_be_sent_fails_its_own_transaction_only(database: SqlDatabase, value: object) -> None:
    """Given a statement seen once, when it stands before one whose value cannot be encoded, then the next works."""
    await keep(database, 1)
    with pytest.raises(Exception) as caught:
        await keep(database, 2, value)
    for id in (3, 4, 5):
        await keep(database, id)

    assert not database.is_away(caught.value)
    async with database.read() as tx:
        found = await tx.all(sa.text("SELECT id, count(*) AS n FROM notes GROUP BY id ORDER BY id"))
    assert [(row["id"], row["n"]) for row in found] == [(1, 2), (3, 2), (4, 2), (5, 2)]


async def test_a_table_that_gets_a_column_is_read_with_it_by_connections_that_knew_it_without(
    database: SqlDatabase,
) -> None:
    """Given a prepared `SELECT *`, when a migration adds a column, then it is read anew within two tries."""
    await keep(database, 1)

    async def read() -> dict[str, object]:
        async with database.read() as tx:
            row = await tx.first(READ, {"id": 1})
        assert row is not None
        return dict(row)

    for _ in range(3):
        assert await read() == {"id": 1, "words": "before"}
    async with database.begin() as tx:
        await tx.execute(sa.text("ALTER TABLE notes ADD COLUMN colour text"))

    try:
        found = await read()
    except sa.exc.DBAPIError as error:
        assert database.is_conflict(error)
        found = await read()
    assert found == {"id": 1, "words": "before", "colour": None}


async def test_prepared_statements_that_the_server_forgot_are_prepared_again(database: SqlDatabase) -> None:
    """Given statements prepared on a connection, when all of them are gone there, then the next try works."""
    if database.dialect == "sqlite":
        pytest.skip("SQLite keeps no statements on a server")
    for id in (1, 2, 3):
        await keep(database, id)

    # Its own COMMIT is the first that is not there any more, where COMMIT is prepared at all.
    try:
        async with database.begin() as tx:
            await tx.execute(sa.text("DEALLOCATE ALL"))
    except sa.exc.DBAPIError as error:
        assert database.is_conflict(error)
    await keep(database, 4)

    async with database.read() as tx:
        assert len(await tx.all(READ, {"id": 4})) == 2
