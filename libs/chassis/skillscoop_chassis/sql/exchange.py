"""Statements to PostgreSQL, any number in one exchange: sent in one piece, answered in one piece.

Over the driver's cursors it takes one round trip for every statement, and another one for its BEGIN. A round
trip is most of what a statement costs on both sides: two writes, two wake-ups. Here the statements of an exchange go
through libpq's pipeline mode; each is prepared on its connection the second time it is seen there.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import count
from typing import Any

from psycopg import AsyncConnection, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import _WaitTimeout as WaitTimeout
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus, TransactionStatus
from psycopg.waiting import Ready, Wait

from skillscoop_chassis.sql import sessions
from skillscoop_chassis.sql.causes import NoAnswer, is_stale_plan
from skillscoop_chassis.sql.execution import Answer, Request

PREPARED_AT_MOST = 200
"""Per connection. What comes later is sent as it is."""

SEEN_AT_MOST = 2_000

PREPARED_IS_GONE = "26000"

_Key = tuple[bytes, tuple[int, ...]]
_PLACE = re.compile(r"%(?:\((\w+)\)s|%)")
_DEAD = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)
_TUPLES, _SYNC = ExecStatus.TUPLES_OK, ExecStatus.PIPELINE_SYNC
_CLEAN = (TransactionStatus.IDLE, TransactionStatus.INTRANS, TransactionStatus.INERROR)


@lru_cache(maxsize=2_000)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with `$1` for `%(name)s`, and the names in the order of their numbers."""
    numbers: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        name = found[1]
        return f"${numbers.setdefault(name, len(numbers) + 1)}" if name else "%"

    return _PLACE.sub(place, sql).encode(), tuple(numbers)


class _Sent:
    """One statement, ready for libpq."""

    __slots__ = ("formats", "name", "new", "sql", "types", "values")

    def __init__(self, sql: bytes, values: Any, types: tuple[int, ...], formats: Any) -> None:
        self.sql = sql
        self.values = values
        self.types = types
        self.formats = formats
        self.name: bytes | None = None
        self.new = False


class Exchange:
    """The way to one connection. Not for two tasks at once."""

    def __init__(self, driver: AsyncConnection[Any]) -> None:
        self._driver = driver
        self._pgconn = driver.pgconn
        self._values = Transformer(driver)
        self._names: dict[_Key, bytes] = {}
        self._seen: set[_Key] = set()
        self._numbers = count()

    async def __call__(self, requests: Sequence[Request]) -> list[Answer | Exception]:
        """Run statements in their order. The answer of one that failed is its error, and those behind it have none.

        Raises what the driver raises when the connection is lost, NoAnswer when the server keeps silent for
        `sessions.ANSWER_SECONDS`. Cancelled, the running statement is cancelled too.
        """
        new: dict[_Key, bytes] = {}
        sent = [self._ready(new, *request) for request in requests]
        try:
            results = await self._driver.wait(self._talk(sent), timeout=sessions.ANSWER_SECONDS)
        except WaitTimeout as error:
            # Nothing is asked of a peer that does not answer, not even to cancel.
            self._pgconn.finish()
            raise NoAnswer(f"no answer within {sessions.ANSWER_SECONDS:g} seconds") from error
        answers: list[Answer | Exception] = []
        for one in sent:
            result = next(results)
            if one.new and one.name is not None and result.status not in _DEAD:
                # Only now: what could not be encoded or sent was never prepared.
                self._names[one.sql, one.types] = one.name
                result = next(results)
            if result.status in _DEAD:
                answers.append(self._failure(result))
                return answers
            answers.append(self._answer(result))
        return answers

    def _failure(self, result: Any) -> Exception:
        error = error_from_result(result, encoding=self._driver.info.encoding)
        if error.sqlstate == PREPARED_IS_GONE or is_stale_plan(error):
            # What this connection has prepared fits no more: everything is prepared anew, under new names.
            self._names.clear()
        return error

    def _ready(self, new: dict[_Key, bytes], sql: str, bound: Mapping[str, Any] | None) -> _Sent:
        """One statement ready to be sent; `new` holds the names this exchange prepares. Remembers nothing but it."""
        text, names = _numbered(sql)
        values: Any = None
        types: tuple[int, ...] = ()
        formats: Any = None
        if names:
            assert bound is not None
            values = self._values.dump_sequence([bound[name] for name in names], [PyFormat.AUTO] * len(names))
            types, formats = self._values.types or (), self._values.formats
        one = _Sent(text, values, types, formats)
        key = (text, types)
        # The same statement may stand in this exchange a second time.
        one.name = self._names.get(key) or new.get(key)
        if one.name is None and key in self._seen and len(self._names) + len(new) < PREPARED_AT_MOST:
            one.name = new[key] = b"s%d" % next(self._numbers)
            one.new = True
        if len(self._seen) < SEEN_AT_MOST:
            self._seen.add(key)
        return one

    def _talk(self, sent: Sequence[_Sent]) -> Generator[Wait, Ready | int, Any]:
        connection = self._pgconn
        connection.enter_pipeline_mode()
        for one in sent:
            if one.new and one.name is not None:
                connection.send_prepare(one.name, one.sql, param_types=one.types)
            if one.name is not None:
                connection.send_query_prepared(one.name, one.values, param_formats=one.formats)
            else:
                connection.send_query_params(
                    one.sql, one.values, param_types=one.types or None, param_formats=one.formats
                )
        results: list[Any] = []
        try:
            connection.pipeline_sync()
            while connection.flush():
                if (yield Wait.RW) & Ready.R:
                    connection.consume_input()
            while True:
                while connection.is_busy():
                    yield Wait.R
                    connection.consume_input()
                result = connection.get_result()
                if result is None:
                    if connection.status == ConnStatus.BAD:
                        raise OperationalError("the connection is lost")
                elif result.status == _SYNC:
                    break
                else:
                    results.append(result)
        except OperationalError as error:
            raise self._last_words(results) or error from None
        connection.exit_pipeline_mode()
        return iter(results)

    def _last_words(self, results: list[Any]) -> Exception | None:
        """What the server said before it ended the connection, where that has arrived."""
        connection = self._pgconn
        while not connection.is_busy() and (result := connection.get_result()) is not None:
            results.append(result)
        errors = [
            error_from_result(result, encoding=self._driver.info.encoding)
            for result in results
            if result.status == ExecStatus.FATAL_ERROR
        ]
        return next((error for error in reversed(errors) if error.sqlstate), None)

    def _answer(self, result: Any) -> Answer:
        if result.status != _TUPLES:
            return (), None, result.command_tuples or 0
        self._values.set_pgresult(result)
        rows = self._values.load_rows(0, result.ntuples, tuple)
        return rows, partial(_description, result), result.ntuples


def is_clean(driver: AsyncConnection[Any]) -> bool:
    """Whether the connection stands between two exchanges, so that a ROLLBACK can be sent on it."""
    pgconn = driver.pgconn
    return not driver.closed and pgconn.transaction_status in _CLEAN and pgconn.pipeline_status == PipelineStatus.OFF


def _description(result: Any) -> list[tuple[str, int]]:
    return [(result.fname(place).decode(), result.ftype(place)) for place in range(result.nfields)]
