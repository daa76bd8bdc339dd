"""One SQLite file: objects, balances, timers, idempotency records, webhook deliveries.

Every call is one synchronous transaction, so calls never interleave, and an effect, its idempotency record and its
webhook deliveries are on disk together or not at all.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stripe_simulator import clock
from stripe_simulator.errors import Json, missing
from stripe_simulator.settings import SimulatorSettings

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, account TEXT NOT NULL,
    body TEXT NOT NULL, hidden TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, account, seq);
CREATE TABLE IF NOT EXISTS links (
    seq INTEGER NOT NULL, field TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (seq, field)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_by_value ON links (kind, field, value, seq);
CREATE TABLE IF NOT EXISTS balances (
    account TEXT NOT NULL, currency TEXT NOT NULL, available INTEGER NOT NULL, pending INTEGER NOT NULL,
    PRIMARY KEY (account, currency)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS timers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS timers_by_due ON timers (due);
CREATE TABLE IF NOT EXISTS idempotency (
    account TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request TEXT NOT NULL, created REAL NOT NULL, PRIMARY KEY (account, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, due REAL NOT NULL, created REAL NOT NULL, answer TEXT);
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, due);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event);
"""

LINKED = {
    "payment_intent": ("customer",),
    "payment_method": ("customer",),
    "charge": ("payment_intent", "transfer_group", "customer"),
    "transfer": ("transfer_group", "destination", "source_transaction"),
    "refund": ("payment_intent", "charge", "status"),
    "dispute": ("payment_intent", "charge"),
    "balance_transaction": ("type", "source", "currency"),
    "event": ("type",),
    "checkout.session": ("payment_intent", "customer", "status"),
    "setup_intent": ("customer", "payment_method"),
}
"""By kind, the fields by which objects are looked up; each has a row in `links`."""


