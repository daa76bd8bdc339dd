"""What the transport needs from a database. The chassis implements it; nothing here knows a driver."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import CursorResult, Executable, RowMapping

from skillscoop_messages.context import TraceContext
from skillscoop_messages.events.base import Event

Dialect = Literal["postgresql", "sqlite"]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Draft:
    """An event recorded in a transaction, waiting for its sequence number. `time` is business time."""

    id: str
    event: Event
    trace_context: TraceContext
    time: datetime


class Transaction(Protocol):
    """One transaction of one service's database, with the clocks and the events recorded in it."""

    service: str
    dialect: Dialect
    drafts: list[Draft]

    def now(self) -> datetime:
        """Business time, UTC."""

    def wall(self) -> datetime:
        """Wall time, UTC."""

    async def execute(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run a statement; a list of parameters runs it once for each."""

    def write(
        self, statement: Executable, parameters: Parameters = None, *, unless: type[Exception] | None = None
    ) -> None:
        """Run a statement whose answer nobody waits for: it travels with the next one, or with the commit.

        What goes wrong with it is raised there; `unless` is raised there when it touched no row.
        """

    async def first(self, statement: Executable, parameters: Parameters = None) -> RowMapping | None:
        """The first row, or None."""

    async def all(self, statement: Executable, parameters: Parameters = None) -> Sequence[RowMapping]:
        """Every row."""

    def ask(self, statement: Executable, parameters: Parameters = None) -> Callable[[], Sequence[RowMapping]]:
        """As `write`, for one whose rows are wanted: the answer gives them after the next statement or the commit."""

    async def several(self, *asked: tuple[Executable, Parameters]) -> list[Sequence[RowMapping]]:
        """The rows of several statements, each seeing what was committed when its turn came, in one round trip."""

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """On an exception everything since its start is undone, events and hooks too, and the exception goes on."""

    def before_commit(self, hook: Callable[["Transaction"], Awaitable[None]]) -> None:
        """Run `hook` inside the transaction, just before it commits."""

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Run `hook` once the transaction is durable; never after a rollback."""


class Database(Protocol):
    """A service's database."""

    service: str
    dialect: Dialect

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """A writing transaction: committed at the end of the block, rolled back when it raises."""

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """A reading transaction; it never commits anything."""

    def is_away(self, error: BaseException) -> bool:
        """Whether the database cannot be reached now: gone, restarting, refusing, or no connection free."""

    def is_conflict(self, error: BaseException) -> bool:
        """Whether the same work may succeed when simply run again: deadlock, serialisation failure, lock timeout."""
