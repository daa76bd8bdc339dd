"""Events leave with the transaction that made them true: recorded in it, stored by it, published after it."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic_core import to_json
from sqlalchemy import bindparam, text

from skillscoop_messages import asking
from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.context import current_trace
from skillscoop_messages.database import Draft, Transaction
from skillscoop_messages.envelope import Envelope, encode_around_sequence
from skillscoop_messages.events.base import Event
from skillscoop_messages.ids import message_id_floor, new_message_id
from skillscoop_messages.tables import OUTBOX
from skillscoop_messages.transport.base import RawMessage

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

# Roots are locked in sorted order and only for the short way to COMMIT, so two transactions cannot deadlock here.
# One statement on PostgreSQL: every round trip is on some user's path.
_STORE_POSTGRESQL = text(
    """
    WITH given AS (
        INSERT INTO event_sequences AS known (subject, last)
        SELECT key, CAST(value AS bigint) FROM json_each_text(CAST(:counts AS json))
        ON CONFLICT (subject) DO UPDATE SET last = known.last + excluded.last
        RETURNING subject, last
    ), stored AS (
        INSERT INTO outbox (id, type, subject, correlation_id, body, recorded_at, question, ask_again_at)
        SELECT event.id, event.type, event.subject, event.correlation_id,
               convert_to(event.before || (given.last - event.following) || event.after, 'UTF8'), :recorded_at,
               event.question, event.ask_again_at
        FROM json_to_recordset(CAST(:events AS json))
             AS event (id text, type text, subject text, correlation_id text, before text, after text,
                       following bigint, question text, ask_again_at timestamptz)
        JOIN given ON given.subject = event.subject
    )
    SELECT subject, last FROM given
    """
).bindparams(bindparam("recorded_at", type_=UtcDateTime()))

_SEQUENCES_SQLITE = text(
    """
    INSERT INTO event_sequences AS known (subject, last)
    SELECT key, value FROM json_each(:counts) WHERE true
    ON CONFLICT (subject) DO UPDATE SET last = known.last + excluded.last
    RETURNING subject, last
    """
)
_STORE_SQLITE = OUTBOX.insert()


def record(tx: Transaction, *events: Event) -> None:
    """Say that something happened, as part of this transaction: told if and only if it commits.

    Business time and the current trace are noted now; sequence numbers are given just before COMMIT.
    """
    now, told_in = tx.now(), current_trace()
    tx.drafts.extend(Draft(id=new_message_id(), event=event, trace_context=told_in, time=now) for event in events)


async def flush(tx: Transaction) -> Callable[[], list[RawMessage]]:
    """Store what was recorded, in one statement (two on SQLite) however many events there are; just before COMMIT.

    On PostgreSQL it leaves with the COMMIT. What is returned gives the messages once the transaction is durable, for
    `Relay.offer`.
    """
    if not tx.drafts:
        return list
    drafts, tx.drafts[:] = list(tx.drafts), []
    events = _numbered(tx.service, drafts)
    if tx.dialect == "postgresql":
        return _store_postgresql(tx, events)
    raws = await _store_sqlite(tx, events)
    return lambda: raws


class _Stored(NamedTuple):
    """A draft on its way into the outbox; its number is that of its root's last event less `following`."""

    draft: Draft
    subject: str
    before: bytes
    after: bytes
    following: int

    def raw(self, last: int) -> RawMessage:
        """The message, once the root's last number is known."""
        body = b"%b%d%b" % (self.before, last - self.following, self.after)
        return RawMessage(self.draft.id, self.draft.event.type, self.subject, body)


def _numbered(service: str, drafts: Sequence[Draft]) -> list[_Stored]:
    """Encode each draft around its number, in the order they were recorded."""
    still: Counter[str] = Counter(draft.event.subject for draft in drafts)
    events = []
    for draft in drafts:
        subject = draft.event.subject
        still[subject] -= 1
        before, after = encode_around_sequence(
            Envelope(
                id=draft.id,
                source=f"/services/{service}",
                type=draft.event.type,
                subject=subject,
                time=draft.time,
                sequence=0,
                correlation_id=draft.trace_context.correlation_id,
                causation_id=draft.trace_context.causation_id,
                traceparent=draft.trace_context.traceparent,
                data=draft.event,
            )
        )
        events.append(_Stored(draft, subject, before, after, still[subject]))
    return events


def _counts(events: Sequence[_Stored]) -> dict[str, int]:
    """How many events each root has, roots sorted."""
    return dict(sorted(Counter(event.subject for event in events).items()))