class Transaction:
    """What one call may read and write. `now` is business time in Unix seconds and stands still during the call."""

    def __init__(self, connection: sqlite3.Connection, settings: SimulatorSettings, now: int) -> None:
        self.sql = connection.execute
        self.settings = settings
        self.now = now
        self.request: Json = {"id": None, "idempotency_key": None}

    def get(self, id: str, kind: str | None = None, account: str | None = None) -> Json | None:
        """The object's body, or None when there is none of that kind in that account."""
        row = self.sql("SELECT kind, account, body FROM objects WHERE id = ?", (id,)).fetchone()
        if row is None or (kind or row[0]) != row[0] or (account if account is not None else row[1]) != row[1]:
            return None
        body: Json = json.loads(row[2])
        return body

    def need(self, kind: str, id: str, param: str = "id", account: str = "") -> Json:
        """The object's body. Raises Refusal `resource_missing` naming `param`."""
        body = self.get(id, kind, account)
        if body is None:
            raise missing(kind, id, param)
        return body

    def hidden(self, id: str) -> Json:
        """What the simulator knows of an object beyond its public body."""
        row = self.sql("SELECT hidden FROM objects WHERE id = ?", (id,)).fetchone()
        return dict(json.loads(row[0])) if row else {}

    def add(self, body: Json, account: str = "", **hidden: Any) -> Json:
        """Store a new object; its kind is its own word in `object`."""
        cursor = self.sql(
            "INSERT INTO objects (id, kind, account, body, hidden) VALUES (?, ?, ?, ?, ?)",
            (body["id"], body["object"], account, json.dumps(body), json.dumps(hidden)),
        )
        self._link(body, cursor.lastrowid)
        return body

    def put(self, body: Json, **hidden: Any) -> Json:
        """Store the changed body of an object, and merge what else is to be known of it."""
        values = (json.dumps(body), json.dumps(hidden), body["id"])
        row = self.sql(
            "UPDATE objects SET body = ?, hidden = json_patch(hidden, ?) WHERE id = ? RETURNING seq", values
        ).fetchone()
        self._link(body, row[0])
        return body

    def remove(self, id: str) -> None:
        """Forget an object."""
        self.sql("DELETE FROM links WHERE seq = (SELECT seq FROM objects WHERE id = ?)", (id,))
        self.sql("DELETE FROM objects WHERE id = ?", (id,))

    def _link(self, body: Json, seq: int | None) -> None:
        for field in LINKED.get(body["object"], ()):
            if body.get(field) is None:
                self.sql("DELETE FROM links WHERE seq = ? AND field = ?", (seq, field))
            else:
                self.sql("INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?)", (seq, field, body["object"], body[field]))

    def find(
        self,
        kind: str,
        account: str = "",
        *,
        limit: int = 1_000_000,
        after: str | None = None,
        before: str | None = None,
        created: Json | None = None,
        where: str = "",
        **equal: str | None,
    ) -> list[Json]:
        """Bodies, newest first, of those whose linked fields have the given values; None leaves a field open.

        `after` and `before` are ids as in Stripe's cursors, `created` bounds in Unix seconds, `where` a further
        SQL condition on `objects`.
        """
        wanted = {field: value for field, value in equal.items() if value is not None}
        conditions = ["kind = ?", "account = ?"]
        values: list[Any] = [kind, account]
        for field, value in wanted.items():
            conditions.append("seq IN (SELECT seq FROM links WHERE kind = ? AND field = ? AND value = ?)")
            values += [kind, field, value]
        for name, bound in (created or {}).items():
            sign = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[name]
            conditions.append(f"json_extract(body, '$.created') {sign} ?")
            values.append(bound)
        for cursor, sign in ((after, "<"), (before, ">")):
            if cursor is not None:
                conditions.append(f"seq {sign} (SELECT seq FROM objects WHERE id = ?)")  # noqa: S608
                values.append(cursor)
        order = "ASC" if before is not None else "DESC"
        text = (
            f"SELECT body FROM objects WHERE {' AND '.join([*conditions, where or '1'])} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        )
        bodies = [json.loads(row[0]) for row in self.sql(text, (*values, limit))]
        return bodies[::-1] if before is not None else bodies

    def at(self, due: int, kind: str, subject: str) -> None:
        """Have the timer handler `kind` called for `subject` once business time has reached `due`."""
        self.sql("INSERT INTO timers (due, kind, subject) VALUES (?, ?, ?)", (due, kind, subject))

    def next_timer(self) -> tuple[str, str] | None:
        """Take the earliest timer that is due: its kind and subject."""
        row = self.sql(
            "DELETE FROM timers WHERE id = (SELECT id FROM timers WHERE due <= ? ORDER BY due, id LIMIT 1)"
            " RETURNING kind, subject",
            (self.now,),
        ).fetchone()
        return (row[0], row[1]) if row else None

    def meta(self, name: str, default: Any = None) -> Any:
        """A value of the simulator itself, such as the clock's offset."""
        row = self.sql("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def set_meta(self, name: str, value: Any) -> None:
        """Keep a value of the simulator itself."""
        self.sql("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))


class Store:
    """The open file. `fire` runs what has become due and is called at the beginning of every transaction."""

    def __init__(
        self,
        settings: SimulatorSettings,
        now: Callable[[], datetime] | None,
        fire: Callable[[Transaction], None],
    ) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self._now = now or clock.wall
        self._fire = fire
        self._connection = _open(settings.data / "stripe-simulator.sqlite3")

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: committed at the end, rolled back when the block raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            transaction = Transaction(self._connection, self.settings, 0)
            offset = timedelta(seconds=transaction.meta("clock_offset", 0))
            transaction.now = int((self._now() + offset).timestamp())
            self._fire(transaction)
            yield transaction
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file; nothing is lost without it."""
        self._connection.close()


@contextmanager
def savepoint(transaction: Transaction, unless: Callable[[BaseException], bool]) -> Iterator[None]:
    """Undo what the block wrote when it raises, unless the error says its effects stay; the error goes on."""
    transaction.sql("SAVEPOINT work")
    try:
        yield
    except BaseException as error:
        if not unless(error):
            transaction.sql("ROLLBACK TO work")
        transaction.sql("RELEASE work")
        raise
    transaction.sql("RELEASE work")


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(SCHEMA)
    return connection
