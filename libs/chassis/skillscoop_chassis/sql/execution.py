"""Run Core statements on the driver itself: SQLAlchemy compiles and converts, the driver executes.

SQLAlchemy's own execution costs about as much processor time again as the driver's, and on SQLite three hops to the
driver's thread instead of one. Compiled statements are cached by SQLAlchemy; what its execution derives from them each
time (processors, result columns) is derived here once. What needs more than that (lists of parameters, Python-side
defaults, generated keys) takes SQLAlchemy's way, on the same connection and in the same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import greenlet_spawn

from skillscoop_chassis.sql.causes import NoAnswer, means_away

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Request = tuple[str, Any]
"""A statement's text and its converted parameters, as the driver wants them."""

Answer = tuple[Sequence[Sequence[Any]], Callable[[], Sequence[Any]] | None, int]
"""Rows, what describes their columns (None when the statement returns no rows), and how many rows were touched."""

Run = Callable[[Sequence[Request]], Awaitable[list[Answer | Exception]]]
"""Runs statements in their order until one fails; the answer of that one, the last, is its error."""

_DIRECT = (sa.Select, sa.Insert, sa.Update, sa.Delete, sa.TextClause, sa.TextualSelect, sa.CompoundSelect)


class Rows(IteratorResult[Any]):
    """A result that is wholly here already, with the `rowcount` of its statement."""

    def __init__(self, columns: SimpleResultMetaData, rows: Iterator[Any], rowcount: int) -> None:
        super().__init__(columns, rows)
        self.rowcount = rowcount


class _Columns:
    """How the columns of one statement's result are named and converted."""

    __slots__ = ("_index", "metadata", "processors", "width")

    def __init__(self, compiled: SQLCompiler, description: Any, dialect: sa.Dialect) -> None:
        known: Any = compiled._result_columns
        names = [column[0] for column in description]
        self.width = len(names)
        by_place = compiled._ordered_columns and len(known) == len(names)
        by_name = {} if by_place else {entry.keyname: entry for entry in known}
        entries = list(known) if by_place else [by_name.get(name) for name in names]
        keys = [entry.keyname if entry else name for entry, name in zip(entries, names, strict=True)]
        extra = [_columns_only(entry.objects) if entry else () for entry in entries]
        processors = [
            entry.type._cached_result_processor(dialect, column[1]) if entry else None
            for entry, column in zip(entries, description, strict=True)
        ]
        self.processors = processors if any(processors) else None
        self.metadata = SimpleResultMetaData(keys, extra=extra)
        self._index = self.metadata._key_to_index

    def row(self, data: Sequence[Any]) -> sa.Row[Any]:
        """One row of the driver as a Row."""
        return sa.Row(self.metadata, self.processors, self._index, data)


def _columns_only(objects: Any) -> tuple[Any, ...]:
    return tuple(one for one in objects or () if isinstance(one, sa.ColumnElement))


class _Plan:
    """What executing one compiled statement needs, derived once."""

    __slots__ = ("columns", "compiled", "expands", "fit", "positions", "processors", "sql")

    def __init__(self, compiled: Any) -> None:
        self.compiled = compiled
        self.fit = isinstance(compiled, SQLCompiler) and not (
            compiled.insert_prefetch
            or compiled.update_prefetch
            or compiled.implicit_returning
            or compiled.escaped_bind_names
        )
        if not self.fit:
            return
        self.columns: _Columns | None = None
        self.sql: str = compiled.string
        self.expands = bool(compiled.literal_execute_params or compiled.post_compile_params)
        self.processors: Mapping[str, Any] = dict(compiled._bind_processors)
        self.positions = compiled.positiontup if compiled.positional else None

    def bound(self, values: dict[str, Any]) -> tuple[str, Any]:
        """The statement's text and its converted parameters, as the driver wants them."""
        sql, processors, positions = self.sql, self.processors, self.positions
        if self.expands:
            state = self.compiled._process_parameters_for_postcompile(values)
            sql, positions, values = state.statement, state.positiontup, dict(state.parameters)
            processors = {**processors, **state.processors}
        for name, convert in processors.items():
            if name in values:
                values[name] = convert(values[name])
        return sql, values if positions is None else tuple(values[name] for name in positions)


