"""A window of messages to RabbitMQ in one write, and then all their confirms at once.

aio-pika publishes one message at a time, each with a task and a write to the socket of its own. Here a window becomes
one write on the channel below, reached through `get_underlay_channel`; what the broker answers goes the library's
usual way, through that channel's `confirmations`. `python -m tests.benchmarks.transport` shows both: less than a third
of the processor time for a message.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, cast

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from aiormq.exceptions import PublishError
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from skillscoop_messages.transport.base import RawMessage
from skillscoop_messages.transport.rabbitmq.connection import error_text

CONTENT_TYPE = "application/cloudevents+json"
PERSISTENT = 2


class Answers(NamedTuple):
    """What the broker said to a window: ids it has stored, and ids for which it found no queue.

    `trouble` says why it said nothing about the rest: it closed the channel, refused, or kept silent (`silent`).
    """

    stored: set[str]
    returned: set[str]
    trouble: str | None = None
    silent: bool = False


async def publish_window(
    opened: AbstractChannel, exchange: str, window: Sequence[RawMessage], wanted: Collection[str], patience: float
) -> Answers:
    """Publish persistently and wait for all confirms, for as long as one comes every `patience` seconds.

    Types in `wanted` are mandatory: without a queue they come back. Raises what a closed channel raises when nothing
    could be written.
    """
    channel = cast(Channel, await opened.get_underlay_channel())
    raws = {raw.id: raw for raw in window}
    frames = [
        frame for raw in raws.values() for frame in _frames(raw, exchange, raw.type in wanted, channel.max_content_size)
    ]
    payload = ChannelFrame.marshall(channel_number=channel.number, frames=frames)
    confirmations: dict[str, asyncio.Future[object]] = {}
    async with channel.lock:
        before = channel.delivery_tag
        for tag, id in enumerate(raws, before + 1):
            confirmations[id] = channel.confirmations[tag] = channel.create_future()
            channel.message_id_delivery_tag[id] = tag
        channel.delivery_tag = before + len(raws)
        try:
            async with asyncio.timeout(patience):
                await channel.write_queue.put(payload)
        except BaseException:
            # The broker counts what it gets, and it got nothing: these numbers are free again.
            channel.delivery_tag = before
            for tag, id in enumerate(raws, before + 1):
                channel.confirmations.pop(tag, None)
                channel.message_id_delivery_tag.pop(id, None)
            raise
    try:
        await _answered(confirmations.values(), patience)
    finally:
        for id in confirmations:
            channel.message_id_delivery_tag.pop(id, None)
    return _answers(confirmations, patience)


async def _answered(confirmations: Collection[asyncio.Future[object]], patience: float) -> None:
    """Return once all are answered, or none for `patience` seconds."""
    waiting: Collection[asyncio.Future[object]] = confirmations
    while waiting:
        done, still = await asyncio.wait(waiting, timeout=patience)
        if not done:
            return
        waiting = still


def _answers(confirmations: dict[str, asyncio.Future[object]], patience: float) -> Answers:
    stored, returned, unanswered = set(), set(), 0
    trouble: str | None = None
    for id, confirmation in confirmations.items():
        if not confirmation.done() or confirmation.cancelled():
            unanswered += 1
            continue
        error = confirmation.exception()
        if error is None:
            stored.add(id)
        elif isinstance(error, PublishError):
            returned.add(id)
        elif isinstance(error, DeliveryError):
            trouble = trouble or "the broker refuses messages"
        else:
            trouble = f"the broker closed the channel: {error_text(error)}"
    if unanswered:
        trouble = f"{unanswered} of {len(confirmations)} messages were not confirmed within {patience:g} s"
    return Answers(stored, returned, trouble, unanswered > 0)


def _frames(
    raw: RawMessage, exchange: str, mandatory: bool, largest: int
) -> Iterator[Frame | ContentHeader | ContentBody]:
    """The frames of one message; a body larger than the connection's frame is cut."""
    yield Basic.Publish(exchange=exchange, routing_key=raw.type, mandatory=mandatory)
    properties = Basic.Properties(
        content_type=CONTENT_TYPE,
        delivery_mode=PERSISTENT,
        message_id=raw.id,
        message_type=raw.type,
        headers={"subject": raw.subject},
    )
    yield ContentHeader(properties=properties, body_size=len(raw.body))
    for start in range(0, len(raw.body), largest):
        yield ContentBody(raw.body[start : start + largest])
