"""Fresh databases for tests, and the tables in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql

from tests.support.servers.leftovers import note


class FreshDatabases:
    """New empty databases on one PostgreSQL server, dropped many at a time because each drop is slow."""

    def __init__(self, server_url: str, most: int = 40) -> None:
        self._server = server_url
        self._most = most
        self._left: list[str] = []

    def new(self, purpose: str = "test", template: str = "template0") -> str:
        """The address of a new database: an empty one, or a copy of `template` to which nobody is connected."""
        name = f"skillscoop_{purpose}_{os.getpid()}_{os.urandom(4).hex()}"
        note("database", self._server, name)
        with psycopg.connect(self._server, autocommit=True) as admin:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return sa.make_url(self._server).set(database=name).render_as_string(hide_password=False)

    def done_with(self, url: str) -> None:
        """Nobody needs this database any more; connections still open are ended."""
        self._left.append(str(sa.make_url(url).database))
        if len(self._left) >= self._most:
            self.drop_all()

    def drop(self, name: str) -> None:
        """Drop one database by its name, wherever it was made."""
        self._left.append(name)
        self.drop_all()

    def drop_all(self) -> None:
        """Drop what nobody needs."""
        with psycopg.connect(self._server, autocommit=True) as admin:
            while self._left:
                name = sql.Identifier(self._left.pop())
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@contextmanager
def fresh_postgres(server_url: str, purpose: str = "test") -> Iterator[str]:
    """A new empty database on the server, dropped at the end of the block. Yields its address."""
    fresh = FreshDatabases(server_url, most=1)
    url = fresh.new(purpose)
    try:
        yield url
    finally:
        fresh.done_with(url)


@contextmanager
def fresh_sqlite(folder: Path) -> Iterator[str]:
    """A new SQLite file in `folder`. Yields its address."""
    yield f"sqlite:///{folder / f'{os.urandom(4).hex()}.sqlite'}"


def create_tables(url: str, targets: Sequence[sa.MetaData]) -> None:
    """Make every table of `targets` in the database at `url`, without migrations."""
    parsed = sa.make_url(url)
    driver = "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+psycopg"
    engine = sa.create_engine(parsed.set(drivername=driver), poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        for metadata in targets:
            metadata.create_all(connection)
    engine.dispose()