class Statements:
    """Compiles statements for one engine and remembers how to execute them."""

    def __init__(self, engine: sa.Engine) -> None:
        self.dialect = engine.dialect
        self._cache = engine._compiled_cache
        self._plans: WeakKeyDictionary[Any, _Plan] = WeakKeyDictionary()
        self._known: WeakKeyDictionary[Any, dict[tuple[str, ...], tuple[_Plan, dict[str, Any]]]] = WeakKeyDictionary()

    def plan(self, statement: Any, parameters: Parameters) -> tuple[_Plan, list[Request]] | None:
        """How to execute `statement` directly, once for each set of parameters; None when it goes SQLAlchemy's way."""
        if not isinstance(statement, _DIRECT):
            return None
        given = [parameters] if parameters is None or isinstance(parameters, Mapping) else parameters
        names = tuple(given[0] or ())
        known = self._known.setdefault(statement, {})
        found = known.get(names)
        if found is None:
            found = known[names] = self._compiled(statement, given[0])
        plan, fixed = found
        if not plan.fit or any(one is None or one.keys() != (given[0] or {}).keys() for one in given[1:]):
            return None
        return plan, [plan.bound({**fixed, **(one or {})}) for one in given]

    def _compiled(self, statement: Any, parameters: Mapping[str, Any] | None) -> tuple[_Plan, dict[str, Any]]:
        """The plan of a statement for parameters of these names, and the values of all its places.

        A statement made once is asked for once. Those made anew for each call are found in SQLAlchemy's cache.
        """
        compiled, extracted, collected, _ = cast(Any, statement)._compile_w_cache(
            self.dialect, compiled_cache=self._cache, column_keys=sorted(parameters) if parameters else []
        )
        plan = self._plans.get(compiled)
        if plan is None:
            plan = self._plans[compiled] = _Plan(compiled)
        if not plan.fit:
            return plan, {}
        return plan, compiled.construct_params(
            parameters, extracted_parameters=extracted, escape_names=False, _collected_params=collected
        )


