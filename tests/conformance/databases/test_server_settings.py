"""What a server, a database or a role is set to changes neither what we read nor what we write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from skillscoop_chassis.migrations import differences
from skillscoop_chassis.sql.database import SqlDatabase, open_database
from skillscoop_chassis.sql.engines import Layer
from skillscoop_messages.clock import system_clocks
from skillscoop_messages.columns import JsonDocument, UtcDateTime

pytestmark = pytest.mark.servers

SETTINGS = {
    "datestyle": "German, DMY",
    "timezone": "Asia/Kathmandu",
    "intervalstyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-10",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "client_encoding": "LATIN1",
}
METADATA = sa.MetaData()
KINDS = sa.Table(
    "kinds",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcDateTime),
    sa.Column("day", sa.Date),
    sa.Column("took", sa.Interval),
    sa.Column("body", sa.LargeBinary),
    sa.Column("share", sa.Double),
    sa.Column("words", sa.Text),
    sa.Column("document", JsonDocument),
)
ROW = {
    "id": 1,
    "at": datetime(2030, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
    "day": date(2030, 2, 3),
    "took": timedelta(days=-1, hours=2, microseconds=3),
    "body": bytes(range(256)),
    "share": 0.1 + 0.2,
    "words": "a\\b größer ☂",
    "document": {"at": "2030", "list": [None, 1.5, "☂"]},
}


@pytest.fixture
async def database(postgres_url: str, layer: Layer) -> AsyncIterator[SqlDatabase]:
    """A database whose sessions begin with every setting other than we expect."""
    name = sql.Identifier(str(sa.make_url(postgres_url).database))
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for setting, value in SETTINGS.items():
            admin.execute(
                sql.SQL("ALTER DATABASE {} SET {} TO {}").format(name, sql.Identifier(setting), sql.Literal(value))
                if setting != "datestyle"
                else sql.SQL("ALTER DATABASE {} SET datestyle TO German, DMY").format(name)
            )
    opened = open_database(postgres_url, "contracts", system_clocks(), layer=layer)
    async with opened.begin() as tx:
        await tx.execute(sa.schema.CreateTable(KINDS))
    yield opened
    await opened.close()


async def test_every_kind_of_value_comes_back_as_it_went(database: SqlDatabase) -> None:
    """Given a server set up for Germany in Nepal, when a row is written and read, then it is the same row."""
    async with database.begin() as tx:
        await tx.execute(KINDS.insert(), ROW)
        written = await tx.first(sa.select(KINDS))
    async with database.read() as tx:
        read = await tx.first(sa.select(KINDS))

    assert written == ROW
    assert read == ROW


async def test_statements_mean_what_they_mean_everywhere(database: SqlDatabase) -> None:
    """Given other defaults for strings, NULL and isolation, when statements use them, then ours hold."""
    statement = sa.text(
        "SELECT 'a\\b' AS text, (NULL = NULL) IS NULL AS unknown, CAST('{NULL}' AS text[]) AS list,"
        " current_setting('transaction_isolation') AS isolation"
    )
    async with database.begin() as tx:
        row = await tx.first(statement)

    assert row == {"text": "a\\b", "unknown": True, "list": [None], "isolation": "read committed"}


def test_migrations_read_such_a_database_too(database: SqlDatabase, postgres_url: str) -> None:
    """Given such a server, when tables are compared with the code, then nothing differs."""
    assert differences(postgres_url, [METADATA]) == []
