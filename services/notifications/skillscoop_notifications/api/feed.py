"""The feed: what the caller was told, and what of it is unread."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from skillscoop_chassis.http.dependencies import EmptyBody, PageQuery, ReadRequest, WriteRequest
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.models import Flag
from skillscoop_chassis.http.paging import Page, keyset, page
from skillscoop_chassis.http.problems import not_found
from skillscoop_messages.ids import PREFIXES, is_id
from starlette.responses import Response

from skillscoop_notifications.repository import feed
from skillscoop_notifications.schemas import NotificationView, UnreadCountView
from skillscoop_notifications.tables import NOTIFICATIONS
from skillscoop_notifications.views import notification_view

router = APIRouter(tags=["notifications"])


@router.get("/v1/notifications", response_model=Page[NotificationView], summary="My notices")
async def list_notifications(
    read: ReadRequest,
    params: PageQuery,
    unread: Annotated[Flag | None, Query(description="Only unread ones, or only read ones")] = None,
) -> Response:
    """What the caller was told, newest first. What they did themselves stands here as read."""
    cursor = read.cursor(params)
    tx = await read.begin()
    select = feed.notices_of(read.actor)
    if unread is not None:
        read_at = NOTIFICATIONS.c.read_at
        select = select.where(read_at.is_(None) if unread else read_at.is_not(None))
    rows = await tx.all(keyset(select, NOTIFICATIONS.c.created_at, NOTIFICATIONS.c.id, cursor))
    return read.reply(page(rows, cursor, notification_view))


@router.get("/v1/notifications/unread-count", response_model=UnreadCountView, summary="How many are unread")
async def count_unread(read: ReadRequest) -> Response:
    """How many notices of the caller are unread."""
    tx = await read.begin()
    return read.reply(UnreadCountView(unread_count=await feed.unread_count(tx, read.actor)))


@router.post(
    "/v1/notifications/read-all",
    response_model=UnreadCountView,
    summary="Mark all as read",
    openapi_extra=MATCH_UNUSED,
)
async def read_all_notifications(work: WriteRequest, body: EmptyBody = None) -> Response:
    """Mark every notice of the caller as read."""
    tx = await work.begin()
    await feed.mark_notices_read(tx, work.actor)
    return await work.reply(UnreadCountView(unread_count=0))


@router.post("/v1/notifications/{notification_id}/read", response_model=NotificationView, summary="Mark one as read")
async def read_notification(work: WriteRequest, notification_id: str, body: EmptyBody = None) -> Response:
    """Mark a notice as read; one that is read already keeps its time."""
    tx = await work.begin()
    known = is_id(PREFIXES["notification"], notification_id)
    row = await feed.find_notice(tx, work.actor, notification_id) if known else None
    if row is None:
        raise not_found()
    work.match(row["version"])
    await feed.mark_notices_read(tx, work.actor, notification_id)
    row = await feed.find_notice(tx, work.actor, notification_id) or row
    return await work.reply(notification_view(row), version=row["version"])
