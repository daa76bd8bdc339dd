"""The post over RabbitMQ: confirms in a pipeline, one channel and one batch at a time per subscriber.

It stands on aiormq, the protocol layer below aio-pika: half the processor time per message, one acknowledgement for a
batch, and reconnecting in the open instead of behind the back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from functools import partial
from hashlib import sha256
from typing import Literal, cast

import aiormq
from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.channel import Channel
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from skillscoop_messages.errors import Hold, TopologyMismatch, TransportError
from skillscoop_messages.transport.base import BATCH, DEAD, BatchHandler, Cancel, Subscription, Wire
from skillscoop_messages.transport.names import exchange_name, queue_arguments, queue_name
from skillscoop_messages.transport.pipeline import Answers, publish_window

logger = logging.getLogger(__name__)

Topology = Literal["declare", "check"]

WINDOW = 500
PREFETCH = 2 * BATCH
PUBLISH_TIMEOUT = 10.0
CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 30.0
CLOSE_TIMEOUT = 5.0
WATCH_EVERY = 1.0
LONGEST_PAUSE = 5.0


class RabbitTransport:
    """Publishes to one topic exchange and consumes one quorum queue per subscription.

    `subscriptions` are all the registry has: a message is mandatory where one of them binds its type, so a missing
    binding shows as an unconfirmed message instead of a loss. With topology `declare` all queues are declared when
    opening, so that what is published before a subscriber first starts waits for it; with `check` the objects this
    process uses must exist.
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
        self._url = url
        self._subscriptions = tuple(subscriptions)
        self._namespace = namespace
        self._topology = topology
        self._publish_timeout = publish_timeout
        self._exchange = exchange_name(namespace)
        self._wanted = frozenset(type for subscription in subscriptions for type in subscription.types)
        self._publishing = _Line(url, "publish")
        self._consuming = _Line(url, "consume")
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._blocked = False
        self._unroutable: set[str] = set()
        self._troubles: dict[str, str] = {}
        self._own: dict[str, Subscription] = {}

    async def open(self) -> None:
        """Connect, and declare or check the exchange and queues. Raises TopologyMismatch, or what connecting raises."""
        channel = await self._publish_channel()
        await self._prepare_exchange(channel)
        if self._topology == "declare":
            for subscription in self._subscriptions:
                await self._prepare_queue(channel, subscription)
        self._start(self._watch_block())

    async def close(self) -> None:
        """Let go of batches in hand, which go back to their queues, and close both connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._publishing.close()
        await self._consuming.close()
        self._channel = None

    async def publish(self, batch: Sequence[Wire]) -> set[str]:
        """Publish in windows of 500 with all confirms outstanding; the ids the broker has stored for every queue.

        A message without a queue, refused by the broker, or not confirmed within the timeout is left out.
        """
        if self._blocked:
            raise TransportError("the broker is blocked by an alarm")
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                channel = await self._publish_channel()
        except Exception as error:
            raise TransportError(f"no connection to the broker: {_text(error)}") from error
        confirmed: set[str] = set()
        for start in range(0, len(batch), WINDOW):
            window = batch[start : start + WINDOW]
            answers = await self._publish_window(channel, window)
            confirmed |= answers.stored
            self._note_unroutable(window, answers)
            if self._blocked or channel.is_closed:
                break
        return confirmed

    async def subscribe(self, subscription: Subscription, handle: BatchHandler) -> Cancel:
        """Consume until cancelled, through any number of reconnections."""
        self._own[subscription.name] = subscription
        stopped = asyncio.Event()
        task = self._start(self._consume_for_ever(subscription, handle, stopped))

        async def cancel() -> None:
            stopped.set()
            await asyncio.gather(task, return_exceptions=True)
            self._own.pop(subscription.name, None)
            self._troubles.pop(subscription.name, None)

        return cancel

    async def backlog(self) -> dict[str, int]:
        """Messages ready in the queues this process consumes; what is delivered and unacknowledged is not counted."""
        channel: Channel | None = None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                connection = await self._consuming.connected()
                channel = cast(Channel, await connection.channel(publisher_confirms=False))
                found = {}
                for name in tuple(self._own):
                    answer = await channel.queue_declare(queue_name(name, self._namespace), passive=True)
                    found[name] = answer.message_count or 0
                return found
        finally:
            await _close_quietly(channel)

    def trouble(self) -> str | None:
        """No connection, a blocked broker, messages without a queue, or a subscription that cannot consume."""
        if self._blocked:
            return "the broker is blocked by an alarm"
        if self._publishing.trouble:
            return self._publishing.trouble
        if self._unroutable:
            return f"no queue is bound for {', '.join(sorted(self._unroutable))}"
        return next(iter(self._troubles.values()), None)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _publish_window(self, channel: Channel, window: Sequence[Wire]) -> Answers:
        try:
            # Waiting for the confirms ends by itself; writing to a connection that is dying may not.
            async with asyncio.timeout(self._publish_timeout + ANSWER_TIMEOUT):
                return await publish_window(channel, self._exchange, window, self._wanted, self._publish_timeout)
        except (aiormq.AMQPError, TimeoutError) as error:
            logger.warning("%d events are not confirmed: %s", len(window), _text(error))
            await self._publishing.close()
            return Answers(set(), set())

    def _note_unroutable(self, window: Sequence[Wire], answers: Answers) -> None:
        if not answers.returned and not self._unroutable:
            return
        without_queue = {wire.type for wire in window if wire.id in answers.returned}
        for type in without_queue - self._unroutable:
            logger.error("no queue is bound for %s: its events stay in the outbox", type)
        self._unroutable |= without_queue
        self._unroutable -= {wire.type for wire in window if wire.id in answers.stored} - without_queue

    async def _publish_channel(self) -> Channel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                connection = await self._publishing.connected()
                self._channel = cast(Channel, await connection.channel(on_return_raises=True))
            return self._channel

    async def _watch_block(self) -> None:
        """Keep `_blocked` true: the protocol layer only lets us wait until the broker takes messages again."""
        while True:
            connection = self._publishing.connection
            if connection is not None and not connection.is_closed:
                try:
                    async with asyncio.timeout(WATCH_EVERY / 2):
                        await connection.ready()
                    self._blocked = False
                except TimeoutError:
                    self._blocked = True
            else:
                self._blocked = False
            await asyncio.sleep(WATCH_EVERY)

    async def _prepare_exchange(self, channel: Channel) -> None:
        name = self._exchange
        await _declared(
            f"exchange {name}",
            lambda: channel.exchange_declare(
                name, exchange_type="topic", durable=True, passive=self._topology == "check"
            ),
        )

    async def _prepare_queue(self, channel: Channel, subscription: Subscription) -> None:
        """Declare a queue, its dead queue and its bindings; or check that the queue is there."""
        name = queue_name(subscription.name, self._namespace)
        if self._topology == "check":
            await _declared(f"queue {name}", lambda: channel.queue_declare(name, passive=True))
            return
        for queue in (name,) if name.endswith(DEAD) else (name + DEAD, name):
            await _declared(
                f"queue {queue}",
                partial(channel.queue_declare, queue, durable=True, arguments={**queue_arguments(queue)}),
            )
        for type in subscription.types:
            await channel.queue_bind(name, self._exchange, type)

    async def _consume_for_ever(self, subscription: Subscription, handle: BatchHandler, stopped: asyncio.Event) -> None:
        pause = 0.1
        while not stopped.is_set():
            channel: Channel | None = None
            gone: Callable[[], Awaitable[None]] | None = None
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    connection = await self._consuming.connected()
                    channel = cast(Channel, await connection.channel(publisher_confirms=False))
                    await self._prepare_queue(channel, subscription)
                    batches = _Batches(channel)
                    await batches.start(queue_name(subscription.name, self._namespace))
                self._troubles.pop(subscription.name, None)
                while (batch := await batches.next(stopped)) is not None:
                    await handle([_wire(message) for message in batch])
                    # On the channel they came by: tags mean nothing on another one.
                    await channel.basic_ack(batch[-1].delivery_tag or 0, multiple=True, wait=False)
                    pause = 0.1
            except Hold as hold:
                gone = hold.gone
                self._troubles[subscription.name] = str(hold)
            except Exception as error:
                self._troubles[subscription.name] = f"{subscription.name}: {_text(error)}"
                logger.warning("%s will consume again: %s", subscription.name, _text(error))
            finally:
                await _close_quietly(channel)
            if gone is not None:
                await gone()
            elif not stopped.is_set():
                try:
                    async with asyncio.timeout(pause):
                        await stopped.wait()
                except TimeoutError:
                    pause = min(pause * 2, LONGEST_PAUSE)


class _Line:
    """One connection that is made again when somebody needs it and it is gone."""

    def __init__(self, url: str, purpose: str) -> None:
        self._url = url
        self._purpose = purpose
        self._connecting = asyncio.Lock()
        self.connection: AbstractConnection | None = None
        self.trouble: str | None = None

    async def connected(self) -> AbstractConnection:
        """The open connection. Raises what connecting raises, within 10 seconds."""
        async with self._connecting:
            if self.connection is None or self.connection.is_closed:
                try:
                    async with asyncio.timeout(CONNECT_TIMEOUT):
                        self.connection = await aiormq.connect(
                            self._url, client_properties={"connection_name": f"skillscoop-{self._purpose}"}
                        )
                except Exception as error:
                    self.trouble = f"no connection to the broker ({self._purpose}): {_text(error)}"
                    raise
                self.trouble = None
            return self.connection

    async def close(self) -> None:
        """Close it, if it is open."""
        connection, self.connection = self.connection, None
        if connection is not None and not connection.is_closed:
            await _within(CLOSE_TIMEOUT, connection.close())


class _Batches:
    """What arrives on one channel, in batches of what has arrived by the time somebody asks."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._arrived: asyncio.Queue[DeliveredMessage | None] = asyncio.Queue()

    async def start(self, queue: str) -> None:
        """Begin to consume. The end of the channel, and the broker ending the consumer, are told like a message."""
        await self._channel.basic_qos(prefetch_count=PREFETCH)
        self._channel.closing.add_done_callback(lambda _: self._arrived.put_nowait(None))
        self._channel.on_consumer_cancel_callbacks.add(self._cancelled)
        await self._channel.basic_consume(queue, self._arrived.put)

    async def next(self, stopped: asyncio.Event) -> list[DeliveredMessage] | None:
        """Wait for the first message, take up to 99 more that are there; None once stopped.

        Raises TransportError when the channel or the consumer has ended.
        """
        if stopped.is_set():
            return None
        arrival = asyncio.ensure_future(self._arrived.get())
        stop = asyncio.ensure_future(stopped.wait())
        try:
            await asyncio.wait((arrival, stop), return_when=asyncio.FIRST_COMPLETED)
            if not arrival.done():
                return None
            batch = [arrival.result()]
        finally:
            arrival.cancel()
            stop.cancel()
        while len(batch) < BATCH and not self._arrived.empty():
            batch.append(self._arrived.get_nowait())
        if any(message is None for message in batch):
            raise TransportError("the broker ended the consumer or the channel")
        return [message for message in batch if message is not None]

    def _cancelled(self, _: object) -> None:
        self._arrived.put_nowait(None)


