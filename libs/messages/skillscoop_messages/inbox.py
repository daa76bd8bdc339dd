"""A message takes effect once per subscriber: its mark is inserted first, and commits with the effect."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, text

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import message_id_floor

# Insert first, never look first: two copies of one message may be in hand at the same moment, in one process even.
_FIRST_TIMES = {
    "postgresql": text(
        """
        INSERT INTO inbox (subscriber, message_id, received_at)
        SELECT :subscriber, id, :now FROM unnest(CAST(:ids AS text[])) AS id
        ON CONFLICT DO NOTHING RETURNING message_id
        """
    ).bindparams(bindparam("now", type_=UtcDateTime())),
    "sqlite": text(
        """
        INSERT INTO inbox (subscriber, message_id, received_at)
        SELECT :subscriber, value, :now FROM json_each(:ids) WHERE true
        ON CONFLICT DO NOTHING RETURNING message_id
        """
    ).bindparams(bindparam("now", type_=UtcDateTime())),
}

_PURGE = text("DELETE FROM inbox WHERE subscriber = :subscriber AND message_id < :floor")


async def first_times(tx: Transaction, subscriber: str, ids: Sequence[str]) -> set[str]:
    """Mark these messages as handled by `subscriber`; the ids that were not marked before.

    The rest are duplicates and must have no effect. Rolling back takes the marks away again.
    """
    # Sorted, so that two processes with overlapping batches wait for each other instead of deadlocking.
    unique = sorted(set(ids))
    given = unique if tx.dialect == "postgresql" else json.dumps(unique)
    rows = await tx.all(_FIRST_TIMES[tx.dialect], {"subscriber": subscriber, "now": tx.wall(), "ids": given})
    return {row["message_id"] for row in rows}


async def purge(tx: Transaction, subscriber: str, before: datetime) -> int:
    """Forget marks of messages sent before `before` (wall time). Never for subscribers that move money.

    Must be older than anything that can still arrive: outbox rows, retries and replays of parked messages.
    """
    result = await tx.execute(_PURGE, {"subscriber": subscriber, "floor": message_id_floor(before)})
    return result.rowcount
