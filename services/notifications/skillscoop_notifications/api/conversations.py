"""Conversations: lists, messages, read marks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from skillscoop_chassis.http.dependencies import PageQuery, ReadRequest, WriteRequest
from skillscoop_chassis.http.limits import cap_reached, window_of
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.paging import Page, keyset, page
from skillscoop_chassis.http.problems import not_found
from skillscoop_chassis.http.requests import WritingRequest
from skillscoop_chassis.tables import AUDIT_LOG
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import PREFIXES, is_id, new_message_id
from starlette.responses import Response

from skillscoop_notifications.adapters.stream import Hub
from skillscoop_notifications.api import (
    error_mapping,  # noqa: F401 - registers this service's codes
    requests,
)
from skillscoop_notifications.repository import conversations
from skillscoop_notifications.schemas import UNCHANGED, ConversationView, MessageView
from skillscoop_notifications.settings import NotificationsSettings
from skillscoop_notifications.tables import MESSAGES
from skillscoop_notifications.usecases import chat
from skillscoop_notifications.views import message_view

router = APIRouter(tags=["conversations"])


async def audit(request: Request) -> AsyncIterator[WritingRequest]:
    """A transaction that is only opened when somebody of our team reads what belongs to others."""
    async with AsyncExitStack() as stack:
        yield WritingRequest(request, stack, key_required=False)


Audit = Annotated[WritingRequest, Depends(audit, scope="function")]


async def _audited(work: WritingRequest, *conversation_ids: str) -> None:
    """Note that somebody of our team looked, in one transaction whatever they looked at."""
    if not conversation_ids:
        return
    tx = await work.begin(replay=False)
    await tx.execute(
        AUDIT_LOG.insert(),
        [
            {
                "id": new_message_id(),
                "at": tx.wall(),
                "actor": work.actor.id,
                "action": "conversation.read",
                "subject": conversation_id,
                "reason": "assigned to a dispute of the contract",
                "request_id": work.request_id,
            }
            for conversation_id in conversation_ids
        ],
    )


@router.get("/v1/conversations", response_model=Page[ConversationView], summary="My conversations")
async def list_conversations(
    read: ReadRequest,
    log: Audit,
    params: PageQuery,
    contract_id: Annotated[str | None, Query(max_length=64, description="Only the one of this contract")] = None,
) -> Response:
    """The caller's conversations, newest first; for our team those of disputes they work on."""
    cursor, user = read.cursor(params), read.actor.id
    tx = await read.begin()
    rows = await tx.all(conversations.visible_to(read.actor, contract_id, cursor))
    views = {view.id: view for view in await chat.conversation_views(tx, rows[: cursor.limit], user)}
    await _audited(log, *(row["id"] for row in rows[: cursor.limit] if chat.party_of(row, user) is None))
    return read.reply(page(rows, cursor, lambda row: views[row["id"]]))


@router.get("/v1/conversations/{conversation_id}", response_model=ConversationView, summary="One conversation")
async def get_conversation(read: ReadRequest, log: Audit, conversation_id: str) -> Response:
    """A conversation with what is unread for the caller."""
    tx = await read.begin()
    thread, seat = await chat.seen_by(tx, conversation_id, read.actor)
    view = (await chat.conversation_views(tx, [thread], read.actor.id))[0]
    if seat == "reader":
        await _audited(log, conversation_id)
    return read.reply(view)


@router.get(
    "/v1/conversations/{conversation_id}/messages", response_model=Page[MessageView], summary="Messages, last one first"
)
async def list_messages(read: ReadRequest, log: Audit, conversation_id: str, params: PageQuery) -> Response:
    """What was said and done: plain messages by time, cards by the order in which things happened."""
    cursor = read.cursor(params)
    tx = await read.begin()
    _, seat = await chat.seen_by(tx, conversation_id, read.actor)
    select = conversations.messages_of(conversation_id)
    rows = await tx.all(keyset(select, MESSAGES.c.place, MESSAGES.c.id, cursor))
    if seat == "reader":
        await _audited(log, conversation_id)
    return read.reply(page(rows, cursor, message_view, sort="place"))


@router.get(
    "/v1/conversations/{conversation_id}/messages/{message_id}",
    response_model=MessageView,
    responses=UNCHANGED,
    summary="One message",
)
async def get_message(read: ReadRequest, log: Audit, conversation_id: str, message_id: str) -> Response:
    """One entry of a conversation."""
    tx = await read.begin()
    _, seat = await chat.seen_by(tx, conversation_id, read.actor)
    row = await conversations.find_message(tx, conversation_id, message_id)
    if row is None or not is_id(PREFIXES["message"], message_id):
        raise not_found()
    if seat == "reader":
        await _audited(log, conversation_id)
    return read.reply(message_view(row), version=1)


@router.post(
    "/v1/conversations/{conversation_id}/messages",
    response_model=MessageView,
    status_code=201,
    summary="Write a message",
    openapi_extra=MATCH_UNUSED,
)
async def post_message(work: WriteRequest, conversation_id: str, body: requests.MessageRequest) -> Response:
    """Say something to the other party. Messages are never changed or deleted, and never move money."""
    tx = await work.begin()
    await _check_unanswered(work, tx, conversation_id)
    row, audience = await chat.post_message(tx, conversation_id, work.actor, body.text)
    hub: Hub = work.service.outside["hub"]
    tx.after_commit(lambda: hub.ring(audience))
    location = f"/v1/conversations/{conversation_id}/messages/{row['id']}"
    return await work.reply(message_view(row), status=201, version=1, location=location)


async def _check_unanswered(work: WritingRequest, tx: Transaction, conversation_id: str) -> None:
    """Raise Problem too_many_messages (429) when the client wrote enough to somebody who has not answered.

    The conversation is locked, so the count is exact.
    """
    settings = work.service.settings
    assert isinstance(settings, NotificationsSettings), "this service was built with its own settings"
    if not settings.limits_on:
        return
    thread = await chat.seen_by_party(tx, conversation_id, work.actor)
    if thread["freelancer_acted"] or work.actor.id != thread["client_id"]:
        return
    rate = settings.cap_unanswered_messages
    written = await conversations.written_since(tx, conversation_id, work.actor.id, tx.now() - window_of(rate))
    detail = "Please wait until they have answered."
    refusal = cap_reached("unanswered-messages", rate, written, tx.now(), detail, "too_many_messages")
    if refusal is not None:
        raise refusal


@router.post(
    "/v1/conversations/{conversation_id}/read",
    response_model=ConversationView,
    summary="Mark messages as read",
    openapi_extra=MATCH_UNUSED,
)
async def read_conversation(
    work: WriteRequest, conversation_id: str, body: requests.ReadRequest | None = None
) -> Response:
    """Note up to where the caller has read; the other party sees it. A mark never moves back."""
    tx = await work.begin()
    message_id = body.message_id if body else None
    thread = await chat.mark_read(tx, conversation_id, work.actor, message_id)
    return await work.reply((await chat.conversation_views(tx, [thread], work.actor.id))[0])
