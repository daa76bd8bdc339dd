"""What opens, commits and gives back connections of one database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
Dialect = Literal["postgresql", "sqlite"]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Taken(Protocol):
    """A connection taken out of its pool, as a transaction uses it."""

    def write(self, statement: Any, parameters: Parameters = None, unless: type[Exception] | None = None) -> None:
        """Queue one statement; `unless` is raised when it has run and touched no row."""
        ...

    def ask(self, statement: Any, parameters: Parameters = None) -> Callable[[], Sequence[sa.RowMapping]]:
        """Queue one statement whose rows are wanted once it has run."""
        ...

    def forget(self) -> None:
        """Drop what is queued."""
        ...

    async def flush(self) -> None:
        """Run what is queued. Raises what SQLAlchemy raises."""
        ...

    async def execute(self, statement: Any, parameters: Parameters = None) -> sa.CursorResult[Any]:
        """Run one statement behind what is queued."""
        ...

    async def rows(self, statement: Any, parameters: Parameters = None) -> Sequence[sa.RowMapping]:
        """The rows of one statement, run behind what is queued."""
        ...

    async def several(self, *asked: tuple[Any, Parameters]) -> list[Sequence[sa.RowMapping]]:
        """The rows of several statements, run in their order behind what is queued."""
        ...


class Connections(Protocol):
    """Opens, commits and gives back connections of one database; `taken` is always one of its own."""

    dialect: Dialect

    async def begin(self) -> Taken:
        """A connection inside a writing transaction."""
        ...

    async def commit(self, taken: Any) -> None:
        """Make it durable. An error means that the outcome is not known to be a commit."""
        ...

    async def rollback(self, taken: Any) -> None:
        """Undo and give the connection back clean, or throw it away."""
        ...

    async def release(self, taken: Any) -> None:
        """Give a committed connection back."""
        ...

    async def read(self) -> Taken:
        """A connection that cannot write."""
        ...

    async def end_read(self, taken: Any) -> None:
        """Give a reader back."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...


class TransactionFailed(RuntimeError):
    """A statement failed, its error was swallowed, and the database can only roll back: there is nothing to commit."""


async def uncancelled(work: Awaitable[T]) -> T:
    """Finish `work` even when this task is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except Exception:  # noqa: S110 - raised below by result()
            pass
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result
