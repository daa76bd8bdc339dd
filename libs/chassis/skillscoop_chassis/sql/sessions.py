"""What every session is set to, and how long anything may take; the same for each way to reach a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

ANSWER_SECONDS = 18.0
"""How long one exchange may take: a little longer than the server lets a statement take (15 s)."""

WAIT_SECONDS = 5.0
"""How long a caller waits for a free connection before the database counts as away."""

CLOSE_SECONDS = 2.0
OPEN_SECONDS = 10.0
"""How long opening one may take, its first statements included."""

BUSY_MS = 5_000
PARSED_BY = {
    "client_encoding": "UTF8",
    "datestyle": "ISO,YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
}
"""How values travel and what statements mean: never left to the settings of a server, a database or a role. Whether
the session may write is left to them: a server that was made read-only must stay so."""

LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "20s",
}
"""No statement, lock or forgotten transaction lasts long."""

CONNECT_SECONDS = 5
IDLE, IN_ERROR = 0, 3
"""libpq's PQTRANS_IDLE and PQTRANS_INERROR."""


def reachable(session: Mapping[str, str]) -> dict[str, Any]:
    """Connection arguments of libpq: our session settings, and a connection that notices when its peer is gone."""
    settings = {**PARSED_BY, **session}
    return {
        "options": " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items()),
        "connect_timeout": CONNECT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": int(ANSWER_SECONDS * 1000),
    }


def on_connect(*, query_only: bool) -> Callable[[Any, Any], None]:
    """What every new connection is set to."""

    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if query_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    return prepare
