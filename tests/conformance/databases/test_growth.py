"""What is asked for often costs the same however much there is: pages of lists, and marks of published events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from skillscoop_chassis.http.paging import Cursor, keyset_of_any
from skillscoop_chassis.sql.database import SqlDatabase, open_database
from skillscoop_messages import outbox
from skillscoop_messages import tables as messaging
from skillscoop_messages.clock import system_clocks
from skillscoop_messages.tables import OUTBOX

from tests.conformance.messaging_fixtures import ship
from tests.support.databases import create_tables

METADATA = sa.MetaData()
DEALS = sa.Table(
    "deals",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("buyer", sa.Text, nullable=False),
    sa.Column("seller", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Index("deals_buyer", "buyer", "number", "id"),
    sa.Index("deals_seller", "seller", "number", "id"),
)
PAGE = 25


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[SqlDatabase]:
    """A database with 4,000 deals; of every ten, ada buys four and sells four, and two are with herself."""
    create_tables(database_url, [METADATA, messaging.METADATA])
    opened = open_database(database_url, "conformance", system_clocks())
    people = [("ada", "ben"), ("cleo", "ada"), ("ada", "ada"), ("ada", "ben"), ("dan", "ada")]
    async with opened.begin() as tx:
        await tx.execute(
            DEALS.insert(),
            [
                {"id": f"d{n:05}", "buyer": people[n % 5][0], "seller": people[n % 5][1], "number": n // 3}
                for n in range(4_000)
            ],
        )
        await tx.execute(sa.text("ANALYZE"))
    yield opened
    await opened.close()


def deals_of(user: str, position: tuple[int, str] | None) -> sa.Select[Any]:
    mine = [DEALS.c.buyer == user, DEALS.c.seller == user]
    cursor = Cursor(PAGE, position, ("secret",), "deals")
    return keyset_of_any(sa.select(DEALS), mine, DEALS.c.number, DEALS.c.id, cursor)


async def test_pages_of_what_somebody_buys_or_sells_are_whole_and_in_order(database: SqlDatabase) -> None:
    """Given deals as buyer, as seller and as both, when paged through, then each comes once, newest first."""
    seen: list[str] = []
    position: tuple[int, str] | None = None
    async with database.read() as tx:
        while rows := (await tx.all(deals_of("ben", position)))[:PAGE]:
            seen += [row["id"] for row in rows]
            position = (rows[-1]["number"], rows[-1]["id"])
        every = await tx.all(
            sa.select(DEALS.c.id)
            .where(sa.or_(DEALS.c.buyer == "ben", DEALS.c.seller == "ben"))
            .order_by(DEALS.c.number.desc(), DEALS.c.id.desc())
        )

    assert seen == [row["id"] for row in every]


def scanned(plan: dict[str, Any]) -> list[float]:
    """How many rows each scan of a table or an index gave, over all its runs."""
    below = [rows for child in plan.get("Plans", ()) for rows in scanned(child)]
    mine = [plan["Actual Rows"] * plan["Actual Loops"]] if "Relation Name" in plan else []
    return mine + below


async def plan_of(tx: Any, statement: Any) -> dict[str, Any]:
    compiled = statement.compile(dialect=sa.dialects.postgresql.dialect(), compile_kwargs={"literal_binds": True})
    row = await tx.first(sa.text(f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}".replace(":", "\\:")))
    found = row["QUERY PLAN"]
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


async def test_a_page_reads_no_more_than_pages(database: SqlDatabase) -> None:
    """Given 4,000 deals of one person, when a page in the middle is read, then few more rows than its own are."""
    if database.dialect == "sqlite":
        pytest.skip("SQLite does not tell how many rows it read")
    async with database.begin() as tx:
        plan = await plan_of(tx, deals_of("ada", (700, "d02100")))

    assert max(scanned(plan)) <= 2 * (PAGE + 1)


async def test_marking_published_events_does_not_walk_through_the_backlog(database: SqlDatabase) -> None:
    """Given 400 events that wait, when three are marked, then the three rows are found by their ids."""
    await ship(database, 400)
    async with database.begin() as tx:
        await tx.execute(sa.text("ANALYZE"))
        ids = [row["id"] for row in await tx.all(sa.select(OUTBOX.c.id).limit(3))]
        await outbox.mark_published(tx, ids)
    async with database.read() as tx:
        left = await tx.first(
            sa.select(sa.func.count().label("n")).select_from(OUTBOX).where(OUTBOX.c.published_at.is_(None))
        )

    assert left == {"n": 397}
    assert "published_at IS NULL" not in str(outbox._MARK[database.dialect])
