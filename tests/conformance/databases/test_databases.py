"""What every database must do for us: the same suite on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from skillscoop_chassis import tables
from skillscoop_chassis.sql.connections import TransactionFailed
from skillscoop_chassis.sql.database import SqlDatabase, for_update, open_database
from skillscoop_chassis.sql.engines import Layer
from skillscoop_messages import tables as post
from skillscoop_messages.clock import system_clocks
from skillscoop_messages.columns import JsonDocument, UtcDateTime
from skillscoop_messages.database import Transaction

from tests.support.databases import create_tables

METADATA = sa.MetaData()
COUNTERS = sa.Table(
    "counters",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime),
    sa.Column("document", JsonDocument),
)
ONE = sa.select(COUNTERS).where(COUNTERS.c.id == sa.bindparam("key"))
INSERT = COUNTERS.insert()


@pytest.fixture
async def database(database_url: str, layer: Layer) -> AsyncIterator[SqlDatabase]:
    """A database with one counter at 0."""
    create_tables(database_url, [METADATA, tables.METADATA, post.METADATA])
    opened = open_database(database_url, "contracts", system_clocks(), layer=layer)
    async with opened.begin() as tx:
        await tx.execute(INSERT, {"id": "a", "value": 0})
    yield opened
    await opened.close()


async def value(database: SqlDatabase, key: str = "a") -> int | None:
    async with database.read() as tx:
        row = await tx.first(ONE, {"key": key})
        return None if row is None else int(row["value"])


async def add_one(tx: Transaction) -> None:
    row = await tx.first(for_update(ONE), {"key": "a"})
    assert row is not None
    await asyncio.sleep(0)
    await tx.execute(COUNTERS.update().where(COUNTERS.c.id == "a").values(value=row["value"] + 1))


@pytest.mark.parametrize("writers", [3, 10])
async def test_concurrent_read_modify_writes_lose_nothing(database: SqlDatabase, writers: int) -> None:
    async def write() -> None:
        async with database.begin() as tx:
            await add_one(tx)

    await asyncio.gather(*(write() for _ in range(writers)))

    assert await value(database) == writers


async def test_row_of_a_savepoint_does_not_survive_the_outer_rollback(database: SqlDatabase) -> None:
    with pytest.raises(LookupError):
        async with database.begin() as tx:
            async with tx.savepoint():
                await tx.execute(INSERT, {"id": "inner", "value": 1})
            raise LookupError

    assert await value(database, "inner") is None


async def test_failed_savepoint_takes_its_rows_and_hooks_along_and_the_rest_commits(database: SqlDatabase) -> None:
    heard: list[str] = []
    async with database.begin() as tx:
        await tx.execute(INSERT, {"id": "outer", "value": 1})
        with pytest.raises(sa.exc.IntegrityError):
            async with tx.savepoint():
                tx.after_commit(lambda: heard.append("inner"))
                await tx.execute(INSERT, {"id": "inner", "value": 1})
                await tx.execute(INSERT, {"id": "inner", "value": 2})
        tx.after_commit(lambda: heard.append("outer"))

    assert await value(database, "inner") is None
    assert await value(database, "outer") == 1
    assert heard == ["outer"]


async def test_savepoints_nest(database: SqlDatabase) -> None:
    async with database.begin() as tx, tx.savepoint():
        with pytest.raises(LookupError):
            async with tx.savepoint():
                await tx.execute(INSERT, {"id": "deep", "value": 1})
                raise LookupError
        await tx.execute(INSERT, {"id": "shallow", "value": 1})

    assert await value(database, "deep") is None
    assert await value(database, "shallow") == 1


async def test_error_leaves_nothing_behind_and_tells_nobody(database: SqlDatabase) -> None:
    heard: list[str] = []
    with pytest.raises(LookupError):
        async with database.begin() as tx:
            tx.after_commit(lambda: heard.append("committed"))
            await tx.execute(INSERT, {"id": "b", "value": 1})
            raise LookupError

    assert await value(database, "b") is None
    assert heard == []


async def test_hooks_before_the_commit_belong_to_the_transaction(database: SqlDatabase) -> None:
    async def last(tx: Transaction) -> None:
        await tx.execute(INSERT, {"id": "hook", "value": 7})

    async with database.begin() as tx:
        tx.before_commit(last)

    assert await value(database, "hook") == 7


async def test_failing_hook_after_the_commit_does_not_look_like_a_failed_commit(database: SqlDatabase) -> None:
    heard: list[str] = []

    def broken() -> None:
        raise LookupError

    async with database.begin() as tx:
        await tx.execute(INSERT, {"id": "b", "value": 1})
        tx.after_commit(broken)
        tx.after_commit(lambda: heard.append("second"))

    assert await value(database, "b") == 1
    assert heard == ["second"]


async def test_reader_cannot_write(database: SqlDatabase) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        async with database.read() as tx:
            await tx.execute(INSERT, {"id": "b", "value": 1})

    assert await value(database, "b") is None
    async with database.begin() as tx:
        await add_one(tx)
    assert await value(database) == 1


async def test_swallowed_failure_is_never_mistaken_for_a_commit(database: SqlDatabase) -> None:
    committed = True
    try:
        async with database.begin() as tx:
            await tx.execute(INSERT, {"id": "b", "value": 1})
            with pytest.raises(sa.exc.IntegrityError):
                await tx.execute(INSERT, {"id": "a", "value": 1})
    except TransactionFailed:
        committed = False

    assert (await value(database, "b") is not None) is committed


async def test_duplicates_are_integrity_errors_without_their_values(database: SqlDatabase) -> None:
    with pytest.raises(sa.exc.IntegrityError) as caught:
        async with database.begin() as tx:
            await tx.execute(INSERT, {"id": "a", "value": 4711})

    assert "4711" not in str(caught.value)


async def test_cancelled_holder_lets_the_next_one_in(database: SqlDatabase) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with database.begin() as tx:
            await tx.execute(INSERT, {"id": "held", "value": 1})
            await add_one(tx)
            inside.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(hold())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10), database.begin() as tx:
        await add_one(tx)

    assert await value(database, "held") is None
    assert await value(database) == 1


@pytest.mark.parametrize("held", [False, True], ids=["free", "held by another"])
async def test_cancelled_at_any_point_leaves_no_transaction_open(database: SqlDatabase, held: bool) -> None:
    async def write() -> None:
        async with database.begin() as tx:
            await tx.execute(INSERT, {"id": "cancelled", "value": 1})
            await add_one(tx)
            await asyncio.Event().wait()

    async def cancel_after(turns: int) -> None:
        task = asyncio.create_task(write())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for turns in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610):
        if held:
            async with database.begin() as tx:
                await add_one(tx)
                await cancel_after(turns)
        else:
            await cancel_after(turns)
            async with asyncio.timeout(10), database.begin() as tx:
                await add_one(tx)

    assert await value(database) == 15
    assert await value(database, "cancelled") is None
    if database.dialect == "postgresql":
        async with database.read() as tx:
            left = await tx.all(
                sa.text(
                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                    " AND state LIKE 'idle in transaction%'"
                )
            )
        assert left == []


async def test_more_tasks_than_connections_all_get_their_turn(database: SqlDatabase) -> None:
    async def write() -> None:
        async with database.begin() as tx:
            await add_one(tx)

    async def look() -> None:
        await value(database)

    await asyncio.gather(*(write() for _ in range(40)), *(look() for _ in range(40)))

    assert await value(database) == 40


async def test_moments_and_documents_come_back_as_they_went(database: SqlDatabase) -> None:
    at = datetime(2030, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    document = {"text": "größer ☂", "list": [1, None, True]}
    async with database.begin() as tx:
        await tx.execute(INSERT, {"id": "b", "value": 1, "at": at, "document": document})
        row = await tx.first(ONE, {"key": "b"})

    assert row is not None
    assert (row["at"], row["document"]) == (at, document)
    assert row[COUNTERS.c.at] == at


async def test_lists_of_rows_and_lists_of_values(database: SqlDatabase) -> None:
    async with database.begin() as tx:
        await tx.execute(INSERT, [{"id": f"n{number}", "value": number} for number in range(5)])
        found = await tx.all(sa.select(COUNTERS).where(COUNTERS.c.id.in_(["n1", "n3", "none"])).order_by(COUNTERS.c.id))
        again = await tx.all(sa.select(COUNTERS).where(COUNTERS.c.id.in_(["n2"])))
        nothing = await tx.all(sa.select(COUNTERS).where(COUNTERS.c.id.in_([])))

    assert [row["value"] for row in found] == [1, 3]
    assert [row["value"] for row in again] == [2]
    assert list(nothing) == []


async def test_statements_tell_how_many_rows_and_return_them(database: SqlDatabase) -> None:
    async with database.begin() as tx:
        changed = await tx.execute(COUNTERS.update().values(value=COUNTERS.c.value + 1))
        missed = await tx.execute(COUNTERS.delete().where(COUNTERS.c.id == "nobody"))
        returned = await tx.execute(COUNTERS.update().values(value=9).returning(COUNTERS.c.id, COUNTERS.c.value))
        scalar = await tx.execute(sa.select(sa.func.count()).select_from(COUNTERS))

    assert (changed.rowcount, missed.rowcount) == (1, 0)
    assert [tuple(row) for row in returned] == [("a", 9)]
    assert scalar.scalar_one() == 1


async def test_plain_text_with_typed_columns(database: SqlDatabase) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    statement = sa.text("SELECT value, at, id FROM counters WHERE id = :id").columns(at=UtcDateTime())
    async with database.begin() as tx:
        await tx.execute(INSERT, {"id": "b", "value": 1, "at": at})
        row = await tx.first(statement, {"id": "b"})

    assert row is not None
    assert dict(row) == {"value": 1, "at": at, "id": "b"}


async def test_no_rows_to_insert_is_an_error_and_not_a_row_of_defaults(database: SqlDatabase) -> None:
    with pytest.raises(ValueError, match="empty list"):
        async with database.begin() as tx:
            await tx.execute(INSERT, [])


async def test_same_statement_serves_other_values(database: SqlDatabase) -> None:
    async with database.begin() as tx:
        await tx.execute(INSERT, [{"id": f"n{number}", "value": number} for number in range(3)])
        found = [
            await tx.first(sa.select(COUNTERS.c.value).where(COUNTERS.c.id == f"n{number}")) for number in range(3)
        ]

    assert [row and row["value"] for row in found] == [0, 1, 2]
