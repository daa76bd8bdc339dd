"""Outside calls without losing or doubling any: claim a row with a lease, commit, call, write the outcome."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Integer, RowMapping, Table, Text, text

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.database import Transaction

Outcome = TypeVar("Outcome")


def lease_columns() -> list[Column[Any]]:
    """The columns a table needs for an Executor, beside its `id`. Index (state, due_at) yourself.

    `state` is `pending` until `settle` writes something else; `due_at` and `lease_until` are wall time; `attempts`
    counts claims; `lease_token` is the current claim, null when free; `last_error` is for operators.
    """
    return [
        Column("state", Text, nullable=False, server_default=text("'pending'")),
        Column("due_at", UtcDateTime, nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("lease_token", Text),
        Column("lease_until", UtcDateTime),
        Column("last_error", Text),
    ]


@dataclass(frozen=True)
class Executor(Generic[Outcome]):
    """What to call for the due rows of `table`, and what to write afterwards.

    `call` gets the claimed row outside any transaction and may take up to `lease`; it returns its outcome as a value.
    `settle` writes the row's next state in a new transaction, and only runs while the lease still holds. At most
    `concurrency` calls are under way in one process.
    """

    name: str
    table: Table
    call: Callable[[RowMapping], Awaitable[Outcome]]
    settle: Callable[[Transaction, RowMapping, Outcome], Awaitable[None]]
    lease: timedelta
    concurrency: int = 8
