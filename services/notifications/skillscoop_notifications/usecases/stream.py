"""Open a live stream: by token, or by a ticket that a token was exchanged for."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from skillscoop_chassis.access import SUPPORT, is_support, may_read_for_dispute
from skillscoop_chassis.identity import Actor
from skillscoop_messages.database import Transaction

from skillscoop_notifications.repository import feed
from skillscoop_notifications.schemas import TicketView
from skillscoop_notifications.tables import ASSIGNMENTS

TICKET_LIFE = timedelta(seconds=60)
RESUMABLE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: after `position`; `reset` when what came before it can no longer be told."""

    position: int
    reset: bool


@dataclass(frozen=True, slots=True)
class Listening:
    """Who listens, as their token says it, and when that token expires (UTC)."""

    actor: Actor
    ends_at: datetime


async def issue_ticket(tx: Transaction, listening: Listening) -> TicketView:
    """A ticket for one stream of this user within 60 s. Only its hash is kept."""
    ticket = secrets.token_urlsafe(32)
    expires_at = tx.wall() + TICKET_LIFE
    await feed.add_ticket(
        tx,
        {
            "id": _hashed(ticket),
            "user_id": listening.actor.id,
            "session_ends_at": listening.ends_at,
            "support": is_support(listening.actor),
            "expires_at": expires_at,
        },
    )
    position = await feed.position_of(tx, listening.actor.id)
    return TicketView(ticket=ticket, expires_at=expires_at, last_event_id=str(position))


async def use_ticket(tx: Transaction, ticket: str) -> Listening | None:
    """Who is behind a ticket and when their session ends; None when it is unknown, used or too old."""
    row = await feed.take_ticket(tx, _hashed(ticket))
    if row is None:
        return None
    return Listening(Actor(row["user_id"], frozenset({SUPPORT} if row["support"] else ())), row["session_ends_at"])


async def news_for(tx: Transaction, actor: Actor, position: int, limit: int) -> tuple[list[sa.RowMapping], int, bool]:
    """What a listener may hear after `position`: the items, the position reached, and whether there may be more.

    What was said to them as somebody of our team needs the role, and that they still work on a dispute of the
    contract; the rest is passed over.
    """
    rows = await feed.items_after(tx, actor.id, position, limit)
    contracts = {row["contract_id"] for row in rows if row["contract_id"] is not None}
    readable = {one for one in sorted(contracts) if await may_read_for_dispute(tx, ASSIGNMENTS, one, actor)}
    heard = [
        row
        for row in rows
        if not row["for_support"]
        or (is_support(actor) and (row["contract_id"] is None or row["contract_id"] in readable))
    ]
    return heard, rows[-1]["position"] if rows else position, len(rows) == limit


def _hashed(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()


async def start_of(tx: Transaction, user_id: str, last_event_id: str | None) -> Start:
    """Where a stream of this user goes on after the last item its listener saw.

    Positions have no gaps, so whatever followed `last_event_id` can be told as long as the very next item is there
    and not older than a day. An id we never gave resets as well.
    """
    current = await feed.position_of(tx, user_id)
    if last_event_id is None or last_event_id == "":
        return Start(current, reset=False)
    seen = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19 else -1
    if seen == current:
        return Start(current, reset=False)
    if not 0 <= seen < current:
        return Start(current, reset=True)
    said_at = await feed.said_at(tx, user_id, seen + 1)
    if said_at is None or tx.wall() - said_at > RESUMABLE:
        return Start(current, reset=True)
    return Start(seen, reset=False)
