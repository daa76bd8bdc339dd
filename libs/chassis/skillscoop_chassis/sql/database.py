"""The database of one service: one commit at the edge, events flushed just before it, everything else just after it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from skillscoop_messages import outbox
from skillscoop_messages.clock import Clocks, uninterrupted
from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.tables import SCHEDULED

from skillscoop_chassis.sql.causes import means_away, means_conflict, means_slow
from skillscoop_chassis.sql.connections import Connections, Dialect, Taken
from skillscoop_chassis.sql.engines import Layer, open_connections

if TYPE_CHECKING:
    from skillscoop_messages.database import Transaction
    from skillscoop_messages.outbox import Draft
    from skillscoop_messages.transport.base import RawMessage

LOG = logging.getLogger(__name__)
Selecting = TypeVar("Selecting", bound=sa.Select[Any])
CLOCK_EVERY = 10.0
"""Seconds between two readings of the database's clock."""

CLOCK_ANSWER = 1.0
MOST_SKEW = timedelta(seconds=5)
"""A machine whose clock differs by more than this is not ready: its logs, its keys and its peers are misled by it."""

_SERVER_TIME = sa.text("SELECT clock_timestamp() AS moment").columns(moment=UtcDateTime())
PROBE = "readiness"
_PROBE = sa.insert(SCHEDULED).values(
    subscriber=sa.bindparam("name"),
    message_id=sa.bindparam("key"),
    kind="probe",
    state="probe",
    due_at=sa.bindparam("now"),
    first_at=sa.bindparam("now"),
)
_PROBE_GONE = sa.delete(SCHEDULED).where(
    SCHEDULED.c.subscriber == sa.bindparam("name"), SCHEDULED.c.message_id == sa.bindparam("key")
)
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


def for_update(statement: Selecting) -> Selecting:
    """`statement` locking its rows until the transaction ends.

    Every command, timer and event handler locks its root row first. SQLite has no row locks and needs none: its one
    writer holds the whole file.
    """
    return statement.with_for_update(key_share=True)


class SqlTransaction:
    """One open transaction: statements, savepoints, events to send, and what to do around its commit."""

    __slots__ = ("_after", "_before", "_clocks", "_savepoints", "_taken", "dialect", "drafts", "service")

    def __init__(self, service: str, dialect: Dialect, taken: Taken, clocks: Clocks) -> None:
        self.service = service
        self.dialect = dialect
        self.drafts: list[Draft] = []
        self._taken = taken
        self._clocks = clocks
        self._before: list[Callable[[Transaction], Awaitable[None]]] = []
        self._after: list[Callable[[], None]] = []
        self._savepoints = 0

    def now(self) -> datetime:
        """The business clock, UTC: timers and policies."""
        return self._clocks.business()

    def wall(self) -> datetime:
        """The wall clock, UTC: leases, tokens, ages of keys."""
        return self._clocks.wall()

    async def execute(self, statement: Any, parameters: Parameters = None) -> sa.CursorResult[Any]:
        """Run one Core statement; a list of parameters runs it for each. Raises ValueError for an empty list."""
        if parameters is not None and not parameters:
            raise ValueError("no parameters: an empty list would insert a row of defaults")
        return await self._taken.execute(statement, parameters)

    def write(self, statement: Any, parameters: Parameters = None, *, unless: type[Exception] | None = None) -> None:
        """Run a statement whose answer nobody waits for: it travels with the next one, or with the commit.

        What goes wrong with it is raised there; `unless` is raised there when it touched no row. A list of parameters
        runs it for each. Raises ValueError for an empty list, TypeError for a statement only SQLAlchemy can execute.
        """
        if parameters is not None and not parameters:
            raise ValueError("no parameters: an empty list would insert a row of defaults")
        self._taken.write(statement, parameters, unless)

    async def first(self, statement: Any, parameters: Parameters = None) -> sa.RowMapping | None:
        """The first row, or None."""
        rows = await self._taken.rows(statement, parameters)
        return rows[0] if rows else None

    async def all(self, statement: Any, parameters: Parameters = None) -> Sequence[sa.RowMapping]:
        """All rows."""
        return await self._taken.rows(statement, parameters)

    def ask(self, statement: Any, parameters: Parameters = None) -> Callable[[], Sequence[sa.RowMapping]]:
        """As `write`, for one whose rows are wanted: the answer gives them after the next statement or the commit."""
        return self._taken.ask(statement, parameters)

    async def several(self, *asked: tuple[Any, Parameters]) -> list[Sequence[sa.RowMapping]]:
        """The rows of several statements, each seeing what was committed when its turn came, in one round trip."""
        return await self._taken.several(*asked)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what happens inside when it raises: rows, recorded events and hooks alike."""
        self._savepoints += 1
        name = f"s{self._savepoints}"
        drafts, before, after = len(self.drafts), len(self._before), len(self._after)
        await self.execute(sa.text(f"SAVEPOINT {name}"))
        try:
            yield
            await self._taken.flush()
        except Exception:
            self._taken.forget()
            del self.drafts[drafts:], self._before[before:], self._after[after:]
            await self.execute(sa.text(f"ROLLBACK TO SAVEPOINT {name}"))
            await self.execute(sa.text(f"RELEASE SAVEPOINT {name}"))
            raise
        await self.execute(sa.text(f"RELEASE SAVEPOINT {name}"))

    def before_commit(self, hook: Callable[[Transaction], Awaitable[None]]) -> None:
        """Run `hook(tx)` inside this transaction, last thing before the events are flushed."""
        self._before.append(hook)

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Run `hook()` once the commit is certain. When it fails, that is logged and goes no further."""
        self._after.append(hook)

    async def complete(self) -> Callable[[], list[RawMessage]] | None:
        """Run the hooks before the commit and write the recorded events to the outbox.

        What is returned gives them encoded, after the commit.
        """
        done = 0
        while done < len(self._before):
            await self._before[done](self)
            done += 1
        return await outbox.flush(self) if self.drafts else None

    def announce(self) -> None:
        """Run the hooks after the commit."""
        for hook in self._after:
            try:
                hook()
            except Exception:
                LOG.exception("a hook after the commit failed")


