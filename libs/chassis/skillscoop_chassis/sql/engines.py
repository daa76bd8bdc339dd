"""The ways a service reaches its database, chosen by its address.

Everything that differs between them lives in this folder, so that no other module asks which one it is talking to.
"""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from skillscoop_chassis.sql.connections import Connections

Layer = Literal["direct", "plain"]
"""`direct`: SQLAlchemy compiles, the driver executes, statements travel together. `plain`: `AsyncEngine` alone."""


def driver_url(url: str) -> sa.URL:
    """`url` with the driver we use put in: `postgresql://…` and `sqlite:///…` are what people write.

    Raises ValueError for another database, and for SQLite without a file.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("SQLite needs a file: sqlite:////absolute/path.sqlite")
        return parsed.set(drivername="sqlite+aiosqlite")
    raise ValueError("DATABASE_URL must begin with postgresql:// or sqlite:///")


def open_connections(url: str, service: str, pool: int, layer: Layer = "direct") -> Connections:
    """The connections for `url`; nothing is opened before the first use. `pool` bounds PostgreSQL connections."""
    parsed = driver_url(url)
    on_sqlite = parsed.get_backend_name() == "sqlite"
    # Imported when chosen: the plain layer must work where a name the other one leans on is gone.
    if layer == "plain":
        from skillscoop_chassis.sql.plain import PlainPostgres, PlainSqlite

        return PlainSqlite(parsed) if on_sqlite else PlainPostgres(parsed, service, pool)
    from skillscoop_chassis.sql.postgres import PostgresConnections
    from skillscoop_chassis.sql.sqlite import SqliteConnections

    return SqliteConnections(parsed) if on_sqlite else PostgresConnections(parsed, service, pool)
