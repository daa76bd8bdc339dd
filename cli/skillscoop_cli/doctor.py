"""What this machine needs, checked one by one, each with what mends it."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skillscoop_cli.failures import CheckFailed, Refused

NEEDED_BYTES = 200_000_000
OLDEST_SQLITE = (3, 35, 0)
OLDEST_PYTHON, TOO_NEW_PYTHON = (3, 11), (3, 15)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, and when it is not well, what mends it."""

    name: str
    ok: bool
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON."""
        return {"name": self.name, "ok": self.ok, "found": self.found, **({} if self.ok else {"fix": self.fix})}


def examine(data: Path, port: int) -> list[Finding]:
    """Every check, in the order in which a first start would stumble. Nothing is made or changed."""
    return [
        _python(),
        _sqlite(),
        _packages(),
        _live_keys(),
        _folder(data),
        _space(data),
        _port(data, port),
        _migrations(data),
        _tools(),
    ]


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "python", OLDEST_PYTHON <= sys.version_info[:2] < TOO_NEW_PYTHON, found, "install Python 3.11 to 3.14"
    )


def _sqlite() -> Finding:
    good = sqlite3.sqlite_version_info >= OLDEST_SQLITE
    return Finding("sqlite", good, sqlite3.sqlite_version, "use a Python that brings SQLite 3.35 or newer")


def _packages() -> Finding:
    from skillscoop_cli.embedded.composition import SERVICES
    from skillscoop_cli.embedded.composition import module as load

    try:
        for service in SERVICES:
            load(service, "main")
    except ImportError as error:
        return Finding("packages", False, str(error), "run ./skillscoop once more, or uv sync --frozen")
    return Finding("packages", True, f"{len(SERVICES)} services")


def _live_keys() -> Finding:
    from skillscoop_cli.embedded.runner import refuse_live_keys

    return _tried("stripe keys", "no live key in the environment", lambda: refuse_live_keys(os.environ))


def _folder(data: Path) -> Finding:
    from skillscoop_cli.folder import existing_folder

    if data.exists():
        if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
            return Finding("data folder", False, f"{data}: no right to write", "change its owner, or use --data")
        return _tried("data folder", str(data), lambda: _ours(data, existing_folder(data) is not None))
    parent = next(parent for parent in data.parents if parent.exists())
    good = os.access(parent, os.W_OK | os.X_OK)
    return Finding("data folder", good, f"{data}, not made yet", f"get the right to write in {parent}, or use --data")


def _ours(data: Path, ours: bool) -> None:
    if not data.is_dir():
        raise Refused(f"{data} is not a folder; name another with --data")
    if not ours and any(data.iterdir()):
        raise Refused(f"{data} is no SkillScoop data folder and not empty; name another with --data")


def _space(data: Path) -> Finding:
    there = data if data.exists() else next(parent for parent in data.parents if parent.exists())
    free = shutil.disk_usage(there).free
    return Finding("disk", free >= NEEDED_BYTES, f"{free // 1_000_000} MB free", "make room: 200 MB at least")


def _port(data: Path, port: int) -> Finding:
    from skillscoop_cli.addresses import skillscoop_answers
    from skillscoop_cli.embedded.server import bound
    from skillscoop_cli.folder import existing_folder, running_address

    try:
        address = running_address(existing_folder(data))
    except Refused:
        address = None
    if address and address.endswith(f":{port}"):
        return Finding("port", True, f"{port} is answered by this folder's own process")
    if skillscoop_answers(f"http://127.0.0.1:{port}"):
        return Finding("port", True, f"{port} is answered by a SkillScoop, not by this folder's process")
    return _tried("port", f"{port} is free", lambda: bound(port).close())


def _migrations(data: Path) -> Finding:
    from skillscoop_chassis.migrations import NotAtHead, assert_at_head
    from skillscoop_chassis.sql.urls import sqlite_url
    from sqlalchemy.exc import SQLAlchemyError

    from skillscoop_cli.embedded.composition import SERVICES, migrations_of
    from skillscoop_cli.folder import DataFolder

    folder = DataFolder(data)
    behind = []
    for service in SERVICES:
        file = folder.database(service)
        try:
            if file.exists():
                assert_at_head(sqlite_url(file), migrations_of(service))
        except (NotAtHead, SQLAlchemyError):
            behind.append(service)
    return Finding(
        "databases", not behind, ", ".join(behind) or "up to date", "run ./skillscoop migrate, or up --fresh"
    )


def _tools() -> Finding:
    """What the other ways to run would use; none of it is needed for `demo`."""
    found = [name for name in ("docker", "postgres", "psql", "rabbitmq-server") if shutil.which(name)]
    return Finding(
        "for the tests", True, ", ".join(found) or "neither Docker nor servers: test --install-servers brings them"
    )


def _tried(name: str, good: str, check: Callable[[], object]) -> Finding:
    try:
        check()
    except (Refused, CheckFailed) as error:
        found, _, fix = str(error).partition("; ")
        return Finding(name, False, found, fix or "see above")
    return Finding(name, True, good)
