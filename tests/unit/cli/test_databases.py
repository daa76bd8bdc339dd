"""Databases of a data folder: made at first, kept when current, never left half migrated."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from skillscoop_cli.embedded.databases import migrate_all
from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import DataFolder, open_folder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return open_folder(tmp_path / "data")


def _tables(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_process_killed_while_migrating_left_nothing_that_stands_in_the_way(folder: DataFolder) -> None:
    half = folder.database("reviews").with_suffix(".new")
    with closing(sqlite3.connect(half)) as database:
        database.execute("CREATE TABLE outbox (half TEXT)")
    assert set(migrate_all(folder).values()) == {"made"}
    assert "outbox" in _tables(folder.database("reviews"))
    assert not half.exists()


def test_rows_in_the_journal_survive_a_migration(folder: DataFolder) -> None:
    migrate_all(folder)
    file = folder.database("reviews")
    open_and_never_closed = sqlite3.connect(file)
    open_and_never_closed.execute("CREATE TABLE kept (word TEXT)")
    open_and_never_closed.execute("INSERT INTO kept VALUES ('yes')")
    open_and_never_closed.commit()
    (file.parent / "migrated.json").unlink()
    open_and_never_closed.close()
    assert set(migrate_all(folder).values()) == {"checked"}
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT word FROM kept").fetchall() == [("yes",)]


def test_current_databases_are_not_even_opened(folder: DataFolder) -> None:
    migrate_all(folder)
    before = folder.database("contracts").stat().st_mtime_ns
    assert set(migrate_all(folder).values()) == {"current"}
    assert folder.database("contracts").stat().st_mtime_ns == before


def test_a_database_from_a_later_version_is_refused_and_left_alone(folder: DataFolder) -> None:
    migrate_all(folder)
    file = folder.database("payments")
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    (file.parent / "migrated.json").unlink()
    with pytest.raises(Refused, match=r"payments\.sqlite .*--fresh"):
        migrate_all(folder)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
