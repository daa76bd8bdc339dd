"""What happened stays written: the database refuses to change or forget the audit log and the ledger."""

from __future__ import annotations

import importlib

import pytest
import sqlalchemy as sa
from skillscoop_chassis.migrations import migrate
from skillscoop_chassis.tables import AUDIT_LOG

from tests.support.applications import SERVICES, migrations_of

ROW = {"id": "1", "at": "2030-01-31 12:00:00", "actor": "olga", "action": "test", "subject": "x"}


def _sync(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    driver = "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+psycopg"
    return sa.create_engine(parsed.set(drivername=driver), poolclass=sa.pool.NullPool)


@pytest.mark.parametrize("service", SERVICES)
def test_audit_log_takes_new_rows_and_nothing_else(database_url: str, service: str) -> None:
    """Given an audited act, when the service's own role changes, deletes or empties the log, then it is refused."""
    importlib.import_module(f"skillscoop_{service}")
    migrate(database_url, migrations_of(service))
    engine = _sync(database_url)
    columns = ", ".join(ROW)
    with engine.begin() as connection:
        connection.execute(sa.text(f"INSERT INTO audit_log ({columns}) VALUES (:{', :'.join(ROW)})"), ROW)
    attempts = ["UPDATE audit_log SET actor = 'somebody'", "DELETE FROM audit_log"]
    attempts += ["TRUNCATE audit_log"] if engine.dialect.name == "postgresql" else []
    for statement in attempts:
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(sa.text(statement))

    with engine.connect() as connection:
        assert connection.execute(sa.select(AUDIT_LOG.c.actor)).scalars().all() == ["olga"]
    engine.dispose()