async def _declared(what: str, declare: Callable[[], Awaitable[object]]) -> None:
    """Run a declaration; the broker's refusal in words an operator can act on."""
    try:
        await declare()
    except ChannelPreconditionFailed as error:
        raise TopologyMismatch(
            f"{what} exists with other arguments ({_text(error)}); they cannot be changed in place: "
            "drain and delete it, or use another namespace"
        ) from error
    except ChannelNotFoundEntity as error:
        raise TopologyMismatch(
            f"{what} is missing; import definitions.json or start once with TOPOLOGY=declare"
        ) from error


async def _close_quietly(channel: Channel | None) -> None:
    if channel is not None and not channel.is_closed:
        await _within(CLOSE_TIMEOUT, channel.close())


async def _within(seconds: float, closing: Awaitable[None]) -> None:
    """Close something that may be dead already; whatever it says, we are done with it."""
    try:
        async with asyncio.timeout(seconds):
            await closing
    except Exception as error:
        logger.debug("closed without an answer: %s", _text(error))


def _wire(message: DeliveredMessage) -> Wire:
    """A delivery as a wire. Something foreign without an id gets one made of its bytes, so it can be parked."""
    properties = message.header.properties
    subject = (properties.headers or {}).get("subject", "")
    identity = properties.message_id or f"foreign-{sha256(message.body).hexdigest()[:32]}"
    # A dead letter arrives under another routing key; the property keeps the type.
    type = properties.message_type or message.routing_key or ""
    return Wire(identity, type, str(subject), message.body)


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
