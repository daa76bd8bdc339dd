"""The transport over RabbitMQ: confirms in a pipeline, one channel and one batch at a time per subscriber.

It uses plain connections of aio-pika, not robust ones: what has to happen after a loss (declare again, begin with one
message at a time, say what is wrong) is decided here, in the open.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence

from aio_pika.abc import AbstractChannel

from skillscoop_messages.errors import Hold, TopologyMismatch, TransportError
from skillscoop_messages.transport.base import BatchHandler, Cancel, RawMessage, Subscription
from skillscoop_messages.transport.names import exchange_name, queue_name
from skillscoop_messages.transport.rabbitmq.connection import CLOSE_TIMEOUT, BrokerConnection, error_text
from skillscoop_messages.transport.rabbitmq.consuming import Deliveries, Redelivered
from skillscoop_messages.transport.rabbitmq.declaring import (
    Topology,
    prepare,
    prepare_exchange,
    prepare_queue,
    queue_length,
)
from skillscoop_messages.transport.rabbitmq.publishing import Answers, publish_window
from skillscoop_messages.transport.waiting import finished, first_of, quietly, raise_if_cancelled, stop

logger = logging.getLogger(__name__)

WINDOW = 500
PUBLISH_TIMEOUT = 10.0
DECLARE_TIMEOUT = 60.0
SETTLE_TIMEOUT = 10.0
WATCH_EVERY = 1.0
LOOKS_PER_CHECK = 5
LONGEST_PAUSE = 5.0
BLOCKED = "the broker is blocked by an alarm"


class RabbitTransport:
    """Publishes to one topic exchange and consumes one quorum queue per subscription.

    `subscriptions` are all the registry has: a message is mandatory where one of them binds its type, so a missing
    binding shows as an unconfirmed message instead of a loss. With topology `declare` all queues are declared when
    opening, so that what is published before a subscriber first starts waits for it, and again after any trouble that
    may come from their absence; with `check` the objects this process uses must exist, and `trouble` names those that
    are gone.
    """

    def __init__(
        self,
        url: str,
        subscriptions: Collection[Subscription],
        namespace: str = "",
        topology: Topology = "declare",
        *,
        publish_timeout: float = PUBLISH_TIMEOUT,
    ) -> None:
        self._subscriptions = tuple(subscriptions)
        self._namespace = namespace
        self._topology = topology
        self._publish_timeout = publish_timeout
        self._exchange = exchange_name(namespace)
        self._wanted = frozenset(type for subscription in subscriptions for type in subscription.types)
        self._publishing = BrokerConnection(url, "publish")
        self._consuming = BrokerConnection(url, "consume")
        self._channel: AbstractChannel | None = None
        self._prepared = False
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._blocked = False
        self._unroutable: set[str] = set()
        self._publish_trouble: str | None = None
        self._topology_trouble: str | None = None
        self._troubles: dict[str, str] = {}
        self._own: dict[str, Subscription] = {}

    async def open(self) -> None:
        """Connect, and declare or check the exchange and queues. Raises TopologyMismatch, or what connecting raises."""
        await self._publish_channel()
        self._start(self._watch())

    async def close(self) -> None:
        """Let go of batches in hand, which go back to their queues, and close both connections, within a limit."""
        await stop(CLOSE_TIMEOUT, self._tasks)
        await self._publishing.close()
        await self._consuming.close()
        self._channel = None

    async def publish(self, batch: Sequence[RawMessage]) -> set[str]:
        """Publish in windows of 500 with all confirms outstanding; the ids the broker has stored for every queue.

        A message without a queue, refused by the broker, or not confirmed within the timeout is left out. Raises
        TransportError, and `trouble` says why, when the broker could not be asked or confirmed nothing at all.
        """
        if self._blocked:
            raise TransportError(BLOCKED)
        try:
            channel = await self._publish_channel()
        except TransportError:
            raise
        except Exception as error:
            raise TransportError(f"no channel to the broker: {error_text(error)}") from error
        confirmed: set[str] = set()
        for start in range(0, len(batch), WINDOW):
            window = batch[start : start + WINDOW]
            answers = await self._publish_window(channel, window)
            confirmed |= answers.stored
            self._note_unroutable(window, answers)
            self._publish_trouble = answers.trouble
            if answers.trouble:
                await self._after_trouble(answers)
                if not confirmed:
                    raise TransportError(answers.trouble)
                break
        return confirmed

    async def subscribe(self, subscription: Subscription, handle: BatchHandler) -> Cancel:
        """Consume until cancelled, through any number of reconnections."""
        self._own[subscription.name] = subscription
        stopped = asyncio.Event()
        task = self._start(self._consume_for_ever(subscription, handle, stopped))

        async def cancel() -> None:
            stopped.set()
            try:
                await finished(SETTLE_TIMEOUT, (task,))
            finally:
                # What is still in hand goes back to its queue.
                task.cancel()
                self._own.pop(subscription.name, None)
                self._troubles.pop(subscription.name, None)

        return cancel

    async def backlog(self) -> dict[str, int]:
        """Messages ready in the queues this process consumes; what is delivered and unacknowledged is not counted.

        Raises TopologyMismatch when one is missing, TransportError or TimeoutError when the broker cannot be asked.
        """
        names = {name: queue_name(name, self._namespace) for name in tuple(self._own)}

        async def ask(channel: AbstractChannel) -> dict[str, int]:
            return {name: await queue_length(channel, queue) for name, queue in names.items()}

        return await self._consuming.control(ask)

    def trouble(self) -> str | None:
        """No connection, a blocked broker, missing objects, messages without a queue, or one that cannot consume."""
        if self._blocked:
            return BLOCKED
        if self._publishing.trouble or self._topology_trouble or self._publish_trouble:
            return self._publishing.trouble or self._topology_trouble or self._publish_trouble
        if self._unroutable:
            return f"no queue is bound for {', '.join(sorted(self._unroutable))}"
        return next(iter(self._troubles.values()), None)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _publish_window(self, channel: AbstractChannel, window: Sequence[RawMessage]) -> Answers:
        try:
            return await publish_window(channel, self._exchange, window, self._wanted, self._publish_timeout)
        except TimeoutError:
            return Answers(set(), set(), f"{len(window)} messages could not be sent", silent=True)
        except Exception as error:
            return Answers(set(), set(), f"the broker closed the channel: {error_text(error)}")

    async def _after_trouble(self, answers: Answers) -> None:
        """Begin anew with the next batch: another channel, all objects looked at again."""
        logger.error("%s", answers.trouble)
        channel, self._channel, self._prepared = self._channel, None, False
        if not answers.silent:
            if channel is not None and not channel.is_closed:
                await quietly(CLOSE_TIMEOUT, channel.close())
            return
        await self._look_at_block(WATCH_EVERY / 2)
        if not self._blocked:
            await self._publishing.give_up(answers.trouble or "the broker is silent")

    def _note_unroutable(self, window: Sequence[RawMessage], answers: Answers) -> None:
        if not answers.returned and not self._unroutable:
            return
        without_queue = {raw.type for raw in window if raw.id in answers.returned}
        for type in without_queue - self._unroutable:
            logger.error("no queue is bound for %s: its events stay in the outbox", type)
        if without_queue:
            self._prepared = False
        self._unroutable |= without_queue
        self._unroutable -= {raw.type for raw in window if raw.id in answers.stored} - without_queue

    async def _publish_channel(self) -> AbstractChannel:
        """The channel to publish on, once the objects at the broker are known to be there.

        Raises TopologyMismatch when they are not what they must be, and what connecting raises.
        """
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._prepared = False
                self._channel = await self._publishing.channel(confirms=True)
            if not self._prepared:
                await self._prepare()
            return self._channel

    async def _prepare(self) -> None:
        async def ask(channel: AbstractChannel) -> None:
            await prepare(channel, self._subscriptions, self._namespace, self._topology)

        try:
            await self._publishing.control(ask, DECLARE_TIMEOUT)
        except TopologyMismatch as error:
            if self._topology_trouble != str(error):
                logger.error("%s", error)
            self._topology_trouble = str(error)
            raise
        self._topology_trouble, self._prepared = None, True

    async def _watch(self) -> None:
        """Notice a blocked broker, a lost connection and a missing exchange even while nothing is published."""
        looks = 0
        while True:
            raise_if_cancelled()
            try:
                await self._look_at_block(WATCH_EVERY / 2)
                looks += 1
                if looks % LOOKS_PER_CHECK == 0 and not self._blocked:
                    await self._look_at_topology()
            except TopologyMismatch:
                pass  # It has been logged, and `trouble` names it.
            except Exception as error:
                logger.warning("the broker cannot be looked at: %s", error_text(error))
            await asyncio.sleep(WATCH_EVERY)

    async def _look_at_block(self, seconds: float) -> None:
        """The client library only lets us wait until the broker takes messages again, so look whether we would."""
        self._blocked = await self._publishing.blocked(seconds)

    async def _look_at_topology(self) -> None:
        """Where the exchange is gone, declare everything again or say that it is missing."""
        if self._prepared and self._publishing.open:
            try:
                await self._publishing.control(lambda one: prepare_exchange(one, self._namespace, "check"))
                return
            except TopologyMismatch as error:
                logger.error("%s", error)
                self._prepared = False
        await self._publish_channel()

    async def _consume_for_ever(self, subscription: Subscription, handle: BatchHandler, stopped: asyncio.Event) -> None:
        pause = 0.1

        def settled() -> None:
            nonlocal pause
            pause = 0.1

        while not stopped.is_set():
            gone: Callable[[], Awaitable[None]] | None = None
            again = False
            try:
                await self._consume(subscription, handle, stopped, settled)
            except Redelivered:
                again = True
            except Hold as hold:
                gone = hold.gone
                self._troubles[subscription.name] = str(hold)
            except Exception as error:
                self._troubles[subscription.name] = f"{subscription.name}: {error_text(error)}"
                logger.warning("%s will consume again: %s", subscription.name, error_text(error))
            raise_if_cancelled()
            if gone is not None:
                await first_of(gone(), stopped.wait())
            elif not again and not stopped.is_set():
                await first_of(asyncio.sleep(pause), stopped.wait())
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _consume(
        self, subscription: Subscription, handle: BatchHandler, stopped: asyncio.Event, settled: Callable[[], None]
    ) -> None:
        """Consume on a channel of its own until it ends. What is unacknowledged then goes back to the queue."""
        name = queue_name(subscription.name, self._namespace)

        async def declare(channel: AbstractChannel) -> None:
            if self._topology == "declare":
                await prepare_exchange(channel, self._namespace, self._topology)
            await prepare_queue(channel, subscription, self._namespace, self._topology)

        await self._consuming.control(declare)
        channel = await self._consuming.channel()
        deliveries = Deliveries(channel, await channel.get_queue(name, ensure=False))
        forget = self._consuming.when_lost(lambda: deliveries.end("the connection was closed"))
        try:
            await deliveries.start()
            self._troubles.pop(subscription.name, None)
            await deliveries.work(handle, stopped, settled)
        finally:
            forget()
            if not channel.is_closed:
                await quietly(CLOSE_TIMEOUT, channel.close())
