"""Fresh databases for tests, and the tables in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql


@contextmanager
def fresh_postgres(server_url: str, purpose: str = "test") -> Iterator[str]:
    """A new empty database on the server, dropped at the end, whoever is still connected. Yields its address."""
    name = f"skillscoop_{purpose}_{os.getpid()}_{os.urandom(4).hex()}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


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
