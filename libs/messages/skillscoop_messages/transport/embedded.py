"""The transport in one SQLite file: for one process without a broker. What was published survives kill -9."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import aiosqlite

from skillscoop_messages.errors import Hold, TransportError
from skillscoop_messages.transport.base import BATCH, DEAD, BatchHandler, Cancel, RawMessage, Subscription
from skillscoop_messages.transport.waiting import finished, first_of, raise_if_cancelled, stop

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 5.0
LOOK_EVERY = 1.0
LIVES = 5
"""How many processes a message may have ended, being in hand alone, before it is given up."""
CLOSE_TIMEOUT = 5.0
SETTLE_TIMEOUT = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS delivery (
    number INTEGER PRIMARY KEY,
    subscription TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    body BLOB NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    UNIQUE (subscription, id)
) STRICT
"""


class EmbeddedTransport:
    """One row for each message and subscription, written when it is published and deleted when it is handled.

    What is there when the file is opened was perhaps in hand when the process before us died: it is handed over one at
    a time, each try written down first, so that a message which kills its process is found out and the others take
    effect.

    `subscriptions` are all there are, so what is published before a subscriber first starts waits for it. `path` is a
    file of its own: no service's database.
    """

    def __init__(self, path: str | Path, subscriptions: Collection[Subscription]) -> None:
        self._path = Path(path)
        self._interested: dict[str, list[str]] = {}
        for subscription in subscriptions:
            for type in subscription.types:
                self._interested.setdefault(type, []).append(subscription.name)
        self._connection: aiosqlite.Connection | None = None
        self._writing = asyncio.Lock()
        self._bells: dict[str, asyncio.Event] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self._inherited = 0
        self._seen_through: set[str] = set()
        self._trouble: str | None = None

    async def open(self) -> None:
        """Open or create the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = await aiosqlite.connect(self._path, isolation_level=None)
        # A power cut must not take back what a service has already marked as published.
        for statement in ("PRAGMA busy_timeout=5000", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _SCHEMA):
            await connection.execute(statement)
        columns = {row[1] for row in await connection.execute_fetchall("PRAGMA table_info(delivery)")}
        if "tries" not in columns:
            await connection.execute("ALTER TABLE delivery ADD COLUMN tries INTEGER NOT NULL DEFAULT 0")
        [(newest,)] = await connection.execute_fetchall("SELECT coalesce(max(number), 0) FROM delivery")
        self._inherited = newest
        self._seen_through.clear()
        self._connection = connection

    async def close(self) -> None:
        """Let go of batches in hand and close the file; what is in it stays."""
        await stop(CLOSE_TIMEOUT, self._pumps)
        async with self._writing:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()

    async def publish(self, batch: Sequence[RawMessage]) -> set[str]:
        """Store a row for every interested subscription, all in one transaction; every id is durable then."""
        rows = [(name, *raw) for raw in batch for name in self._interested.get(raw.type, ())]
        if rows:
            await self._write(
                "INSERT OR IGNORE INTO delivery (subscription, id, type, subject, body) VALUES (?, ?, ?, ?, ?)", rows
            )
            for name in {row[0] for row in rows}:
                if name in self._bells:
                    self._bells[name].set()
        return {raw.id for raw in batch}

    async def subscribe(self, subscription: Subscription, handle: BatchHandler) -> Cancel:
        """Hand over waiting rows, oldest first."""
        bell = self._bells[subscription.name] = asyncio.Event()
        stopped = asyncio.Event()
        pump = asyncio.create_task(self._pump(subscription.name, handle, bell, stopped))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)

        async def cancel() -> None:
            stopped.set()
            bell.set()
            try:
                await finished(SETTLE_TIMEOUT, (pump,))
            finally:
                # What is still in hand comes again.
                pump.cancel()

        return cancel

    async def backlog(self) -> dict[str, int]:
        """Rows that wait, by subscription."""
        rows = await self._opened().execute_fetchall("SELECT subscription, count(*) FROM delivery GROUP BY 1")
        return {str(name): int(count) for name, count in rows}

    def trouble(self) -> str | None:
        """Whether the file can be used."""
        return self._trouble if self._connection else "the embedded transport is not open"

    async def _pump(self, name: str, handle: BatchHandler, bell: asyncio.Event, stopped: asyncio.Event) -> None:
        pause = 0.0
        while not stopped.is_set():
            alone: int | None = None
            try:
                bell.clear()
                batch = await self._next_inherited(name)
                if batch:
                    alone = batch[0][0]
                else:
                    batch = await self._next(name)
                if not batch:
                    await _rings(bell, LOOK_EVERY)
                    continue
                await handle([raw for _, raw in batch])
                await self._write("DELETE FROM delivery WHERE number = ?", [(number,) for number, _ in batch])
                self._trouble, pause = None, 0.0
                continue
            except Hold as hold:
                self._trouble = str(hold)
                gone = hold.gone
            except Exception as error:
                self._trouble = f"{name}: {type(error).__name__}: {error}"
                logger.warning("delivered again later: %s", self._trouble)
                gone = None
            raise_if_cancelled()
            if alone is not None:
                await self._lived(alone)
            if gone is not None:
                await first_of(gone(), stopped.wait())
            else:
                pause = min(max(0.05, pause * 2), LONGEST_PAUSE)
                await _until(stopped, pause)

    async def _next_inherited(self, name: str) -> list[tuple[int, RawMessage]]:
        """The next row of a former process, alone, its try written down; those without suspicion come first."""
        while name not in self._seen_through:
            rows = await self._opened().execute_fetchall(
                "SELECT number, tries, id, type, subject, body FROM delivery"
                " WHERE subscription = ? AND number <= ? ORDER BY tries, number LIMIT 1",
                (name, self._inherited),
            )
            if not rows:
                self._seen_through.add(name)
                return []
            [(number, tries, *rest)] = rows
            if tries < LIVES or name.endswith(DEAD):
                await self._write("UPDATE delivery SET tries = tries + 1 WHERE number = ?", [(number,)])
                return [(number, RawMessage(*rest))]
            logger.error("%s: given up, its process died %d times: %s", name, tries, rest[0])
            give_up = "UPDATE delivery SET subscription = ?, tries = 0 WHERE number = ?"
            await self._write(give_up, [(name + DEAD, number)])
            if name + DEAD in self._bells:
                self._bells[name + DEAD].set()
        return []

    async def _lived(self, number: int) -> None:
        """The handler raised, and we are still here: this try did not kill anybody."""
        try:
            await self._write("UPDATE delivery SET tries = tries - 1 WHERE number = ? AND tries > 0", [(number,)])
        except Exception as error:
            logger.warning("a try cannot be taken back: %s", error)

    async def _next(self, name: str) -> list[tuple[int, RawMessage]]:
        rows = await self._opened().execute_fetchall(
            "SELECT number, id, type, subject, body FROM delivery WHERE subscription = ? ORDER BY number LIMIT ?",
            (name, BATCH),
        )
        return [(number, RawMessage(*rest)) for number, *rest in rows]

    async def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a statement for each row in one transaction, to its end even when the caller is cancelled meanwhile."""
        await asyncio.shield(asyncio.ensure_future(self._write_whole(statement, rows)))

    async def _write_whole(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        async with self._writing:
            connection = self._opened()
            await connection.execute("BEGIN IMMEDIATE")
            try:
                await connection.executemany(statement, rows)
                await connection.execute("COMMIT")
            except Exception:
                await connection.execute("ROLLBACK")
                raise

    def _opened(self) -> aiosqlite.Connection:
        if self._connection is None:
            raise TransportError("the embedded transport is not open")
        return self._connection


async def _rings(bell: asyncio.Event, seconds: float) -> None:
    """Wait for the bell, but not longer."""
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        return


async def _until(event: asyncio.Event, seconds: float) -> None:
    await _rings(event, seconds)
