"""The one place where a message becomes an effect: decode, inbox, handler, commit, acknowledge."""

import asyncio
import itertools
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from skillscoop_messages import asking, inbox, later
from skillscoop_messages.context import Story, story
from skillscoop_messages.database import Database, Transaction
from skillscoop_messages.envelope import Envelope, decode
from skillscoop_messages.errors import Hold, MessageError, Permanent
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.retry import RetryPolicy
from skillscoop_messages.tables import INBOX
from skillscoop_messages.transport.base import BATCH, DEAD, Cancel, Subscription, Transport, Wire

__all__ = ["Consumer", "MessageHandler", "Observe", "RetryPolicy", "Subscriber", "handle_message", "ignore"]

logger = logging.getLogger(__name__)

MessageHandler = Callable[[Transaction, Envelope[Any]], Awaitable[None]]
Decode = Callable[[bytes], Envelope[Any]]
Observe = Callable[[str, str, int], None]

SET_ASIDE = 3
CONFLICTS = 5
PATIENCE = timedelta(minutes=10)
LONGEST_PAUSE = 5.0
WATCH_EVERY = 5.0
LOOKS_PER_PURGE = 720
MARKS_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Subscriber:
    """One function that reacts to messages. `name` is its queue and a key of the registry's SUBSCRIPTIONS.

    `handle` runs inside the transaction that also marks the message as handled; raising undoes both. A question that
    comes again has its known answers said again; `again` says what belongs to them beside those (`asking`).
    """

    name: str
    handle: MessageHandler
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    again: MessageHandler | None = None


@dataclass(frozen=True, slots=True)
class _Message:
    """A delivered message that could be read."""

    wire: Wire
    envelope: Envelope[Any]


@dataclass(frozen=True, slots=True)
class _Failure:
    """A delivered message that could not be handled."""

    wire: Wire
    error: Exception
    correlation_id: str | None = None


class _HandlerFailed(Exception):
    """Carries which message of a batch its handler failed on."""

    def __init__(self, message: _Message, error: Exception) -> None:
        super().__init__(str(error))
        self.message = message
        self.error = error


def ignore(_outcome: str, _subscriber: str, _count: int) -> None:
    """An observer that looks away."""


async def handle_message(tx: Transaction, subscriber: Subscriber, message_id: str, envelope: Envelope[Any]) -> None:
    """Call the handler as part of the message's story: what it records is caused by this message.

    Raises Permanent for a message that has no business in this queue, before anybody acts on it.
    """
    _check_place(subscriber, message_id, envelope)
    token = story.set(
        Story(
            correlation_id=envelope.correlation_id,
            causation_id=envelope.id,
            traceparent=envelope.traceparent,
        )
    )
    try:
        await subscriber.handle(tx, envelope)
    finally:
        story.reset(token)
    asking.hear(tx, subscriber.name, envelope)


async def _answer_again(tx: Transaction, subscriber: Subscriber, envelope: Envelope[Any]) -> None:
    """A message came that took effect before: where it is a question, its asker may have missed the answer."""
    if not asking.is_question(envelope.type):
        return
    await asking.answer_again(tx, envelope)
    if subscriber.again is not None:
        await subscriber.again(tx, envelope)


def _check_place(subscriber: Subscriber, message_id: str, envelope: Envelope[Any]) -> None:
    """A handler takes what its queue is for, said by the service it belongs to, under the id the inbox keeps."""
    if envelope.id != message_id:
        raise Permanent("the message has another id than its delivery")
    if envelope.source != f"/services/{envelope.type.partition('.')[0]}":
        raise Permanent(f"{envelope.type} was said by somebody else than its service")
    known = SUBSCRIPTIONS.get(subscriber.name)
    if known is not None and envelope.type not in known.types:
        raise Permanent(f"{subscriber.name} takes no {envelope.type}")


_NAME = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_UNSEEN = re.compile(r"[^\x20-\x7e]+")


