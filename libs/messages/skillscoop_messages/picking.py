"""Rows picked by a limit or by their locks, and then changed: picked once, whatever plan the server makes.

A plain subquery there (`WHERE id IN`, and a SELECT with LIMIT 1 FOR UPDATE SKIP LOCKED) says nothing about how often
the SELECT runs. Where the server takes the table for nearly empty, PostgreSQL runs it anew for every row it looks at,
each time finding the next free row, and the statement changes all of them. A materialized common table expression runs
once.
"""

from typing import Any

from sqlalchemy import Select, select


class PickedTooMuch(RuntimeError):
    """A statement changed more rows than its limit allows: what it did must not be committed."""


def picked(statement: Select[Any]) -> Select[Any]:
    """`statement`, to stand in an `IN (…)` of an UPDATE or DELETE; it runs exactly once.

    It stands inside, for Python's SQLite counts no changed rows where a statement begins with WITH.
    """
    return select(statement.cte("picked", nesting=True).prefix_with("MATERIALIZED"))


def at_most(limit: int, count: int, name: str) -> None:
    """Raises PickedTooMuch when `count` rows were taken where `limit` were asked for."""
    if count > limit:
        raise PickedTooMuch(f"{name}: {count} rows were taken, {limit} were asked for")
