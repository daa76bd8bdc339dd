"""Runs the subscribers of a process on what its transport delivers."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import RowMapping, select

from skillscoop_messages import inbox, scheduled
from skillscoop_messages.consumer import suspects
from skillscoop_messages.consumer.delivered import DeliveredMessage, FailedMessage
from skillscoop_messages.consumer.subscriber import (
    Decode,
    Observe,
    Subscriber,
    handle_again,
    handle_message,
    ignore,
    tidy,
)
from skillscoop_messages.database import Database
from skillscoop_messages.envelope import decode
from skillscoop_messages.errors import Hold, MessageError, TransportError
from skillscoop_messages.tables import INBOX
from skillscoop_messages.transport.base import BATCH, DEAD, Cancel, RawMessage, Subscription, Transport
from skillscoop_messages.transport.waiting import finished, raise_if_cancelled

logger = logging.getLogger(__name__)

SET_ASIDE = 3
CONFLICTS = 5
PATIENCE = timedelta(minutes=10)
LONGEST_PAUSE = 5.0
WATCH_EVERY = 5.0
LOOKS_PER_PURGE = 720
MARKS_KEPT = timedelta(days=30)
SETTLE_SECONDS = 12.0
"""For how long batches in hand may be finished when the consumer stops."""


class _HandlerFailed(Exception):
    """Carries which message of a batch its handler failed on."""

    def __init__(self, message: DeliveredMessage, error: Exception) -> None:
        super().__init__(str(error))
        self.message = message
        self.error = error


class Consumer:
    """Runs the subscribers of one process on what the transport delivers.

    A batch is one transaction. When it fails, the message that failed is kept for later and the rest goes on, so one
    bad message neither blocks nor undoes others. When the database is away the batch stays in hand, unacknowledged.
    `observe(outcome, subscriber, count)` hears of `handled`, `duplicate`, `postponed`, `parked` and `dead`.
    """

    def __init__(
        self,
        database: Database,
        transport: Transport,
        subscribers: Sequence[Subscriber],
        subscriptions: Mapping[str, Subscription],
        *,
        decode: Decode = decode,
        postponed: Callable[[], None] = lambda: None,
        observe: Observe = ignore,
        patience: timedelta = PATIENCE,
    ) -> None:
        unknown = [one.name for one in subscribers if one.name not in subscriptions]
        if unknown:
            raise ValueError(f"subscribers without a subscription in the registry: {', '.join(sorted(unknown))}")
        self._database = database
        self._transport = transport
        self.subscribers = tuple(subscribers)
        self._subscriptions = subscriptions
        self._decode = decode
        self._postponed = postponed
        self._observe = observe
        self._patience = patience.total_seconds()
        self._away: dict[str, str] = {}
        self._caught_up_since: datetime | None = None
        self._stopping = False
        self._suspected = asyncio.Event()

    async def run(self) -> None:
        """Subscribe, then watch whether this process keeps up, until cancelled; batches in hand are finished then.

        Stopping takes at most 12 seconds: what is not finished by then is delivered again.
        """
        cancels: list[Cancel] = []
        self._stopping = False
        try:
            for subscriber in self.subscribers:
                subscription = self._subscriptions[subscriber.name]
                dead = Subscription(subscription.name + DEAD, (), subscription.money)
                cancels.append(await self._transport.subscribe(subscription, partial(self.take, subscriber)))
                cancels.append(await self._transport.subscribe(dead, partial(self.take_dead, subscriber)))
            for looks in itertools.count():
                await self.check_lag()
                if looks % LOOKS_PER_PURGE == 0:
                    await self.forget_old_marks()
                await self.try_suspects()
                # A library may have swallowed the cancellation that came while it was closing something.
                raise_if_cancelled()
                await self._wait_for_suspects(WATCH_EVERY)
        finally:
            self._stopping = True
            self._caught_up_since = None
            await finished(SETTLE_SECONDS, [asyncio.ensure_future(cancel()) for cancel in cancels])

    def trouble(self) -> str | None:
        """Why messages are not being handled just now, or None."""
        return next((f"{name}: {why}" for name, why in self._away.items()), None)

    def caught_up_since(self) -> datetime | None:
        """Since when (business time) this process is connected and not behind; None while it is not."""
        return self._caught_up_since

    async def check_lag(self) -> None:
        """Note whether all is well: connected, database there, no more waiting than one batch takes away."""
        try:
            ours = {one.name for one in self.subscribers}
            behind = any(count > BATCH for name, count in (await self._transport.backlog()).items() if name in ours)
            if self._transport.trouble() or self._away or behind:
                self._caught_up_since = None
            elif self._caught_up_since is None:
                async with self._database.read() as tx:
                    self._caught_up_since = tx.now()
        except Exception as error:
            self._caught_up_since = None
            logger.warning("cannot tell whether messages wait: %s", scheduled.error_text(error))

    async def forget_old_marks(self) -> int:
        """Delete inbox marks older than 30 days, except those of subscribers that move money; how many.

        That is well beyond anything that can still arrive: outbox rows live for 7 days, retries for one.
        """
        forgotten = 0
        for subscriber in self.subscribers:
            if self._subscriptions[subscriber.name].money:
                continue
            try:
                async with self._database.begin() as tx:
                    forgotten += await inbox.purge(tx, subscriber.name, tx.wall() - MARKS_KEPT)
            except Exception as error:
                logger.warning("old marks of %s stay: %s", subscriber.name, scheduled.error_text(error))
        return forgotten

    async def take(self, subscriber: Subscriber, raws: Sequence[RawMessage]) -> None:
        """Handle one delivered batch. Returning means every message took effect, was one before, or is kept for later.

        Raises Hold when the database stayed away for longer than a broker waits for an acknowledgement.
        """
        await self._insist(subscriber.name, partial(self._settle, subscriber, [tidy(raw) for raw in raws]))

    async def take_dead(self, subscriber: Subscriber, raws: Sequence[RawMessage]) -> None:
        """Keep what the transport itself gave up on, unless it did take effect, to be tried alone."""
        await self._insist(subscriber.name, partial(self._suspect, subscriber, [tidy(raw) for raw in raws]))
        self._suspected.set()

    async def _insist(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work; while the database does not let us, try again in here instead of giving the batch back.

        Giving it back in a loop would use up the broker's delivery limit within a second.
        """
        loop = asyncio.get_running_loop()
        give_back_at, pause = loop.time() + self._patience, 0.05
        while True:
            try:
                await work()
            except Exception as error:
                why = scheduled.error_text(error)
                if self._away.get(name) != why:
                    logger.warning("%s waits: %s", name, why)
                self._away[name] = why
                self._caught_up_since = None
                if self._stopping:
                    raise TransportError(f"{name} stops; {why}") from error
                if loop.time() + pause > give_back_at:
                    raise Hold(f"{name}: {why}", partial(self._database_back, name)) from error
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._away.pop(name, None)
                return

    async def _database_back(self, name: str) -> None:
        """Return once the database answers again."""
        pause = 0.1
        while True:
            try:
                async with self._database.begin() as tx:
                    await tx.all(select(INBOX.c.message_id).limit(1))
            except Exception as error:
                self._away[name] = scheduled.error_text(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._away.pop(name, None)
                return

    async def _settle(self, subscriber: Subscriber, raws: Sequence[RawMessage]) -> None:
        messages, failures = self._read(raws)
        suspects: list[DeliveredMessage] = []
        while messages:
            try:
                await self._handle_together(subscriber, messages)
                break
            except Exception as failed:
                culprit = failed.message if isinstance(failed, _HandlerFailed) else None
                error = failed.error if isinstance(failed, _HandlerFailed) else failed
                if self._database.is_away(error):
                    raise error from failed
                if culprit is None or self._database.is_conflict(error) or len(failures) + len(suspects) >= SET_ASIDE:
                    suspects += messages
                    break
                messages = [one for one in messages if one is not culprit]
                if isinstance(error, MessageError):
                    failures.append(_failure(culprit, error))
                else:
                    # A statement of the message before may fail only now, so the one we were at may be innocent.
                    suspects.append(culprit)
        failures += await self._handle_each(subscriber, suspects)
        if failures:
            await self._keep(subscriber, failures)

    def _read(self, raws: Sequence[RawMessage]) -> tuple[list[DeliveredMessage], list[FailedMessage]]:
        """Decode; by subject, so that batches lock roots in one order and one root's messages stand together."""
        messages: list[DeliveredMessage] = []
        failures: list[FailedMessage] = []
        for raw in sorted(raws, key=lambda one: one.subject):
            try:
                messages.append(DeliveredMessage(raw, self._decode(raw.body)))
            except Exception as error:
                failures.append(FailedMessage(raw, error))
        return messages, failures

    async def _handle_together(self, subscriber: Subscriber, messages: Sequence[DeliveredMessage]) -> None:
        async with self._database.begin() as tx:
            new = await inbox.first_times(tx, subscriber.name, [one.raw.id for one in messages])
            handled = len(new)
            for message in messages:
                first = message.raw.id in new
                new.discard(message.raw.id)
                try:
                    if first:
                        await handle_message(tx, subscriber, message.raw.id, message.envelope)
                    else:
                        await handle_again(tx, subscriber, message.envelope)
                except Exception as error:
                    raise _HandlerFailed(message, error) from error
        self._observe("handled", subscriber.name, handled)
        if handled < len(messages):
            self._observe("duplicate", subscriber.name, len(messages) - handled)

    async def _handle_each(self, subscriber: Subscriber, messages: Sequence[DeliveredMessage]) -> list[FailedMessage]:
        """One transaction for each; those that fail come back."""
        failures = []
        for message in messages:
            for conflict in range(CONFLICTS):
                try:
                    await self._handle_together(subscriber, [message])
                    break
                except Exception as failed:
                    error = failed.error if isinstance(failed, _HandlerFailed) else failed
                    if self._database.is_away(error):
                        raise error from failed
                    if not self._database.is_conflict(error) or conflict == CONFLICTS - 1:
                        failures.append(_failure(message, error))
                        break
                    await asyncio.sleep(0.01 * 2**conflict)
        return failures

    async def _keep(self, subscriber: Subscriber, failures: Sequence[FailedMessage]) -> None:
        """Store what failed, then it may be acknowledged: a poison message never blocks its queue."""
        parked = 0
        async with self._database.begin() as tx:
            for failure in failures:
                verdict = scheduled.judge(
                    failure.error,
                    subscriber.retry,
                    message_id=failure.raw.id,
                    attempts=0,
                    first_at=tx.wall(),
                    now=tx.wall(),
                    wall=tx.wall(),
                )
                parked += verdict.reason is not None
                text = scheduled.error_text(failure.error)
                await scheduled.postpone_message(
                    tx, subscriber.name, failure.raw, failure.correlation_id, verdict, text
                )
                logger.log(
                    logging.ERROR if verdict.reason else logging.WARNING,
                    "%s could not handle %s %s: %s",
                    subscriber.name,
                    failure.raw.type,
                    failure.raw.id,
                    text,
                )
        self._observe("postponed", subscriber.name, len(failures) - parked)
        self._observe("parked", subscriber.name, parked)
        self._postponed()

    async def _suspect(self, subscriber: Subscriber, raws: Sequence[RawMessage]) -> None:
        async with self._database.begin() as tx:
            ids = [raw.id for raw in raws]
            known = select(INBOX.c.message_id).where(INBOX.c.subscriber == subscriber.name, INBOX.c.message_id.in_(ids))
            done = {row["message_id"] for row in await tx.all(known)}
            for raw in raws:
                if raw.id not in done:
                    suspects.add(tx, subscriber.name, raw)
        logger.error("%s: %d messages came back from the broker's dead queue", subscriber.name, len(raws))
        self._observe("dead", subscriber.name, len(raws))

    async def try_suspects(self) -> int:
        """Try what the transport gave up on, each alone, or park it when its process died at every try; how many.

        Each try is written down before it begins, so a message that kills this process is found out.
        """
        tried = 0
        try:
            while (row := await self._next_suspect()) is not None:
                await self._try_alone(row)
                tried += 1
        except Exception as error:
            logger.warning("messages that came back wait: %s", scheduled.error_text(error))
        return tried

    async def _next_suspect(self) -> RowMapping | None:
        """The next one to try now, its try written down; those whose tries are used up are parked on the way."""
        names = [one.name for one in self.subscribers]
        while True:
            async with self._database.read() as tx:
                row = await suspects.due(tx, names)
            if row is None:
                return None
            used_up = row["attempts"] >= suspects.TRIES
            async with self._database.begin() as tx:
                ours = await (suspects.park(tx, row) if used_up else suspects.begin(tx, row))
            if ours and not used_up:
                return row
            if ours:
                logger.error("%s parks %s: its process died at every try", row["subscriber"], row["message_id"])
                self._observe("parked", row["subscriber"], 1)

    async def _try_alone(self, row: RowMapping) -> None:
        subscriber = next(one for one in self.subscribers if one.name == row["subscriber"])
        raw = RawMessage(row["message_id"], row["type"], row["subject"], bytes(row["body"]))
        messages, failures = self._read([raw])
        for message in messages:
            try:
                async with self._database.begin() as tx:
                    new = await suspects.take(tx, row) and await inbox.first_times(tx, subscriber.name, [raw.id])
                    if new:
                        await handle_message(tx, subscriber, raw.id, message.envelope)
                    else:
                        await handle_again(tx, subscriber, message.envelope)
                self._observe("handled" if new else "duplicate", subscriber.name, 1)
            except Exception as error:
                if self._database.is_away(error):
                    raise
                failures.append(_failure(message, error))
        if failures:
            # It did not kill us, so from here on it is a message like any other that failed.
            async with self._database.begin() as tx:
                await suspects.take(tx, row)
            await self._keep(subscriber, failures)

    async def _wait_for_suspects(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._suspected.wait()
        except TimeoutError:
            return
        self._suspected.clear()


def _failure(message: DeliveredMessage, error: Exception) -> FailedMessage:
    return FailedMessage(message.raw, error, message.envelope.correlation_id)
