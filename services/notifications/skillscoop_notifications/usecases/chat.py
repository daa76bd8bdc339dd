"""Talk: write a message, mark as read, see a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from skillscoop_chassis.access import may_read_for_dispute
from skillscoop_chassis.http.problems import forbidden, not_found
from skillscoop_chassis.identity import Actor
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import PREFIXES, is_id, new_id
from skillscoop_messages.outbox import record

from skillscoop_notifications import publish
from skillscoop_notifications.domain.thread import place_of
from skillscoop_notifications.repository import conversations, feed
from skillscoop_notifications.repository.feed import Item
from skillscoop_notifications.schemas import ConversationView, ParticipantView
from skillscoop_notifications.tables import ASSIGNMENTS
from skillscoop_notifications.views import Row, message_view

Seat = Literal["client", "freelancer", "reader"]
"""How somebody belongs to a conversation: as a party, or as somebody of our team who may read it now."""


async def seen_by(
    tx: Transaction, conversation_id: str, actor: Actor, *, lock: bool = False
) -> tuple[Mapping[Any, Any], Seat]:
    """A conversation and how the caller belongs to it. Raises Problem not_found for strangers and unknown ids alike."""
    known = is_id(PREFIXES["conversation"], conversation_id)
    thread = await conversations.find(tx, conversation_id, lock=lock) if known else None
    if thread is None:
        raise not_found()
    party = party_of(thread, actor.id)
    if party is not None:
        return thread, party
    if not await may_read_for_dispute(tx, ASSIGNMENTS, thread["contract_id"], actor):
        raise not_found()
    return thread, "reader"


def party_of(thread: Mapping[Any, Any], user_id: str) -> Literal["client", "freelancer"] | None:
    """Which party of the conversation a user is, if any."""
    if user_id == thread["client_id"]:
        return "client"
    return "freelancer" if user_id == thread["freelancer_id"] else None


async def seen_by_party(tx: Transaction, conversation_id: str, actor: Actor) -> Mapping[Any, Any]:
    """The locked conversation for one of its parties. Raises Problem not_found, and forbidden for our team."""
    thread, seat = await seen_by(tx, conversation_id, actor, lock=True)
    if seat == "reader":
        raise forbidden(detail="You may read this conversation, but only its parties take part in it.")
    return thread


async def post_message(tx: Transaction, conversation_id: str, author: Actor, text: str) -> tuple[Row, set[str]]:
    """Write a message; its row and the users whose streams tell of it."""
    thread = await seen_by_party(tx, conversation_id, author)
    now = tx.now()
    row: dict[str, Any] = {
        "id": new_id(PREFIXES["message"]),
        "conversation_id": conversation_id,
        "place": place_of(now),
        "kind": "text",
        "author_id": author.id,
        "text": text,
        "card": None,
        "event_id": None,
        "root": None,
        "sequence": None,
        "created_at": now,
    }
    await conversations.add_message(tx, row)
    if author.id == thread["freelancer_id"] and not thread["freelancer_acted"]:
        await conversations.note_freelancer_acted(tx, [conversation_id])
    data = message_view(row).model_dump_json()
    items = message_items(thread, data)
    await feed.say(tx, sorted(items))
    record(tx, publish.message_posted(thread, row))
    return row, {item.user_id for item in items}


def message_items(thread: Mapping[Any, Any], data: str) -> list[Item]:
    """What a new message says on the streams of the parties and of those of our team who may read it now."""
    parties = (thread["client_id"], thread["freelancer_id"])
    readers = [Item(user, "message", data, True, thread["contract_id"]) for user in thread["readers"]]
    return [*(Item(user, "message", data) for user in parties), *readers]


async def mark_read(tx: Transaction, conversation_id: str, actor: Actor, message_id: str | None) -> Mapping[Any, Any]:
    """Note that a party has read up to a message, by default the last one. A mark never moves back.

    Raises Problem not_found for a message that is not of this conversation.
    """
    thread = await seen_by_party(tx, conversation_id, actor)
    if message_id is None:
        upto = (await conversations.last_messages(tx, [conversation_id])).get(conversation_id)
    else:
        upto = await conversations.find_message(tx, conversation_id, message_id)
        if upto is None:
            raise not_found()
    if upto is not None:
        await conversations.mark_read(tx, conversation_id, actor.id, upto)
    return thread


async def conversation_views(tx: Transaction, threads: Sequence[Row], user_id: str) -> list[ConversationView]:
    """Conversations as a user sees them: with names, the last message and what is unread."""
    ids = [thread["id"] for thread in threads]
    parties = {thread[side] for thread in threads for side in ("client_id", "freelancer_id")}
    names = await conversations.names_of_users(tx, parties)
    last = await conversations.last_messages(tx, ids)
    unread = await conversations.unread_counts(tx, ids, user_id)
    marks = await conversations.read_marks(tx, ids)
    return [_view(thread, user_id, names, last.get(thread["id"]), unread, marks) for thread in threads]


def _view(
    thread: Row,
    user_id: str,
    names: Mapping[str, str],
    last: Row | None,
    unread: Mapping[str, int],
    marks: Mapping[tuple[str, str], str],
) -> ConversationView:
    client, freelancer = thread["client_id"], thread["freelancer_id"]
    other = {client: freelancer, freelancer: client}.get(user_id)
    # Being named by a client says nothing about a person: they are shown once they took part themselves.
    known = thread["freelancer_acted"] or user_id == freelancer
    return ConversationView(
        id=thread["id"],
        version=thread["version"],
        created_at=thread["created_at"],
        updated_at=thread["updated_at"],
        contract_id=thread["contract_id"],
        title=thread["title"],
        participants=[
            ParticipantView(user_id=client, role="client", name=names.get(client)),
            ParticipantView(user_id=freelancer, role="freelancer", name=names.get(freelancer) if known else None),
        ],
        last_message=None if last is None else message_view(last),
        # Our team has no marks of its own: nothing is addressed to it.
        unread_count=unread.get(thread["id"], 0) if other is not None else 0,
        other_read_up_to=marks.get((thread["id"], other)) if other is not None and known else None,
    )
