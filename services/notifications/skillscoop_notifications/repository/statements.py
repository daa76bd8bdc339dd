"""Inserting many rows at once, on both databases."""

from collections.abc import Sequence
from typing import Any

from skillscoop_messages.database import Transaction
from sqlalchemy import Column, Executable, Table
from sqlalchemy.dialects.postgresql import insert


def insert_new(table: Table, returning: Column[Any]) -> Executable:
    """An insert that skips rows already there and tells which were new.

    SQLite reads this form of ON CONFLICT as well; RETURNING makes many rows travel as one statement.
    """
    return insert(table).on_conflict_do_nothing().returning(returning)


def insert_all(table: Table, returning: Column[Any]) -> Executable:
    """An insert of many rows as one statement."""
    return insert(table).returning(returning)


async def inserted(tx: Transaction, statement: Executable, rows: Sequence[dict[str, Any]]) -> set[Any]:
    """Run one of these inserts; the `returning` values of the rows that were inserted. No rows, no statement."""
    if not rows:
        return set()
    return {row[0] for row in (await tx.execute(statement, rows)).all()}
