"""Four eyes on money: what one operator asks for is done when another one asks for exactly the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from starlette.responses import Response

from skillscoop_chassis.http.models import View
from skillscoop_chassis.http.problems import Problem
from skillscoop_chassis.sql.database import for_update
from skillscoop_chassis.tables import SECOND_OPERATOR

if TYPE_CHECKING:
    from skillscoop_chassis.http.requests import WritingRequest
    from skillscoop_chassis.sql.database import SqlTransaction

WAITS = timedelta(hours=24)


class AwaitingSecondOperator(View):
    """The answer to the first of two operators. Times are UTC by the wall clock."""

    state: str = "awaiting_second_operator"
    asked_by: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Two operators agree: who asked first. The second one is the caller."""

    asked_by: str


def _fingerprint(body: bytes) -> str:
    """The same whatever the spaces and the order of names, since two people write it."""
    return hashlib.sha256(json.dumps(json.loads(body or b"{}"), sort_keys=True).encode()).hexdigest()


async def second_operator(work: WritingRequest, tx: SqlTransaction) -> Confirmed | Response:
    """What to do with this call: `Confirmed` to go on, or the 202 to answer with.

    Raises Problem second_operator_differs (409) when the same operator asks again, or asks for something else, within
    24 hours. An expired question is forgotten.
    """
    operation = f"{work.request.method} {work.request.scope['path']}"
    fingerprint, table = _fingerprint(work.body), SECOND_OPERATOR
    asked = await tx.first(for_update(sa.select(table).where(table.c.operation == operation)))
    if asked is not None and asked["expires_at"] > tx.wall():
        if asked["asked_by"] == work.actor.id or asked["fingerprint"] != fingerprint:
            raise _differs()
        await tx.execute(table.delete().where(table.c.operation == operation))
        return Confirmed(asked["asked_by"])
    await tx.execute(table.delete().where(table.c.operation == operation))
    waiting = AwaitingSecondOperator(asked_by=work.actor.id, expires_at=tx.wall() + WAITS)
    row = {
        "operation": operation,
        "fingerprint": fingerprint,
        "asked_by": work.actor.id,
        "asked_at": tx.wall(),
        "expires_at": waiting.expires_at,
    }
    try:
        await tx.execute(table.insert(), row)
    except sa.exc.IntegrityError as error:
        raise _differs() from error
    return await work.reply(waiting, 202)


def _differs() -> Problem:
    return Problem("second_operator_differs", "Another operator has to send the same call with the same body.")