def _tidy(wire: Wire) -> Wire:
    """The delivery with an id, type and subject that can be stored and stand in a path.

    Ours are left as they are; foreign ones come with whatever somebody liked, and are kept under a name made of their
    bytes.
    """
    if _NAME.fullmatch(wire.id) and _NAME.fullmatch(wire.type) and _NAME.fullmatch(wire.subject):
        return wire
    id = wire.id if _NAME.fullmatch(wire.id) else f"foreign-{sha256(wire.body).hexdigest()[:32]}"
    return Wire(id, _UNSEEN.sub(" ", wire.type)[:255], _UNSEEN.sub(" ", wire.subject)[:255], wire.body)


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
        self._subscribers = tuple(subscribers)
        self._subscriptions = subscriptions
        self._decode = decode
        self._postponed = postponed
        self._observe = observe
        self._patience = patience.total_seconds()
        self._away: dict[str, str] = {}
        self._calm_since: datetime | None = None

    async def run(self) -> None:
        """Subscribe, then watch whether this process keeps up, until cancelled; batches in hand are finished then."""
        cancels: list[Cancel] = []
        try:
            for subscriber in self._subscribers:
                subscription = self._subscriptions[subscriber.name]
                dead = Subscription(subscription.name + DEAD, (), subscription.money)
                cancels.append(await self._transport.subscribe(subscription, partial(self.take, subscriber)))
                cancels.append(await self._transport.subscribe(dead, partial(self.take_dead, subscriber)))
            for looks in itertools.count():
                await self.look_around()
                if looks % LOOKS_PER_PURGE == 0:
                    await self.forget_old_marks()
                await asyncio.sleep(WATCH_EVERY)
        finally:
            self._calm_since = None
            await asyncio.gather(*(cancel() for cancel in cancels), return_exceptions=True)

    def trouble(self) -> str | None:
        """Why messages are not being handled just now, or None."""
        return next((f"{name}: {why}" for name, why in self._away.items()), None)

    def calm_since(self) -> datetime | None:
        """Since when (business time) this process is connected and not behind; None while it is not."""
        return self._calm_since

    async def look_around(self) -> None:
        """Note whether all is well: connected, database there, no more waiting than one batch takes away."""
        try:
            ours = {one.name for one in self._subscribers}
            behind = any(count > BATCH for name, count in (await self._transport.backlog()).items() if name in ours)
            if self._transport.trouble() or self._away or behind:
                self._calm_since = None
            elif self._calm_since is None:
                async with self._database.read() as tx:
                    self._calm_since = tx.now()
        except Exception as error:
            self._calm_since = None
            logger.warning("cannot tell whether messages wait: %s", later.error_text(error))

    async def forget_old_marks(self) -> int:
        """Delete inbox marks older than 30 days, except those of subscribers that move money; how many.

        That is well beyond anything that can still arrive: outbox rows live for 7 days, retries for one.
        """
        forgotten = 0
        for subscriber in self._subscribers:
            if self._subscriptions[subscriber.name].money:
                continue
            try:
                async with self._database.begin() as tx:
                    forgotten += await inbox.purge(tx, subscriber.name, tx.wall() - MARKS_KEPT)
            except Exception as error:
                logger.warning("old marks of %s stay: %s", subscriber.name, later.error_text(error))
        return forgotten

    async def take(self, subscriber: Subscriber, wires: Sequence[Wire]) -> None:
        """Handle one delivered batch. Returning means every message took effect, was one before, or is kept for later.

        Raises Hold when the database stayed away for longer than a broker waits for an acknowledgement.
        """
        await self._insist(subscriber.name, partial(self._settle, subscriber, [_tidy(wire) for wire in wires]))

    async def take_dead(self, subscriber: Subscriber, wires: Sequence[Wire]) -> None:
        """Park what the transport itself gave up on, unless it did take effect."""
        await self._insist(subscriber.name, partial(self._park_dead, subscriber, [_tidy(wire) for wire in wires]))

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
                why = later.error_text(error)
                if self._away.get(name) != why:
                    logger.warning("%s waits: %s", name, why)
                self._away[name] = why
                self._calm_since = None
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
                self._away[name] = later.error_text(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._away.pop(name, None)
                return

    async def _settle(self, subscriber: Subscriber, wires: Sequence[Wire]) -> None:
        messages, failures = self._read(wires)
        suspects: list[_Message] = []
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

    def _read(self, wires: Sequence[Wire]) -> tuple[list[_Message], list[_Failure]]:
        """Decode; by subject, so that batches lock roots in one order and one root's messages stand together."""
        messages: list[_Message] = []
        failures: list[_Failure] = []
        for wire in sorted(wires, key=lambda one: one.subject):
            try:
                messages.append(_Message(wire, self._decode(wire.body)))
            except Exception as error:
                failures.append(_Failure(wire, error))
        return messages, failures

    async def _handle_together(self, subscriber: Subscriber, messages: Sequence[_Message]) -> None:
        async with self._database.begin() as tx:
            new = await inbox.first_times(tx, subscriber.name, [one.wire.id for one in messages])
            handled = len(new)
            for message in messages:
                first = message.wire.id in new
                new.discard(message.wire.id)
                try:
                    if first:
                        await handle_message(tx, subscriber, message.wire.id, message.envelope)
                    else:
                        await _answer_again(tx, subscriber, message.envelope)
                except Exception as error:
                    raise _HandlerFailed(message, error) from error
        self._observe("handled", subscriber.name, handled)
        if handled < len(messages):
            self._observe("duplicate", subscriber.name, len(messages) - handled)

    async def _handle_each(self, subscriber: Subscriber, messages: Sequence[_Message]) -> list[_Failure]:
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

    async def _keep(self, subscriber: Subscriber, failures: Sequence[_Failure]) -> None:
        """Store what failed, then it may be acknowledged: a poison message never blocks its queue."""
        parked = 0
        async with self._database.begin() as tx:
            for failure in failures:
                verdict = later.judge(
                    failure.error,
                    subscriber.retry,
                    message_id=failure.wire.id,
                    attempts=0,
                    first_at=tx.wall(),
                    now=tx.wall(),
                    wall=tx.wall(),
                )
                parked += verdict.reason is not None
                text = later.error_text(failure.error)
                await later.postpone_message(tx, subscriber.name, failure.wire, failure.correlation_id, verdict, text)
                logger.log(
                    logging.ERROR if verdict.reason else logging.WARNING,
                    "%s could not handle %s %s: %s",
                    subscriber.name,
                    failure.wire.type,
                    failure.wire.id,
                    text,
                )
        self._observe("postponed", subscriber.name, len(failures) - parked)
        self._observe("parked", subscriber.name, parked)
        self._postponed()

    async def _park_dead(self, subscriber: Subscriber, wires: Sequence[Wire]) -> None:
        async with self._database.begin() as tx:
            ids = [wire.id for wire in wires]
            known = select(INBOX.c.message_id).where(INBOX.c.subscriber == subscriber.name, INBOX.c.message_id.in_(ids))
            done = {row["message_id"] for row in await tx.all(known)}
            for wire in wires:
                if wire.id not in done:
                    verdict = later.Verdict(tx.wall(), 0, "delivery_limit")
                    text = "the broker gave up on it: the process may have died while handling it"
                    await later.postpone_message(tx, subscriber.name, wire, None, verdict, text)
        logger.error("%s: %d messages came back from the broker's dead queue", subscriber.name, len(wires))
        self._observe("dead", subscriber.name, len(wires))


def _failure(message: _Message, error: Exception) -> _Failure:
    return _Failure(message.wire, error, message.envelope.correlation_id)
