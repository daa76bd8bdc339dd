"""Operators' routes, the same in every service: parked messages, the outbox, and the story of one id.

Role `ops`. Every write needs an Idempotency-Key and is audited in its own transaction; giving up a message about money
takes two operators.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from skillscoop_messages import parked
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.scheduled import MoneyTimer
from skillscoop_messages.tables import INBOX, OUTBOX, SCHEDULED
from starlette.responses import Response

from skillscoop_chassis.audit import audit
from skillscoop_chassis.http.dependencies import MoneyWriteRequest, PageQuery, ReadRequest
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.models import LongText, StrictRequest, View
from skillscoop_chassis.http.paging import Page
from skillscoop_chassis.http.problems import documented, not_found
from skillscoop_chassis.http.second_operator import AwaitingSecondOperator, Confirmed, second_operator
from skillscoop_chassis.service import Service
from skillscoop_chassis.tables import AUDIT_LOG

OPS = "ops"
SHOWN = 100
SHOWN_PUBLISHED = 5


class ParkedView(View):
    """A message or timer that could not be handled. `money`: giving it up takes two operators. Times by wall clock."""

    id: str
    object: str = "parked"
    subscriber: str
    message_id: str
    kind: str
    type: str | None
    subject: str | None
    correlation_id: str | None
    reason: str
    attempts: int
    last_error: str | None
    first_at: datetime
    parked_at: datetime
    money: bool
    event: dict[str, Any] | None = None


class WaitingEvent(View):
    """An event that has not been confirmed by the broker yet."""

    id: str
    type: str
    subject: str
    recorded_at: datetime


class PublishedEvent(WaitingEvent):
    """An event that the broker confirmed."""

    published_at: datetime


class OutboxView(View):
    """How many events wait for the broker, since when, and the oldest of them; and what it confirmed last."""

    unpublished: int
    oldest_recorded_at: datetime | None
    data: list[WaitingEvent]
    published: list[PublishedEvent]


class StoryEvent(View):
    """One event recorded here, as it travels. `published_at` is null until the broker confirmed it."""

    id: str
    type: str
    subject: str
    correlation_id: str
    recorded_at: datetime
    published_at: datetime | None
    event: dict[str, Any]


class StoryScheduled(View):
    """An timer or message that waits or is parked."""

    subscriber: str
    message_id: str
    kind: str
    state: str
    due_at: datetime
    attempts: int
    reason: str | None


class StoryHandled(View):
    """A message that a subscriber of this service has handled. Wall clock."""

    subscriber: str
    message_id: str
    received_at: datetime


class StoryAct(View):
    """One audited act."""

    at: datetime
    actor: str
    action: str
    reason: str | None


class StoryView(View):
    """What this service knows of one id, oldest first."""

    data: list[StoryEvent]
    scheduled: list[StoryScheduled]
    handled: list[StoryHandled]
    audit: list[StoryAct]


class DiscardRequest(StrictRequest):
    """Why the message is given up."""

    reason: LongText


def _is_money(service: Service, one: parked.Parked) -> bool:
    if one.kind == "timer":
        return isinstance(service.timers.get(one.subscriber), MoneyTimer)
    known = SUBSCRIPTIONS.get(one.subscriber)
    # Of a subscriber that nobody knows any more, the careful answer.
    return known is None or known.money


def _document(body: bytes | None) -> dict[str, Any] | None:
    if body is None:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return {"unreadable": True, "bytes": len(body)}
    return found if isinstance(found, dict) else {"unreadable": True, "bytes": len(body)}


def _view(service: Service, one: parked.Parked, *, whole: bool = False) -> ParkedView:
    shown = {name: getattr(one, name) for name in ParkedView.model_fields if hasattr(one, name)}
    event = _document(one.body) if whole else None
    return ParkedView(**shown, money=_is_money(service, one), event=event)


async def list_parked(
    read: ReadRequest,
    params: PageQuery,
    subscriber: Annotated[str | None, Query(max_length=255, description="Only of this subscriber")] = None,
) -> Response:
    """Messages and timers that wait for a decision, newest first."""
    read.require_role(OPS)
    cursor = read.cursor(params)
    tx = await read.begin()
    found = await parked.parked_list(tx, limit=cursor.limit + 1, subscriber=subscriber, before=cursor.position)
    kept = found[: cursor.limit]
    following = cursor.sign(kept[-1].parked_at, kept[-1].id) if len(found) > cursor.limit else None
    return read.reply(Page(data=[_view(read.service, one) for one in kept], next_cursor=following))


async def show_parked(id: str, read: ReadRequest) -> Response:
    """One parked message with its content."""
    read.require_role(OPS)
    found = await parked.show(await read.begin(), id)
    if found is None:
        raise not_found()
    return read.reply(_view(read.service, found, whole=True))


async def replay_parked(id: str, work: MoneyWriteRequest) -> Response:
    """Try it again as soon as possible. It keeps its id, so what already took effect does not happen twice."""
    tx = await work.begin()
    work.require_role(OPS)
    found = await parked.show(tx, id)
    if found is None or not await parked.replay(tx, id):
        raise not_found()
    await audit(tx, actor=work.actor.id, action="replay_parked", subject=id, before=_told(found))
    if work.service.messaging is not None:
        tx.after_commit(work.service.messaging.scheduled.nudge)
    return await work.reply(_view(work.service, found))


async def discard_parked(id: str, body: DiscardRequest, work: MoneyWriteRequest) -> Response:
    """Give it up for good. About money: 202 to the first operator, done when a second one sends the same."""
    tx = await work.begin()
    work.require_role(OPS)
    found = await parked.show(tx, id)
    if found is None:
        raise not_found()
    after: dict[str, Any] = {}
    if _is_money(work.service, found):
        asked = await second_operator(work, tx)
        if not isinstance(asked, Confirmed):
            await audit(
                tx,
                actor=work.actor.id,
                action="ask_to_discard_parked",
                subject=id,
                before=_told(found),
                reason=body.reason,
            )
            return asked
        after = {"asked_by": asked.asked_by}
    await parked.discard(tx, id)
    await audit(
        tx,
        actor=work.actor.id,
        action="discard_parked",
        subject=id,
        before=_told(found),
        after=after,
        reason=body.reason,
    )
    return await work.reply(_view(work.service, found))


def _told(one: parked.Parked) -> dict[str, Any]:
    return {"kind": one.kind, "type": one.type, "subject": one.subject, "reason": one.reason, "attempts": one.attempts}


_WAITING = (
    sa.select(OUTBOX.c.id, OUTBOX.c.type, OUTBOX.c.subject, OUTBOX.c.recorded_at)
    .where(OUTBOX.c.published_at.is_(None))
    .order_by(OUTBOX.c.recorded_at, OUTBOX.c.id)
    .limit(SHOWN)
)
# Ids grow with time, so the newest events stand at the end of the key; no index is kept for this.
_PUBLISHED_LAST = (
    sa.select(OUTBOX.c.id, OUTBOX.c.type, OUTBOX.c.subject, OUTBOX.c.recorded_at, OUTBOX.c.published_at)
    .where(OUTBOX.c.published_at.is_not(None))
    .order_by(OUTBOX.c.id.desc())
    .limit(SHOWN_PUBLISHED)
)
_HOW_MANY = sa.select(sa.func.count().label("count")).select_from(OUTBOX).where(OUTBOX.c.published_at.is_(None))


async def show_outbox(read: ReadRequest) -> Response:
    """Events recorded and not yet confirmed by the broker, and those it confirmed last."""
    read.require_role(OPS)
    tx = await read.begin()
    rows = await tx.all(_WAITING)
    counted = await tx.first(_HOW_MANY)
    return read.reply(
        OutboxView(
            unpublished=counted["count"] if counted else 0,
            oldest_recorded_at=rows[0]["recorded_at"] if rows else None,
            data=[WaitingEvent(**row) for row in rows],
            published=[PublishedEvent(**row) for row in await tx.all(_PUBLISHED_LAST)],
        )
    )


# An event names more than its root: milestones, payments, disputes. Operators ask rarely, so no index is kept for it.
_NAMES = {
    "postgresql": sa.text("position(convert_to(:named, 'UTF8') in outbox.body) > 0"),
    "sqlite": sa.text("instr(outbox.body, CAST(:named AS BLOB)) > 0"),
}


async def show_story(
    id: str,
    read: ReadRequest,
    messages: Annotated[
        list[str], Query(max_length=SHOWN, description="Message ids: tells which of them were handled here")
    ] = [],  # noqa: B006 - FastAPI copies defaults
) -> Response:
    """Events recorded here that name an id or belong to a correlation id, what still waits, and who intervened."""
    read.require_role(OPS)
    tx = await read.begin()
    columns = OUTBOX.c
    events = await tx.all(
        sa.select(OUTBOX)
        .where(sa.or_(columns.correlation_id == id, columns.subject == id, _NAMES[tx.dialect]))
        .order_by(columns.recorded_at, columns.id)
        .limit(SHOWN * 5),
        {"named": id},
    )
    waiting = await tx.all(
        sa.select(SCHEDULED)
        .where(
            sa.or_(
                SCHEDULED.c.correlation_id == id,
                SCHEDULED.c.subject == id,
                SCHEDULED.c.message_id == id,
                SCHEDULED.c.message_id.in_(messages),
            )
        )
        .order_by(SCHEDULED.c.due_at)
        .limit(SHOWN)
    )
    handled = await tx.all(sa.select(INBOX).where(INBOX.c.message_id.in_(messages))) if messages else []
    acts = await tx.all(sa.select(AUDIT_LOG).where(AUDIT_LOG.c.subject == id).order_by(AUDIT_LOG.c.id).limit(SHOWN))
    return read.reply(
        StoryView(
            data=[
                StoryEvent(
                    **{name: row[name] for name in StoryEvent.model_fields if name != "event"},
                    event=_document(bytes(row["body"])) or {},
                )
                for row in events
            ],
            scheduled=[StoryScheduled(**{name: row[name] for name in StoryScheduled.model_fields}) for row in waiting],
            handled=[StoryHandled(**row) for row in handled],
            audit=[StoryAct(**{name: row[name] for name in StoryAct.model_fields}) for row in acts],
        )
    )


def admin_router(service: str) -> APIRouter:
    """The routes below /v1/admin/{service}."""
    router = APIRouter(prefix=f"/v1/admin/{service}")
    reads: list[tuple[str, Any, Any, str]] = [
        ("/parked", list_parked, Page[ParkedView], "List parked messages"),
        ("/parked/{id}", show_parked, ParkedView, "Show a parked message"),
        ("/outbox", show_outbox, OutboxView, "Show the outbox"),
        ("/story/{id}", show_story, StoryView, "Show the story of an id"),
    ]
    for path, call, model, summary in reads:
        router.get(path, response_model=model, summary=summary, operation_id=f"{service}_{call.__name__}")(call)
    router.post(
        "/parked/{id}/replay",
        response_model=ParkedView,
        summary="Try a parked message again",
        operation_id=f"{service}_replay_parked",
        openapi_extra=MATCH_UNUSED,
    )(replay_parked)
    router.post(
        "/parked/{id}/discard",
        response_model=ParkedView,
        responses={
            202: {"model": AwaitingSecondOperator, "description": "A second operator is needed"},
            **documented(409),
        },
        summary="Give up a parked message",
        operation_id=f"{service}_discard_parked",
        openapi_extra=MATCH_UNUSED,
    )(discard_parked)
    return router
