"""The SQLite files of a data folder, brought to the newest version of their tables before anything opens them."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from skillscoop_cli.embedded.composition import SERVICES, migrations_of
from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import DataFolder, write_private


def migrate_all(folder: DataFolder) -> dict[str, str]:
    """Migrate every service's database; what was done to each: `made`, `current` or `checked`.

    A note in the folder remembers which migration scripts each file went through, so that an ordinary start does not
    even load the migration tool. Raises `Refused` when a file is damaged, or made by other code than this.
    """
    note = folder.path / "databases" / "migrated.json"
    known = _read(note)
    done: dict[str, str] = {}
    for service in SERVICES:
        file = folder.database(service)
        wanted = _digest(migrations_of(service))
        existed = file.exists()
        if existed and known.get(service) == wanted:
            done[service] = "current"
            continue
        _migrate(folder, service)
        known[service] = wanted
        done[service] = "checked" if existed else "made"
        write_private(note, json.dumps(known))
    return done


def refuse_damaged(folder: DataFolder) -> None:
    """Raises `Refused` when one of the folder's files is no SQLite database."""
    for file in (folder.bus, *folder.path.glob("databases/*.sqlite"), *folder.simulator.glob("*.sqlite3")):
        if not file.exists():
            continue
        try:
            with closing(sqlite3.connect(file)) as database:
                database.execute("PRAGMA schema_version")
        except sqlite3.DatabaseError as error:
            raise _refusal(error, file, "cannot be used") from error


def _migrate(folder: DataFolder, service: str) -> None:
    """Migrate a copy and put it in the file's place: scripts do not run in one transaction on SQLite, so a process
    killed in the middle of them must leave the old file, never half of a new one."""
    from alembic.util.exc import CommandError
    from skillscoop_chassis.migrations import migrate
    from skillscoop_chassis.sql.urls import sqlite_url
    from sqlalchemy.exc import DatabaseError

    file = folder.database(service)
    copy = file.with_suffix(".new")
    try:
        for leftover in (copy, *_beside(copy)):
            leftover.unlink(missing_ok=True)
        if file.exists():
            _copied(file, copy)
        migrate(sqlite_url(copy), migrations_of(service))
        _folded(copy)
        copy.replace(file)
    except (CommandError, DatabaseError, sqlite3.DatabaseError) as error:
        raise _refusal(error, folder.database(service), "cannot be brought up to date") from error


def _refusal(error: Exception, file: Path, what: str) -> Refused:
    """Why a file cannot be used. To begin again is only proposed where the machine is not what is in the way."""
    from skillscoop_chassis.sql.causes import driver_error, is_disk_full, means_away

    if is_disk_full(error, file):
        return Refused(f"disk full: {file} {what}; make room and start again")
    reason = str(driver_error(error)).splitlines()[0]
    if means_away(error):
        return Refused(f"{file} {what} ({reason})")
    return Refused(f"{file} {what} ({reason}); start with --fresh to begin again, or name another folder with --data")


def _copied(file: Path, copy: Path) -> None:
    """Copy a database and leave nothing of it in a journal, which would otherwise be applied to its successor."""
    with closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    _folded(file)


def _folded(file: Path) -> None:
    """Bring what stands in the journal into the file itself."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for journal in _beside(file):
        journal.unlink(missing_ok=True)


def _beside(file: Path) -> tuple[Path, Path]:
    return file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm")


def _digest(migrations: Path) -> str:
    sums = hashlib.sha256()
    for script in sorted((migrations / "versions").glob("*.py")):
        sums.update(script.name.encode() + b"\0" + script.read_bytes())
    return sums.hexdigest()


def _read(note: Path) -> dict[str, str]:
    try:
        found = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
