"""What an error of the database means for the work that met it: decided by its cause, in one table."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

Meaning = Literal["away", "conflict", "slow", "mistake"]
"""`away`: nothing can be done here now, try the same later without changing anything. `conflict`: another transaction
was in the way, try again at once. `slow`: this very work took too long; it counts as a failed try, for waiting for
the database would never end. `mistake`: everything else, the statement or the data."""

SQLSTATES: dict[str, Meaning] = {
    "08": "away",  # connection_exception
    "25006": "away",  # read_only_sql_transaction: a demoted primary, or an operator who stopped writes
    "25P03": "slow",  # idle_in_transaction_session_timeout: between two statements of ours
    "25P04": "slow",  # transaction_timeout
    "26000": "conflict",  # invalid_sql_statement_name: what this connection had prepared is gone
    "28": "away",  # invalid_authorization_specification
    "3D000": "away",  # invalid_catalog_name: the database is being restored
    "40001": "conflict",  # serialization_failure
    "40P01": "conflict",  # deadlock_detected
    "53": "away",  # insufficient_resources: disk full, out of memory, too many connections
    "55P03": "conflict",  # lock_not_available
    "57014": "slow",  # query_canceled: statement_timeout
    "57P": "away",  # admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, idle_session_timeout
    "58": "away",  # system_error, io_error, undefined_file
}
"""The meaning of a SQLSTATE of PostgreSQL; the longest beginning that is listed counts."""

SQLITE_ERRORS: dict[str, Meaning] = {
    "SQLITE_BUSY": "conflict",
    "SQLITE_CANTOPEN": "away",
    "SQLITE_FULL": "away",
    "SQLITE_IOERR": "away",
    "SQLITE_LOCKED": "conflict",
    "SQLITE_NOMEM": "away",
    "SQLITE_READONLY": "away",
}
"""The meaning of a result code of SQLite, its extended codes (`SQLITE_IOERR_WRITE`) included."""

DISK_FULL = ("53100", "SQLITE_FULL")
ROOM = 256 * 1024
"""Bytes SQLite needs beside a file to open it at all."""

WITHOUT_STATE = ("OperationalError", "InterfaceError", "ConnectionTimeout")
"""Errors of psycopg that say nothing but that there is no connection."""


class NoAnswer(sa.exc.TimeoutError):
    """The server kept silent for longer than anything may take: the connection is given up."""


def driver_error(error: BaseException) -> BaseException:
    """The driver's own error inside SQLAlchemy's, or the error itself."""
    return error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error


def code(error: BaseException) -> str | None:
    """SQLSTATE of PostgreSQL or name of SQLite's result code, where the error has one."""
    cause: Any = driver_error(error)
    found = cause.sqlite_errorname if isinstance(cause, sqlite3.Error) and hasattr(cause, "sqlite_errorname") else None
    return found or getattr(cause, "sqlstate", None)


def meaning(error: BaseException) -> Meaning:
    """What `error` means for the work that met it."""
    if isinstance(error, (sa.exc.TimeoutError, ConnectionError)):
        return "away"
    known = code(error)
    cause: Any = driver_error(error)
    if known is not None:
        if is_stale_plan(cause):
            return "conflict"
        table = SQLITE_ERRORS if known.startswith("SQLITE_") else SQLSTATES
        listed = [table[known[:length]] for length in range(len(known), 0, -1) if known[:length] in table]
        return listed[0] if listed else "mistake"
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return "away"
    from_driver = type(cause).__module__.startswith("psycopg") and type(cause).__name__ in WITHOUT_STATE
    return "away" if from_driver else "mistake"


def is_stale_plan(cause: Any) -> bool:
    """Whether a prepared statement met a table that has changed since: "cached plan must not change result type"."""
    diagnosis = getattr(cause, "diag", None)
    return getattr(cause, "sqlstate", None) == "0A000" and (
        getattr(diagnosis, "source_function", None) == "RevalidateCachedQuery"
    )


def means_away(error: BaseException) -> bool:
    """Server gone, restarting, refusing, read-only or full, or no free connection: try later, with no change."""
    return meaning(error) == "away"


def means_conflict(error: BaseException) -> bool:
    """Another transaction was in the way (deadlock, serialisation, lock timeout, busy file): try again at once."""
    return meaning(error) == "conflict"


def means_slow(error: BaseException) -> bool:
    """This very work took longer than a statement or a transaction may."""
    return meaning(error) == "slow"


def is_disk_full(error: BaseException, file: Path | None = None) -> bool:
    """Whether there is no room left to write. Where SQLite only says that it failed, the disk of `file` is asked."""
    known = code(error)
    if known is None or file is None or not known.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return known in DISK_FULL
    return shutil.disk_usage(file.parent).free < ROOM


def plainly(error: BaseException) -> str:
    """What happened in a few words, for operators: no statement, no values, no traceback."""
    if is_disk_full(error):
        return "disk full"
    cause = driver_error(error)
    return f"{type(cause).__name__}: {str(cause).strip().splitlines()[0] if str(cause).strip() else 'no text'}"
