"""What opens, commits and gives back connections of one database."""

from __future__ import annotations

from typing import Literal, Protocol

from sqlalchemy.util import greenlet_spawn

from skillscoop_chassis.sql.execution import Checkout

Dialect = Literal["postgresql", "sqlite"]


class Connections(Protocol):
    """Opens, commits and gives back connections of one database."""

    dialect: Dialect

    async def begin(self) -> Checkout:
        """A connection inside a writing transaction."""
        ...

    async def commit(self, taken: Checkout) -> None:
        """Make it durable. An error means that the outcome is not known to be a commit."""
        ...

    async def rollback(self, taken: Checkout) -> None:
        """Undo and give the connection back clean, or throw it away."""
        ...

    async def release(self, taken: Checkout) -> None:
        """Give a committed connection back."""
        ...

    async def read(self) -> Checkout:
        """A connection that cannot write."""
        ...

    async def end_read(self, taken: Checkout) -> None:
        """Give a reader back."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...


class TransactionFailed(RuntimeError):
    """A statement failed, its error was swallowed, and the database can only roll back: there is nothing to commit."""


async def settled(taken: Checkout) -> None:
    """Tell SQLAlchemy that the transaction its own executions may have begun is over."""
    if taken.connection.in_transaction():
        await greenlet_spawn(taken.connection.rollback)
