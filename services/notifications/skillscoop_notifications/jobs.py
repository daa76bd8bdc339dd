"""What is swept up from time to time."""

from __future__ import annotations

from datetime import timedelta

from skillscoop_chassis.service import Job
from skillscoop_messages.database import Database

from skillscoop_notifications.repository import feed, people

STREAM_KEPT = timedelta(hours=25)
DELIVERIES_KEPT = timedelta(days=30)
AT_ONCE = 1_000


def jobs(database: Database) -> list[Job]:
    """The sweepers of this service."""

    async def forget_stream() -> None:
        """Stream items are kept an hour longer than they can be resumed from, unused tickets until they expire."""
        while True:
            async with database.begin() as tx:
                gone = await feed.forget_items(tx, tx.wall() - STREAM_KEPT, AT_ONCE)
                await feed.forget_tickets(tx)
            if gone < AT_ONCE:
                return

    async def forget_deliveries() -> None:
        """Whether old mail arrived is of no interest to anybody."""
        while True:
            async with database.begin() as tx:
                gone = await people.forget_deliveries(tx, tx.wall() - DELIVERIES_KEPT, AT_ONCE)
            if gone < AT_ONCE:
                return

    return [
        Job("forget_stream", timedelta(minutes=10), forget_stream),
        Job("forget_deliveries", timedelta(hours=6), forget_deliveries),
    ]