class SqlDatabase:
    """The database of one service, and the only place of the process that commits.

    `after_flush` takes the encoded events of each commit (the relay's `offer`); it may be set after construction
    because the relay itself needs the database.
    """

    def __init__(
        self,
        connections: Connections,
        service: str,
        clocks: Clocks,
        after_flush: Callable[[list[RawMessage]], None] | None = None,
    ) -> None:
        self.service = service
        self.clocks = clocks
        self.after_flush = after_flush
        self.dialect: Dialect = connections.dialect
        self._connections = connections
        # Every process on SQLite runs on the machine that holds the file: there is one clock already.
        self._followed = clocks.followed if self.dialect == "postgresql" else None
        self._asked_at = -math.inf
        self._clock_trouble: str | None = None

    def begin(self) -> AbstractAsyncContextManager[SqlTransaction]:
        """A writing transaction: COMMIT at the end of the block, ROLLBACK when it raises.

        Before the commit: hooks, then recorded events into the outbox. After it: hooks, then the events to the relay.
        On an error nothing of this happens. An error out of the commit itself means that its outcome is unknown.
        """
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[SqlTransaction]:
        taken = await self._connections.begin()
        try:
            await self._ask_for_the_time(taken)
            tx = SqlTransaction(self.service, self.dialect, taken, self.clocks)
            yield tx
            recorded = await tx.complete()
            await self._connections.commit(taken)
        except BaseException:
            await self._connections.rollback(taken)
            raise
        raws = recorded() if recorded is not None else []
        await self._connections.release(taken)
        tx.announce()
        if raws and self.after_flush is not None:
            self.after_flush(raws)

    def read(self) -> AbstractAsyncContextManager[SqlTransaction]:
        """A reading block; a write inside is an error of the database, and nothing is ever committed."""
        return self._read()

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[SqlTransaction]:
        taken = await self._connections.read()
        try:
            await self._ask_for_the_time(taken)
            yield SqlTransaction(self.service, self.dialect, taken, self.clocks)
        finally:
            await self._connections.end_read(taken)

    async def _ask_for_the_time(self, taken: Taken) -> None:
        """Now and then, ask the server what time it is: the one clock that leases and due times are compared with."""
        if self._followed is None or time.monotonic() - self._asked_at < CLOCK_EVERY:
            return
        before = uninterrupted()
        rows = await taken.rows(_SERVER_TIME)
        after = uninterrupted()
        # A slow answer says little about when it was true.
        if after - before < CLOCK_ANSWER or math.isinf(self._asked_at):
            self._followed.follow(rows[0]["moment"], (before + after) / 2)
            self._asked_at = time.monotonic()
            self._note_skew()

    def _note_skew(self) -> None:
        wrong = self.clock_trouble()
        if wrong != self._clock_trouble:
            LOG.log(logging.ERROR if wrong else logging.INFO, "clock: %s", wrong or "right again")
            self._clock_trouble = wrong

    def clock_trouble(self) -> str | None:
        """What is wrong with this machine's clock by the database's, or None. The database's is used all the same."""
        ahead = self._followed.machine_ahead() if self._followed is not None else timedelta(0)
        if abs(ahead) <= MOST_SKEW:
            return None
        side = "ahead of" if ahead > timedelta(0) else "behind"
        return f"this machine's clock is {abs(ahead).total_seconds():.0f} s {side} the database's"

    def is_away(self, error: BaseException) -> bool:
        """Server gone, restarting, refusing, read-only or full, or the pool exhausted."""
        return means_away(error)

    def is_conflict(self, error: BaseException) -> bool:
        """Deadlock, serialisation failure, lock timeout, or a busy SQLite file."""
        return means_conflict(error)

    def is_slow(self, error: BaseException) -> bool:
        """Whether this very work took longer than a statement or a transaction may: a failed try, not an absence."""
        return means_slow(error)

    async def prove_writable(self) -> None:
        """Commit a row and its removal. Raises what any writing transaction would raise now.

        Reading proves nothing: a demoted primary and a full disk still answer.
        """
        async with self.begin() as tx:
            place = {"name": PROBE, "key": new_message_id(), "now": tx.wall()}
            tx.write(_PROBE, place)
            tx.write(_PROBE_GONE, place)

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.close()


def open_database(
    url: str,
    service: str,
    clocks: Clocks,
    after_flush: Callable[[list[RawMessage]], None] | None = None,
    *,
    pool: int = 8,
    layer: Layer = "direct",
) -> SqlDatabase:
    """The database of `service` at `url` (postgresql:// or sqlite:///); opens no connection yet.

    `pool` bounds the PostgreSQL connections of this process; `layer` says how statements reach the driver. Raises
    ValueError for a URL of another kind.
    """
    return SqlDatabase(open_connections(url, service, pool, layer), service, clocks, after_flush)
