"""Events leave with the transaction that made them true: recorded in it, stored by it, published after it."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, text

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.context import current_story
from skillscoop_messages.database import Draft, Transaction
from skillscoop_messages.envelope import Envelope, encode
from skillscoop_messages.events.base import Event
from skillscoop_messages.ids import message_id_floor, new_message_id
from skillscoop_messages.tables import OUTBOX
from skillscoop_messages.transport.base import Wire

__all__ = [
    "CHUNK",
    "KEPT",
    "Draft",
    "Unpublished",
    "flush",
    "mark_published",
    "oldest_unpublished",
    "purge",
    "record",
    "unpublished",
]

KEPT = timedelta(days=7)
CHUNK = 1000

_NEXT_SEQUENCES = {
    # Roots are locked in sorted order and only for the short way to COMMIT, so two transactions cannot deadlock here.
    "postgresql": text(
        """
        INSERT INTO event_sequences AS known (subject, last)
        SELECT * FROM unnest(CAST(:subjects AS text[]), CAST(:counts AS bigint[]))
        ON CONFLICT (subject) DO UPDATE SET last = known.last + excluded.last
        RETURNING subject, last
        """
    ),
    "sqlite": text(
        """
        INSERT INTO event_sequences AS known (subject, last)
        SELECT key, value FROM json_each(:counts) WHERE true
        ON CONFLICT (subject) DO UPDATE SET last = known.last + excluded.last
        RETURNING subject, last
        """
    ),
}

_STORE_POSTGRESQL = text(
    """
    INSERT INTO outbox (id, type, subject, correlation_id, body, recorded_at)
    SELECT id, type, subject, correlation_id, body, :recorded_at
    FROM unnest(CAST(:ids AS text[]), CAST(:types AS text[]), CAST(:subjects AS text[]),
                CAST(:correlations AS text[]), CAST(:bodies AS bytea[]))
         AS row (id, type, subject, correlation_id, body)
    """
).bindparams(bindparam("recorded_at", type_=UtcDateTime()))

_STORE_SQLITE = OUTBOX.insert()


def record(tx: Transaction, *events: Event) -> None:
    """Say that something happened, as part of this transaction: told if and only if it commits.

    Business time and the current story are noted now; sequence numbers are given just before COMMIT.
    """
    now, told_in = tx.now(), current_story()
    tx.drafts.extend(Draft(id=new_message_id(), event=event, story=told_in, time=now) for event in events)


async def flush(tx: Transaction) -> list[Wire]:
    """Store what was recorded, in two statements however many events there are. Called just before COMMIT.

    The answer goes to `Relay.offer` once the transaction is durable.
    """
    if not tx.drafts:
        return []
    drafts, tx.drafts[:] = list(tx.drafts), []
    sequences = await _sequences(tx, [draft.event.subject for draft in drafts])
    wires = [
        Wire(draft.id, draft.event.type, draft.event.subject, _encoded(tx.service, draft, sequence))
        for draft, sequence in zip(drafts, sequences, strict=True)
    ]
    await _store(tx, wires, [draft.story.correlation_id for draft in drafts])
    return wires


def _encoded(service: str, draft: Draft, sequence: int) -> bytes:
    """The document that travels; encoded once, here."""
    return encode(
        Envelope(
            id=draft.id,
            source=f"/services/{service}",
            type=draft.event.type,
            subject=draft.event.subject,
            time=draft.time,
            sequence=sequence,
            correlation_id=draft.story.correlation_id,
            causation_id=draft.story.causation_id,
            traceparent=draft.story.traceparent,
            data=draft.event,
        )
    )


async def _sequences(tx: Transaction, subjects: Sequence[str]) -> list[int]:
    """One number per event, rising by one within each root, in the order the events were recorded."""
    counts = dict(sorted(Counter(subjects).items()))
    given = (
        {"subjects": list(counts), "counts": list(counts.values())}
        if tx.dialect == "postgresql"
        else {"counts": json.dumps(counts)}
    )
    last = {row["subject"]: row["last"] for row in await tx.all(_NEXT_SEQUENCES[tx.dialect], given)}
    following = {subject: last[subject] - counts[subject] for subject in counts}
    numbers = []
    for subject in subjects:
        following[subject] += 1
        numbers.append(following[subject])
    return numbers


async def _store(tx: Transaction, wires: Sequence[Wire], correlations: Sequence[str]) -> None:
    """Insert the rows, all in one statement."""
    recorded_at = tx.wall()
    if tx.dialect == "sqlite":
        await tx.execute(
            _STORE_SQLITE,
            [
                {**wire._asdict(), "correlation_id": correlation, "recorded_at": recorded_at}
                for wire, correlation in zip(wires, correlations, strict=True)
            ],
        )
        return
    ids, types, subjects, bodies = (list(column) for column in zip(*wires, strict=True))
    await tx.execute(
        _STORE_POSTGRESQL,
        {
            "ids": ids,
            "types": types,
            "subjects": subjects,
            "correlations": list(correlations),
            "bodies": bodies,
            "recorded_at": recorded_at,
        },
    )


_MARK = {
    "postgresql": text(
        "UPDATE outbox SET published_at = :now WHERE id = ANY(CAST(:ids AS text[])) AND published_at IS NULL"
    ).bindparams(bindparam("now", type_=UtcDateTime())),
    "sqlite": text(
        "UPDATE outbox SET published_at = :now WHERE id IN (SELECT value FROM json_each(:ids)) AND published_at IS NULL"
    ).bindparams(bindparam("now", type_=UtcDateTime())),
}

_UNPUBLISHED = (
    text(
        "SELECT id, type, subject, body, recorded_at FROM outbox"
        " WHERE published_at IS NULL AND recorded_at <= :before AND (recorded_at, id) > (:after_at, :after_id)"
        " ORDER BY recorded_at, id LIMIT :limit"
    )
    .bindparams(bindparam("before", type_=UtcDateTime()), bindparam("after_at", type_=UtcDateTime()))
    .columns(recorded_at=UtcDateTime())
)

_OLDEST = text("SELECT min(recorded_at) AS oldest FROM outbox WHERE published_at IS NULL").columns(oldest=UtcDateTime())

_PURGE = text(
    "DELETE FROM outbox WHERE id IN"
    " (SELECT id FROM outbox WHERE id < :floor AND published_at < :before ORDER BY id LIMIT :limit)"
).bindparams(bindparam("before", type_=UtcDateTime()))


async def mark_published(tx: Transaction, ids: Sequence[str]) -> None:
    """Note in one statement that these messages are safely with the transport."""
    given = list(ids) if tx.dialect == "postgresql" else json.dumps(list(ids))
    await tx.execute(_MARK[tx.dialect], {"now": tx.wall(), "ids": given})


class Unpublished(NamedTuple):
    """A message that is not marked yet, and when it was recorded (wall time)."""

    recorded_at: datetime
    wire: Wire


_FIRST_PLACE = {"after_at": datetime(1970, 1, 1, tzinfo=UTC), "after_id": ""}


async def unpublished(
    tx: Transaction, before: datetime, limit: int, after: Unpublished | None = None
) -> list[Unpublished]:
    """Unmarked messages recorded at or before `before` (wall time), oldest first; with `after` only those behind it."""
    place = {"after_at": after.recorded_at, "after_id": after.wire.id} if after else _FIRST_PLACE
    rows = await tx.all(_UNPUBLISHED, {"before": before, "limit": limit, **place})
    return [
        Unpublished(row["recorded_at"], Wire(row["id"], row["type"], row["subject"], bytes(row["body"])))
        for row in rows
    ]


async def oldest_unpublished(tx: Transaction) -> datetime | None:
    """When the longest-waiting message was recorded (wall time), or None."""
    row = await tx.first(_OLDEST)
    return row["oldest"] if row else None


async def purge(tx: Transaction, limit: int = CHUNK) -> int:
    """Delete up to `limit` messages published more than 7 days ago; how many there were.

    Ids rise with time, so old rows are found through the primary key without a second index.
    """
    before = tx.wall() - KEPT
    result = await tx.execute(_PURGE, {"floor": message_id_floor(before), "before": before, "limit": limit})
    return result.rowcount
