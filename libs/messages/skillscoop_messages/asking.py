"""Asked until answered: what another service must answer is said again, under the same id, until the answer is there.

Confirms of a broker tell that a message is safe with it, not that every queue it should reach exists and keeps it. Only
the two ends can see that something was lost: the one that waits for an answer, and the one that is asked twice. So a
question stays open in its asker's outbox until an answer has taken effect, and whoever is asked again says its answer
again. Which event is a question, and what answers it, stands in the registry.

All times are wall time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, func, select, update

from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.events.base import Event
from skillscoop_messages.registry import QUESTIONS, SAID_AGAIN, Question
from skillscoop_messages.tables import OUTBOX
from skillscoop_messages.transport.base import RawMessage

FIRST_PAUSE = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(hours=1)
REPEATED_AT_ONCE = 500

_ASKED_BY: Mapping[str, Question] = {event.type: one for one in QUESTIONS for event in one.events}
_ANSWERED_BY: Mapping[str, Question] = {event.type: one for one in QUESTIONS for event in one.answers}
_SIGNED_BY: Mapping[str, Question] = {event.type: one for one in QUESTIONS for event in one.signs}
_SAID_AGAIN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    event.type: (name, fields) for name, fields, events in SAID_AGAIN for event in events
}

_C = OUTBOX.c


def question_key(name: str, *about: object) -> str:
    """What ties a question to its answers: the question's name in the registry and the values it is about."""
    return ":".join((name, *map(str, about)))


def key_of(event: Event) -> str | None:
    """The key of a question, of an answer, or of what is said again with one; None for every other event."""
    one = _ASKED_BY.get(event.type) or _ANSWERED_BY.get(event.type) or _SIGNED_BY.get(event.type)
    name, fields = (one.name, one.about) if one else _SAID_AGAIN.get(event.type, (None, ()))
    return None if name is None else question_key(name, *(getattr(event, field) for field in fields))


def is_question(event_type: str) -> bool:
    """Whether another service must answer events of this type."""
    return event_type in _ASKED_BY


def first_repeat(event_type: str, recorded_at: datetime) -> datetime | None:
    """When a question recorded then is said for the second time unless it is answered; None for what is no question."""
    return recorded_at + FIRST_PAUSE if event_type in _ASKED_BY else None


def _service(name: str) -> str:
    return name.partition(".")[0]


_OPEN = _C.ask_again_at.is_not(None)
_CLOSE = update(OUTBOX).where(_C.question == bindparam("key"), _OPEN).values(ask_again_at=None)
_ACKNOWLEDGE = (
    update(OUTBOX)
    .where(_C.question == bindparam("key"), _OPEN)
    .values(acknowledged_at=bindparam("now", type_=UtcDateTime()))
)


def hear(tx: Transaction, subscriber: str, envelope: Envelope[Any]) -> None:
    """An event took effect at this subscriber: when it answers a question of its service, nobody asks again.

    Part of the transaction of the effect, so that a question is closed if and only if its answer counted.
    """
    answered, signed = _ANSWERED_BY.get(envelope.type), _SIGNED_BY.get(envelope.type)
    one = answered or signed
    if one is None or _service(one.events[0].type) != _service(subscriber) or subscriber not in one.heard_by:
        return
    key = key_of(envelope.data)
    if answered:
        tx.write(_CLOSE, {"key": key})
    else:
        tx.write(_ACKNOWLEDGE, {"key": key, "now": tx.wall()})


def close(tx: Transaction, name: str, *about: object) -> None:
    """Nobody asks this again: what it asked for was seen to have happened."""
    tx.write(_CLOSE, {"key": question_key(name, *about)})


_SAY_AGAIN = (
    update(OUTBOX)
    .where(_C.id.in_(bindparam("ids", expanding=True)))
    # Recorded anew for the sweep, which leaves to others what was recorded a moment ago and reports what waits long.
    .values(published_at=None, recorded_at=bindparam("now", type_=UtcDateTime()))
)


async def answer_again(tx: Transaction, envelope: Envelope[Any]) -> int:
    """A question came for the second time: say again what this service answered; how many events that were.

    None when there is no answer yet: it will be told when there is, and the asker asks again until then.
    """
    return await say_again(tx, [key for key in (key_of(envelope.data),) if key])


async def say_again(tx: Transaction, keys: Collection[str]) -> int:
    """Publish the newest event of each type with one of these keys again, under its old id, questions excepted."""
    rows = await tx.all(
        select(_C.question, _C.type, func.max(_C.id).label("id"))
        .where(_C.question.in_(list(keys)), _C.type.not_in(list(_ASKED_BY)))
        .group_by(_C.question, _C.type)
    )
    if rows:
        tx.write(_SAY_AGAIN, {"ids": [row["id"] for row in rows], "now": tx.wall()})
    return len(rows)


def pause_after(times: int) -> timedelta:
    """How long a question that was said again `times` times waits for the next: 2 minutes, doubled up to an hour."""
    return min(FIRST_PAUSE * (1 << min(times, 10)), LONGEST_PAUSE)


_DUE = (
    select(_C.id, _C.type, _C.subject, _C.body, _C.asked_again)
    .where(_C.ask_again_at <= bindparam("now", type_=UtcDateTime()), _C.published_at.is_not(None))
    .order_by(_C.asked_again, _C.ask_again_at)
    .limit(REPEATED_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_REPEATED = (
    update(OUTBOX)
    .where(_C.id.in_(bindparam("ids", expanding=True)), _OPEN)
    .values(asked_again=_C.asked_again + 1, ask_again_at=bindparam("due", type_=UtcDateTime()))
)


async def repeats(tx: Transaction) -> list[RawMessage]:
    """Questions whose pause is over, each with its next one set: publish them once this has committed.

    A process that dies in between says them at the next pause. Rows are locked before they are written, so that two
    processes do not count one repeat twice.
    """
    rows = await tx.all(_DUE, {"now": tx.wall()})
    for times, group in groupby(rows, key=lambda row: int(row["asked_again"])):
        ids = [row["id"] for row in group]
        await tx.execute(_REPEATED, {"ids": ids, "due": tx.wall() + pause_after(times + 1)})
    return [RawMessage(row["id"], row["type"], row["subject"], bytes(row["body"])) for row in rows]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question nobody has shown a sign of having heard: said again `times` times since it was first asked."""

    key: str
    asked_at: datetime
    times: int


_WAITING = (_OPEN, _C.asked_again > 0, _C.acknowledged_at.is_(None))


async def unanswered(tx: Transaction, keys: Iterable[str]) -> Mapping[str, Unanswered]:
    """Which of these questions were said again and still have neither an answer nor a sign, by key."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows: Sequence[Any] = await tx.all(
        select(_C.question, func.min(_C.recorded_at).label("asked_at"), func.max(_C.asked_again).label("times"))
        .where(_C.question.in_(wanted), *_WAITING)
        .group_by(_C.question)
    )
    return {row["question"]: Unanswered(row["question"], row["asked_at"], int(row["times"])) for row in rows}


_COUNTS = select(
    func.count().label("open"),
    func.count().filter(_C.asked_again > 0, _C.acknowledged_at.is_(None)).label("unanswered"),
).where(_OPEN)


async def counts(tx: Transaction) -> tuple[int, int]:
    """How many questions are open, and how many of them were said again without a sign. For metrics."""
    row = await tx.first(_COUNTS)
    return (int(row["open"]), int(row["unanswered"])) if row else (0, 0)
