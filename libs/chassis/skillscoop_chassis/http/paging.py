"""Lists by keyset: newest first, `limit` and an opaque signed cursor, never a count and never an offset."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import sqlalchemy as sa
from fastapi import Query
from pydantic import BaseModel

from skillscoop_chassis.http.models import WholeNumber
from skillscoop_chassis.http.problems import Problem

T = TypeVar("T")
R = TypeVar("R")
MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class PageParams:
    """What the caller asked for: at most `limit` entries after `cursor`."""

    limit: int
    cursor: str | None


def page_params(
    limit: Annotated[WholeNumber, Query(ge=1, le=100, description="How many at most")] = 25,
    cursor: Annotated[str | None, Query(max_length=1_000, description="`next_cursor` of the page before")] = None,
) -> PageParams:
    """Dependency of list routes: `params: Annotated[PageParams, Depends(page_params)]`."""
    return PageParams(limit, cursor)


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    data: list[T]
    next_cursor: str | None


def _encoded(value: Any) -> list[Any]:
    if isinstance(value, datetime):
        return ["t", value.isoformat()]
    return ["v", value]


def _decoded(value: list[Any]) -> Any:
    return datetime.fromisoformat(value[1]) if value[0] == "t" else value[1]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins, and the means to sign where the next one does.

    `scope` binds a cursor to one list of one caller, so it is worth nothing elsewhere.
    """

    limit: int
    position: tuple[Any, str] | None
    secrets: tuple[str, ...]
    scope: str

    def sign(self, sort: Any, id_: str) -> str:
        """The opaque cursor for the entries after this one."""
        payload = json.dumps([*_encoded(sort), id_], separators=(",", ":")).encode()
        return _text(_mac(self.secrets[0], self.scope, payload) + payload)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _mac(secret: str, scope: str, payload: bytes) -> bytes:
    message = scope.encode("utf-8", "surrogatepass") + b"\0" + payload
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()[:MAC_BYTES]


def open_cursor(params: PageParams, secrets: Sequence[str], scope: str) -> Cursor:
    """Check the caller's cursor against every secret. Raises Problem cursor_invalid (400)."""
    if params.cursor is None:
        return Cursor(params.limit, None, tuple(secrets), scope)
    try:
        raw = urlsafe_b64decode(params.cursor.encode("ascii") + b"=" * (-len(params.cursor) % 4))
        if _text(raw) != params.cursor:
            # The decoder overlooks signs that are none of its alphabet's; a cursor is written in one way only.
            raise ValueError("spelling")
        mac, payload = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(secret, scope, payload)) for secret in secrets):
            raise ValueError("signature")
        kind, value, id_ = json.loads(payload)
        return Cursor(params.limit, (_decoded([kind, value]), id_), tuple(secrets), scope)
    except (ValueError, TypeError) as error:
        raise Problem("cursor_invalid", "Begin the list again without a cursor.") from error


def keyset(
    statement: sa.Select[Any], sort_column: sa.ColumnElement[Any], id_column: sa.ColumnElement[Any], cursor: Cursor
) -> sa.Select[Any]:
    """`statement` for one page, newest first by (sort, id), with one row more than the page to see whether it ends."""
    if cursor.position is not None:
        sort, id_ = cursor.position
        here = sa.tuple_(sa.literal(sort, sort_column.type), sa.literal(id_, id_column.type))
        statement = statement.where(sa.tuple_(sort_column, id_column) < here)
    return statement.order_by(sort_column.desc(), id_column.desc()).limit(cursor.limit + 1)


def keyset_of_any(
    statement: sa.Select[Any],
    reasons: Sequence[sa.ColumnElement[bool]],
    sort_column: sa.ColumnElement[Any],
    id_column: sa.ColumnElement[Any],
    cursor: Cursor,
) -> sa.Select[Any]:
    """As `keyset`, for the rows of `statement` (of one table) that meet at least one of `reasons`.

    Each reason is a page of its own in the order of its own index, and the page is made of their beginnings: `a OR b`
    would read and sort every row of the caller, however many pages there are.
    """
    pages = []
    for place, reason in enumerate(reasons):
        # Each row once, under its first reason; a comparison with NULL is no reason.
        others = [other.is_not(sa.true()) for other in reasons[:place]]
        one = keyset(statement.where(reason, *others), sort_column, id_column, cursor).subquery()
        pages.append(sa.select(one))
    found = sa.union_all(*pages).subquery()
    sort, id_ = found.c[str(sort_column.key)], found.c[str(id_column.key)]
    return sa.select(found).order_by(sort.desc(), id_.desc()).limit(cursor.limit + 1)


def page(
    rows: Sequence[sa.RowMapping],
    cursor: Cursor,
    view: Callable[[sa.RowMapping], R],
    *,
    sort: str = "created_at",
    id: str = "id",
) -> Page[R]:
    """Rows of a `keyset` statement as a page; `sort` and `id` name the columns it was sorted by."""
    kept = rows[: cursor.limit]
    more = len(rows) > cursor.limit
    next_cursor = cursor.sign(kept[-1][sort], kept[-1][id]) if more and kept else None
    return Page(data=[view(row) for row in kept], next_cursor=next_cursor)