class Checkout:
    """One connection taken out of its pool: SQLAlchemy's, the driver's, and the way to run statements on it.

    Statements whose answers nobody waits for are queued: they travel ahead of the next one that is waited for.
    """

    __slots__ = (
        "_answered",
        "_deadline",
        "_queue",
        "_run",
        "_statements",
        "_unless",
        "connection",
        "driver",
        "spoiled",
    )

    def __init__(
        self, connection: sa.Connection, driver: Any, statements: Statements, run: Run, deadline: float | None = None
    ) -> None:
        self.connection = connection
        self.driver = driver
        self.spoiled = False
        self._statements = statements
        self._run = run
        self._deadline = deadline
        self._queue: list[Request] = []
        self._unless: dict[int, type[Exception]] = {}
        self._answered: list[Answer] = []

    def say(self, words: str) -> None:
        """Queue a command without parameters."""
        self._queue.append((words, None))

    def write(self, statement: Any, parameters: Parameters = None, unless: type[Exception] | None = None) -> None:
        """Queue one statement. Raises TypeError for one that has to go SQLAlchemy's way."""
        self._enqueue(statement, parameters)
        if unless is not None:
            self._unless[len(self._queue) - 1] = unless

    def ask(self, statement: Any, parameters: Parameters = None) -> Callable[[], Sequence[sa.RowMapping]]:
        """Queue one statement whose rows are wanted once it has travelled."""
        plan = self._enqueue(statement, parameters)
        place, round_trip = len(self._queue) - 1, self._answered

        def rows() -> Sequence[sa.RowMapping]:
            columns = self._columns(plan, round_trip[place])
            return [] if columns is None else [columns.row(row)._mapping for row in round_trip[place][0]]

        return rows

    def _enqueue(self, statement: Any, parameters: Parameters) -> _Plan:
        planned = self._statements.plan(statement, parameters)
        if planned is None:
            raise TypeError("this statement cannot be queued")
        self._queue += planned[1]
        return planned[0]

    @property
    def queued(self) -> int:
        """How many statements wait."""
        return len(self._queue)

    @property
    def doubtful(self) -> bool:
        """Whether a queued statement may turn out to be a reason not to commit."""
        return bool(self._unless)

    def forget(self) -> None:
        """Drop what is queued."""
        self._queue, self._unless, self._answered = [], {}, []

    async def flush(self) -> None:
        """Run what is queued. Raises what SQLAlchemy raises."""
        if self._queue:
            await self._answers(())

    async def execute(self, statement: Any, parameters: Parameters = None) -> sa.CursorResult[Any]:
        """Run one statement behind what is queued. Raises what SQLAlchemy raises, with the values left out."""
        planned = self._statements.plan(statement, parameters)
        if planned is None:
            await self.flush()
            return cast("sa.CursorResult[Any]", await self._by_sqlalchemy(statement, parameters))
        rows, columns, count = await self._answer(*planned)
        if columns is None:
            return cast("sa.CursorResult[Any]", Rows(_NO_COLUMNS, iter(()), count))
        return cast("sa.CursorResult[Any]", Rows(columns.metadata, map(columns.row, rows), count))

    async def _by_sqlalchemy(self, statement: Any, parameters: Parameters) -> Any:
        try:
            async with asyncio.timeout(self._deadline):
                return await greenlet_spawn(self.connection.execute, statement, parameters)
        except TimeoutError as error:
            self.spoiled = True
            raise NoAnswer("the server does not answer") from error
        except sa.exc.DBAPIError as error:
            self.spoiled = self.spoiled or means_away(error)
            raise

    async def rows(self, statement: Any, parameters: Parameters = None) -> Sequence[sa.RowMapping]:
        """The rows of one statement, run behind what is queued."""
        planned = self._statements.plan(statement, parameters)
        if planned is None:
            return [row._mapping for row in (await self.execute(statement, parameters)).all()]
        rows, columns, _ = await self._answer(*planned)
        return [] if columns is None else [columns.row(row)._mapping for row in rows]

    async def several(self, *asked: tuple[Any, Parameters]) -> list[Sequence[sa.RowMapping]]:
        """The rows of several statements, run in their order behind what is queued, in one go."""
        planned = [self._statements.plan(*one) for one in asked]
        plans = [one for one in planned if one is not None]
        if len(plans) < len(asked):
            return [await self.rows(*one) for one in asked]
        answers = await self._answers([request for _, requests in plans for request in requests])
        found: list[Sequence[sa.RowMapping]] = []
        for (plan, _), answer in zip(plans, answers[-len(plans) :], strict=True):
            columns = self._columns(plan, answer)
            found.append([] if columns is None else [columns.row(row)._mapping for row in answer[0]])
        return found

    def _columns(self, plan: _Plan, answer: Answer) -> _Columns | None:
        if answer[1] is None:
            return None
        columns = plan.columns
        # A table may have got a column since: `*` answers with one more, on this connection or on all.
        if columns is None or (answer[0] and len(answer[0][0]) != columns.width):
            columns = plan.columns = _Columns(plan.compiled, answer[1](), self._statements.dialect)
        return columns

    async def _answer(self, plan: _Plan, requests: Sequence[Request]) -> tuple[Sequence[Any], _Columns | None, int]:
        answers = (await self._answers(requests))[-len(requests) :]
        rows, _, count = answers[-1]
        if len(answers) > 1:
            rows, count = [row for one in answers for row in one[0]], sum(one[2] for one in answers)
        return rows, self._columns(plan, answers[-1]), count

    async def _answers(self, requests: Sequence[Request]) -> list[Answer]:
        """Run the queue and then `requests`, in one go."""
        everything, unless, answered = [*self._queue, *requests], self._unless, self._answered
        self.forget()
        try:
            answers = await self._run(everything)
        except Exception as error:
            raise self.explained(error) from error
        last = answers[-1]
        if isinstance(last, Exception):
            raise self.explained(last, everything[len(answers) - 1][0]) from last
        known = cast("list[Answer]", answers)
        for place, reason in unless.items():
            if known[place][2] == 0:
                raise reason
        answered += known
        return known

    def explained(self, error: Exception, sql: str | None = None) -> BaseException:
        """`error` of the driver as SQLAlchemy's. One that means the database is away spoils the connection."""
        dialect = self._statements.dialect
        base = dialect.loaded_dbapi.Error
        explained: BaseException = error
        if isinstance(error, base):
            broken = bool(getattr(self.driver, "closed", False))
            explained = sa.exc.DBAPIError.instance(
                sql, None, error, base, hide_parameters=True, connection_invalidated=broken, dialect=dialect
            )
        # Such a session may never get better: one that was opened read-only stays so.
        self.spoiled = self.spoiled or means_away(explained)
        return explained


_NO_COLUMNS = SimpleResultMetaData([])


def on_aiosqlite(driver: Any) -> Run:
    """Statements on a connection of aiosqlite: all of them in one visit to its thread."""
    raw = driver._conn

    def one(sql: str, bound: Any) -> Answer:
        cursor = raw.execute(sql, bound or ())
        if cursor.description is None:
            return (), None, cursor.rowcount
        rows = cursor.fetchall()
        return rows, lambda: cursor.description, cursor.rowcount

    def every(requests: Sequence[Request]) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = []
        for request in requests:
            try:
                answers.append(one(*request))
            except Exception as error:
                answers.append(error)
                break
        return answers

    async def run(requests: Sequence[Request]) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = await driver._execute(every, requests)
        return answers

    return run


async def settled(taken: Checkout) -> None:
    """Tell SQLAlchemy that the transaction its own executions may have begun is over."""
    if taken.connection.in_transaction():
        await greenlet_spawn(taken.connection.rollback)