def _store_postgresql(tx: Transaction, events: Sequence[_Stored]) -> Callable[[], list[RawMessage]]:
    recorded_at = tx.wall()
    rows = [
        {
            "id": event.draft.id,
            "type": event.draft.event.type,
            "subject": event.subject,
            "correlation_id": event.draft.trace_context.correlation_id,
            "before": event.before.decode(),
            "after": event.after.decode(),
            "following": event.following,
            "question": asking.key_of(event.draft.event),
            "ask_again_at": asking.first_repeat(event.draft.event.type, recorded_at),
        }
        for event in events
    ]
    # One JSON document costs the client a tenth of what an array for each column does.
    given = {"counts": json.dumps(_counts(events)), "events": to_json(rows).decode(), "recorded_at": recorded_at}
    numbers = tx.ask(_STORE_POSTGRESQL, given)

    def raws() -> list[RawMessage]:
        last = {row["subject"]: row["last"] for row in numbers()}
        return [event.raw(last[event.subject]) for event in events]

    return raws


async def _store_sqlite(tx: Transaction, events: Sequence[_Stored]) -> list[RawMessage]:
    rows = await tx.all(_SEQUENCES_SQLITE, {"counts": json.dumps(_counts(events))})
    last = {row["subject"]: row["last"] for row in rows}
    raws = [event.raw(last[event.subject]) for event in events]
    recorded_at = tx.wall()
    await tx.execute(
        _STORE_SQLITE,
        [
            {
                **raw._asdict(),
                "correlation_id": event.draft.trace_context.correlation_id,
                "recorded_at": recorded_at,
                "question": asking.key_of(event.draft.event),
                "ask_again_at": asking.first_repeat(event.draft.event.type, recorded_at),
            }
            for raw, event in zip(raws, events, strict=True)
        ],
    )
    return raws


# By their ids alone: told to take unmarked ones only, the server walks through all that are unmarked.
_MARK = {
    "postgresql": text("UPDATE outbox SET published_at = :now WHERE id = ANY(CAST(:ids AS text[]))").bindparams(
        bindparam("now", type_=UtcDateTime())
    ),
    "sqlite": text("UPDATE outbox SET published_at = :now WHERE id IN (SELECT value FROM json_each(:ids))").bindparams(
        bindparam("now", type_=UtcDateTime())
    ),
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
    "DELETE FROM outbox WHERE id IN (WITH picked AS MATERIALIZED"
    " (SELECT id FROM outbox WHERE id < :floor AND published_at < :before AND ask_again_at IS NULL"
    " ORDER BY id LIMIT :limit)"
    " SELECT id FROM picked)"
).bindparams(bindparam("before", type_=UtcDateTime()))


async def mark_published(tx: Transaction, ids: Sequence[str]) -> None:
    """Note in one statement that these messages are safely with the transport."""
    given = list(ids) if tx.dialect == "postgresql" else json.dumps(list(ids))
    tx.write(_MARK[tx.dialect], {"now": tx.wall(), "ids": given})


class Unpublished(NamedTuple):
    """A message that is not marked yet, and when it was recorded (wall time)."""

    recorded_at: datetime
    raw: RawMessage


_FIRST_PLACE = {"after_at": datetime(1970, 1, 1, tzinfo=UTC), "after_id": ""}


async def unpublished(
    tx: Transaction, before: datetime, limit: int, after: Unpublished | None = None
) -> list[Unpublished]:
    """Unmarked messages recorded at or before `before` (wall time), oldest first; with `after` only those behind it."""
    place = {"after_at": after.recorded_at, "after_id": after.raw.id} if after else _FIRST_PLACE
    rows = await tx.all(_UNPUBLISHED, {"before": before, "limit": limit, **place})
    return [
        Unpublished(row["recorded_at"], RawMessage(row["id"], row["type"], row["subject"], bytes(row["body"])))
        for row in rows
    ]


async def oldest_unpublished(tx: Transaction) -> datetime | None:
    """When the longest-waiting message was recorded (wall time), or None."""
    row = await tx.first(_OLDEST)
    return row["oldest"] if row else None


async def purge(tx: Transaction, limit: int = CHUNK) -> int:
    """Delete up to `limit` messages published more than 7 days ago; how many there were. Open questions stay.

    Ids rise with time, so old rows are found through the primary key without a second index.
    """
    before = tx.wall() - KEPT
    result = await tx.execute(_PURGE, {"floor": message_id_floor(before), "before": before, "limit": limit})
    return result.rowcount
