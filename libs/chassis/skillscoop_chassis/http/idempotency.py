"""Idempotency-Key: the first answer is kept in the transaction of the work itself and given again to every repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from skillscoop_messages.picking import picked
from starlette.responses import Response

from skillscoop_chassis.http.problems import Problem
from skillscoop_chassis.tables import IDEMPOTENCY_KEYS

if TYPE_CHECKING:
    from skillscoop_chassis.sql.database import SqlDatabase, SqlTransaction

KEPT = timedelta(days=30)
PURGE_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A key of one caller, method and path (`id`, a hash of these) and the `fingerprint` of the body it came with."""

    id: str
    fingerprint: str


class Replayed(Exception):
    """The call was answered before; `response` is that answer. Undoes the transaction, which did nothing yet."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered before")
        self.response = response


def in_use() -> Problem:
    """The same call is still running."""
    return Problem(
        "idempotency_key_in_use", "The same call is still running; ask again shortly.", headers={"Retry-After": "1"}
    )


class BusyKeys:
    """Keys being worked on in this process.

    On SQLite this is what answers a parallel repeat at once, instead of letting it wait for the one writer. On
    PostgreSQL it saves repeats within a process their way to the database, and the advisory lock covers the others.
    """

    def __init__(self) -> None:
        self._busy: set[str] = set()

    @asynccontextmanager
    async def hold(self, claim: Claim) -> AsyncIterator[None]:
        """Hold the key for the block. Raises Problem idempotency_key_in_use (409)."""
        if claim.id in self._busy:
            raise in_use()
        self._busy.add(claim.id)
        try:
            yield
        finally:
            self._busy.discard(claim.id)


_KEYS = IDEMPOTENCY_KEYS.c
_REMEMBER = IDEMPOTENCY_KEYS.insert()
_LOOKUP = sa.select(_KEYS.fingerprint, _KEYS.status, _KEYS.headers, _KEYS.body).where(_KEYS.id == sa.bindparam("id"))

# One round trip: take the lock without waiting, and see whether the answer is there. When the row appeared between the
# statement's snapshot and the lock, the insert at the end meets it and the whole transaction is undone.
_ONE = sa.select(sa.literal(1).label("one")).subquery()
_LOCK_AND_LOOKUP = sa.select(
    sa.func.pg_try_advisory_xact_lock(sa.bindparam("lock", type_=sa.BigInteger)).label("taken"),
    _KEYS.fingerprint,
    _KEYS.status,
    _KEYS.headers,
    _KEYS.body,
).select_from(_ONE.outerjoin(IDEMPOTENCY_KEYS, _KEYS.id == sa.bindparam("id")))


async def claim(tx: SqlTransaction, wanted: Claim) -> None:
    """Take the key for this transaction.

    Raises Replayed when the call was answered before, Problem idempotency_key_reused (422) when that was for another
    body, Problem idempotency_key_in_use (409) when another transaction holds the key.
    """
    if tx.dialect == "postgresql":
        lock = int.from_bytes(bytes.fromhex(wanted.id[:16]), "big", signed=True)
        row = await tx.first(_LOCK_AND_LOOKUP, {"id": wanted.id, "lock": lock})
        assert row is not None
        if not row["taken"]:
            raise in_use()
    else:
        row = await tx.first(_LOOKUP, {"id": wanted.id})
    if row is None or row["fingerprint"] is None:
        return
    if row["fingerprint"] != wanted.fingerprint:
        raise Problem("idempotency_key_reused", "This Idempotency-Key was used with another body.")
    raise Replayed(_stored(row))


def _stored(row: sa.RowMapping) -> Response:
    body: str = row["body"]
    headers = {**row["headers"], "Idempotent-Replayed": "true"}
    media = "application/json" if body else None
    return Response(body.encode(), status_code=row["status"], headers=headers, media_type=media)


def remember(tx: SqlTransaction, done: Claim, status: int, headers: Mapping[str, str], body: str) -> None:
    """Keep the answer with the work. The commit fails (see `was_taken`) when another transaction was first."""
    row: dict[str, Any] = {
        "id": done.id,
        "fingerprint": done.fingerprint,
        "status": status,
        "headers": dict(headers),
        "body": body,
        "created_at": tx.wall(),
    }
    tx.write(_REMEMBER, row)


def was_taken(error: Exception) -> bool:
    """Whether a transaction failed because another one answered the same call first."""
    return isinstance(error, sa.exc.IntegrityError) and IDEMPOTENCY_KEYS.name in str(error.orig)


async def purge_keys(database: SqlDatabase) -> None:
    """Forget answers older than 30 days, a thousand in each transaction."""
    while True:
        async with database.begin() as tx:
            old = (
                sa.select(_KEYS.id)
                .where(_KEYS.created_at < tx.wall() - KEPT)
                .order_by(_KEYS.created_at)
                .limit(PURGE_BATCH)
            )
            result = await tx.execute(IDEMPOTENCY_KEYS.delete().where(_KEYS.id.in_(picked(old))))
            if result.rowcount < PURGE_BATCH:
                return
