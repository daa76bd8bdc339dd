"""Deliveries of one queue as batches, carefully where a message may have ended the process that had it before."""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue, ConsumerTag

from skillscoop_messages.errors import TransportError
from skillscoop_messages.transport.base import BATCH, BatchHandler, RawMessage
from skillscoop_messages.transport.rabbitmq.connection import ANSWER_TIMEOUT, error_text
from skillscoop_messages.transport.waiting import within

PREFETCH = 2 * BATCH
ALONE = 1


class Redelivered(Exception):
    """What was fetched ahead has to be given back: among it is a message that came back from somebody."""


class Deliveries:
    """What arrives on one channel, in batches of what has arrived by the time somebody asks.

    A message that comes for a second time may have killed the process that had it, and everything in hand at that
    moment counts one delivery more. So consuming begins with one message at a time, and goes on like that while
    messages come that were delivered before; many at once are fetched only after a message that was not.
    """

    def __init__(self, channel: AbstractChannel, queue: AbstractQueue) -> None:
        self._channel = channel
        self._queue = queue
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._tag: ConsumerTag | None = None
        self._settled = 0
        self._why = "the broker ended the consumer"
        self.many = False

    async def start(self) -> None:
        """Begin to consume one at a time. The end of channel and consumer are told like a message."""
        self._channel.close_callbacks.add(self._closed)
        underlay = await self._channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: self.end(self._why))
        await self._consume(ALONE)

    def end(self, why: str) -> None:
        """Nothing comes any more."""
        self._why = why
        self._arrived.put_nowait(None)

    async def work(self, handle: BatchHandler, stopped: asyncio.Event, settled: Callable[[], None]) -> None:
        """Hand over and acknowledge until `stopped`; `settled` is called after each batch.

        Raises TransportError when the channel or the consumer has ended, Redelivered when it must begin anew, and
        what `handle` raises.
        """
        while (batch := await self._next(stopped)) is not None:
            fresh = [message for message in batch if not message.redelivered]
            if not self.many:
                for message in batch:
                    await handle([wire_of(message)])
                    await self._acknowledge([message])
                if fresh:
                    await self._fetch_many()
            elif len(fresh) == len(batch):
                await handle([wire_of(message) for message in batch])
                await self._acknowledge(batch)
            else:
                if fresh:
                    await handle([wire_of(message) for message in fresh])
                    await self._acknowledge(fresh)
                raise Redelivered
            settled()

    async def _fetch_many(self) -> None:
        """How much is fetched ahead holds for new consumers only, so there has to be a new one."""
        if self._tag is not None:
            await within(ANSWER_TIMEOUT, self._queue.cancel(self._tag))
        await self._consume(PREFETCH)
        self.many = True

    async def _consume(self, ahead: int) -> None:
        await within(ANSWER_TIMEOUT, self._channel.set_qos(prefetch_count=ahead))
        self._tag = await within(ANSWER_TIMEOUT, self._queue.consume(self._arrived.put))

    async def _next(self, stopped: asyncio.Event) -> list[AbstractIncomingMessage] | None:
        """Wait for the first message, take up to 99 more that are there; None once stopped."""
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
            raise TransportError(self._why)
        return [message for message in batch if message is not None]

    async def _acknowledge(self, batch: Sequence[AbstractIncomingMessage]) -> None:
        """One acknowledgement for a batch without gaps, else one for each. On the channel they came by."""
        last = batch[-1].delivery_tag or 0
        if last - self._settled == len(batch):
            await within(ANSWER_TIMEOUT, batch[-1].ack(multiple=True))
        else:
            for message in batch:
                await within(ANSWER_TIMEOUT, message.ack())
        self._settled = last

    def _closed(self, _channel: object, error: BaseException | None) -> None:
        self.end(f"the channel was closed: {error_text(error)}" if error else "the channel was closed")


def wire_of(message: AbstractIncomingMessage) -> RawMessage:
    """A delivery as it travelled. Something foreign without an id gets one made of its bytes, so it can be parked."""
    identity = message.message_id or f"foreign-{sha256(message.body).hexdigest()[:32]}"
    # A dead letter arrives under another routing key; the property keeps the type.
    type = message.type or message.routing_key or ""
    return RawMessage(identity, type, str(message.headers.get("subject", "")), message.body)
