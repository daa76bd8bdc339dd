"""Bring one service's database to the newest version of its tables, or tell that it is not there.

Alembic is imported only when it is needed: a running service never migrates.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from skillscoop_chassis.sql.sessions import reachable

if TYPE_CHECKING:
    from alembic.config import Config


class NotAtHead(RuntimeError):
    """The database is older or newer than the code."""


def _sync_url(url: str) -> sa.URL:
    parsed = sa.make_url(url)
    return parsed.set(drivername="sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+psycopg")


def _config(migrations: Path) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _connection(url: str) -> Iterator[sa.Connection]:
    parsed = _sync_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    arguments = {} if parsed.get_backend_name() == "sqlite" else reachable({})
    engine = sa.create_engine(parsed, poolclass=sa.pool.NullPool, connect_args=arguments)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def migrate(url: str, migrations: Path) -> None:
    """Upgrade the database at `url` to the head of the folder `migrations`.

    Several processes may start it at once: on PostgreSQL the others wait for an advisory lock and find nothing to do.
    """
    from alembic import command

    config = _config(migrations)
    with _connection(url) as connection:
        lock = zlib.crc32(str(migrations.name).encode()) & 0x7FFFFFFF
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_lock(7321, :lock)"), {"lock": lock})
            connection.commit()
        else:
            connection.exec_driver_sql("PRAGMA busy_timeout=10000")
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def current_heads(url: str, migrations: Path) -> tuple[set[str], set[str]]:
    """Revisions the database is at, and the ones the code wants."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with _connection(url) as connection:
        found = set(MigrationContext.configure(connection).get_current_heads())
    return found, set(ScriptDirectory.from_config(_config(migrations)).get_heads())


def assert_at_head(url: str, migrations: Path) -> None:
    """Raises NotAtHead unless the database stands at the newest revision of `migrations`."""
    found, wanted = current_heads(url, migrations)
    if found != wanted:
        raise NotAtHead(
            f"the database is at {sorted(found) or 'nothing'}, the code wants {sorted(wanted)}: run migrate"
        )


def run_environment(targets: Sequence[sa.MetaData]) -> None:
    """The whole body of a service's `migrations/env.py`: upgrade on the connection that `migrate` passed in.

    `targets` are the metadata whose tables this database holds (the service's own, messaging's, the chassis').
    """
    from alembic import context

    connection: sa.Connection | None = context.config.attributes.get("connection")
    if connection is None:
        raise RuntimeError("start migrations through skillscoop_chassis.migrations.migrate")
    context.configure(
        connection=connection,
        target_metadata=list(targets),
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def differences(url: str, targets: Sequence[sa.MetaData]) -> list[Any]:
    """What differs between the database's tables and `targets`; empty when they match."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with _connection(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": list(targets)})
        return list(compare_metadata(context, list(targets)))  # type: ignore[arg-type]
