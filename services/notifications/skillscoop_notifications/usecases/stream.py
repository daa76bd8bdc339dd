"""Open a live stream: by token, or by a ticket that a token was exchanged for."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from skillscoop_messages.database import Transaction

from skillscoop_notifications.repository import feed
from skillscoop_notifications.shapes import TicketView

TICKET_LIFE = timedelta(seconds=60)
RESUMABLE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: after `position`; `reset` when what came before it can no longer be told."""

    position: int
    reset: bool


async def issue_ticket(tx: Transaction, user_id: str, session_ends_at: datetime) -> TicketView:
    """A ticket for one stream of this user within 60 s. Only its hash is kept."""
    ticket = secrets.token_urlsafe(32)
    expires_at = tx.wall() + TICKET_LIFE
    await feed.add_ticket(
        tx,
        {"id": _hashed(ticket), "user_id": user_id, "session_ends_at": session_ends_at, "expires_at": expires_at},
    )
    position = await feed.position_of(tx, user_id)
    return TicketView(ticket=ticket, expires_at=expires_at, last_event_id=str(position))


async def use_ticket(tx: Transaction, ticket: str) -> tuple[str, datetime] | None:
    """The user behind a ticket and when their session ends; None when it is unknown, used or too old."""
    row = await feed.take_ticket(tx, _hashed(ticket))
    return None if row is None else (row["user_id"], row["session_ends_at"])


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
