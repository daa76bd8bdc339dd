"""Committed events to the transport: at once by the process that committed them, by a sweep when that went wrong."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from skillscoop_messages import asking, outbox
from skillscoop_messages.database import Database
from skillscoop_messages.transport.base import RawMessage, Transport

logger = logging.getLogger(__name__)

WINDOW = 500
OVERDUE = timedelta(seconds=2)
MOST_IN_MEMORY = 20_000
SWEEP_EVERY = 1.0
MARK_EVERY = 0.05
PURGE_EVERY = 600.0
ASK_EVERY = 10.0
LONGEST_PAUSE = 10.0


class Relay:
    """Publishes what one service's transactions recorded, and marks what the transport confirmed.

    Several may work on one database: they only make duplicates, which inboxes absorb. A row stays unmarked until its
    publication is certain, so dying at any line loses nothing.
    """

    def __init__(self, database: Database, transport: Transport) -> None:
        self._database = database
        self._transport = transport
        self._offered: deque[RawMessage] = deque()
        self._confirmed: list[str] = []
        self._in_hand: set[str] = set()
        self._work = asyncio.Event()
        self._to_mark = asyncio.Event()
        self._pause = 0.0
        self._trouble: str | None = None

    def offer(self, raws: Sequence[RawMessage]) -> None:
        """Publish these soon; their rows are committed. Never blocks: too many at once are left to the sweep."""
        if self._pause or len(self._offered) + len(raws) > MOST_IN_MEMORY:
            return
        self._offered.extend(raws)
        self._in_hand.update(raw.id for raw in raws)
        self._work.set()

    def trouble(self) -> str | None:
        """Why events do not leave just now, or None."""
        return self._trouble

    async def oldest_unpublished(self) -> timedelta | None:
        """For how long the oldest unpublished event has been waiting, by wall time; None when there is none."""
        async with self._database.read() as tx:
            oldest = await outbox.oldest_unpublished(tx)
            return tx.wall() - oldest if oldest else None

    async def run(self) -> None:
        """Publish, mark, sweep and purge until cancelled. No error ends it: it backs off and goes on."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish_offered())
            tasks.create_task(self._mark_confirmed())
            tasks.create_task(self._sweep_now_and_then())
            tasks.create_task(self._ask_again_now_and_then())
            tasks.create_task(self._purge_now_and_then())

    async def publish_offered(self) -> None:
        """Publish and mark everything offered so far."""
        while self._offered:
            await self._publish(self._take())
            await self._mark()

    async def sweep(self, overdue: timedelta = OVERDUE) -> int:
        """Publish and mark whatever is unmarked for longer than `overdue`; how many could be published.

        Walks through all of them once, page by page, so rows that cannot be published now do not stand before others.
        """
        published, after = 0, None
        async with self._database.read() as tx:
            before = tx.wall() - overdue
        while True:
            async with self._database.read() as tx:
                page = await outbox.unpublished(tx, before, WINDOW, after)
            ours = [row.raw for row in page if row.raw.id not in self._in_hand]
            if ours:
                published += len(await self._publish(ours))
                await self._mark()
            if len(page) < WINDOW or self._pause:
                return published
            after = page[-1]

    async def ask_again(self) -> int:
        """Say every question again whose answer should have come by now; how many could be published."""
        async with self._database.begin() as tx:
            questions = await asking.repeats(tx)
        if not questions:
            return 0
        logger.warning("%d questions had no answer and are asked again", len(questions))
        published = await self._publish(questions)
        await self._mark()
        return len(published)

    async def purge(self) -> int:
        """Delete what was published more than 7 days ago, in chunks; how many."""
        total = 0
        while True:
            async with self._database.begin() as tx:
                deleted = await outbox.purge(tx)
            total += deleted
            if deleted < outbox.CHUNK:
                return total

    def _take(self) -> list[RawMessage]:
        return [self._offered.popleft() for _ in range(min(WINDOW, len(self._offered)))]

    async def _publish(self, batch: Sequence[RawMessage]) -> set[str]:
        """Publish one batch; on trouble everything in memory is let go of, because the rows are in the outbox."""
        ids = {raw.id for raw in batch}
        self._in_hand |= ids
        try:
            confirmed = await self._transport.publish(batch)
        except Exception as error:
            self._in_hand -= ids
            self._let_go(error)
            return set()
        self._in_hand -= ids - confirmed
        self._confirmed.extend(confirmed)
        self._pause = 0.0
        missing = len(ids) - len(confirmed)
        self._trouble = f"{missing} of {len(ids)} events were not confirmed by the transport" if missing else None
        if confirmed:
            self._to_mark.set()
        return confirmed

    def _let_go(self, error: Exception) -> None:
        self._pause = min(max(0.2, self._pause * 2), LONGEST_PAUSE)
        self._trouble = f"publishing fails: {type(error).__name__}: {error}"
        logger.warning("events wait in the outbox: %s", self._trouble)
        self._in_hand.difference_update(raw.id for raw in self._offered)
        self._offered.clear()

    async def _mark(self) -> None:
        """Mark what was confirmed, in one statement. When that fails the sweep publishes again: a duplicate."""
        ids, self._confirmed = self._confirmed, []
        if not ids:
            return
        try:
            async with self._database.begin() as tx:
                await outbox.mark_published(tx, ids)
        finally:
            self._in_hand.difference_update(ids)

    async def _publish_offered(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            # The next batch leaves while the last one is being marked.
            while self._offered:
                await self._publish(self._take())

    async def _mark_confirmed(self) -> None:
        while True:
            await self._to_mark.wait()
            # Nobody waits for a mark, and one statement marks many.
            await asyncio.sleep(MARK_EVERY)
            self._to_mark.clear()
            try:
                await self._mark()
            except Exception as error:
                logger.warning("published events could not be marked: %s: %s", type(error).__name__, error)
                await asyncio.sleep(SWEEP_EVERY)

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(max(SWEEP_EVERY, self._pause))
            try:
                await self.sweep()
            except Exception as error:
                self._pause = min(max(0.2, self._pause * 2), LONGEST_PAUSE)
                self._trouble = f"the outbox cannot be read: {type(error).__name__}: {error}"
                logger.warning("%s", self._trouble)

    async def _ask_again_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(max(ASK_EVERY, self._pause))
            try:
                await self.ask_again()
            except Exception as error:
                logger.warning("nothing could be asked again: %s: %s", type(error).__name__, error)

    async def _purge_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(PURGE_EVERY)
            try:
                await self.purge()
            except Exception as error:
                logger.warning("old events could not be purged: %s: %s", type(error).__name__, error)
