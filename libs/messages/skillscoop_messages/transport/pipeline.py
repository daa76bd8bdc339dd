"""A window of messages to RabbitMQ in one write, and then all their confirms at once.

aiormq can publish only one message at a time, each in a task of its own and with its own write to the socket. Here a
window becomes one write; what the broker answers goes the library's usual way, through the channel's `confirmations`.
Measured with windows of 500: a third of the processor time per message.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from aiormq.exceptions import PublishError
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from skillscoop_messages.transport.base import Wire

CONTENT_TYPE = "application/cloudevents+json"
PERSISTENT = 2


class Answers(NamedTuple):
    """What the broker said to a window: ids it has stored, and ids for which it found no queue. The rest is unknown."""

    stored: set[str]
    returned: set[str]


async def publish_window(
    channel: Channel, exchange: str, window: Sequence[Wire], wanted: Collection[str], patience: float
) -> Answers:
    """Publish persistently and wait up to `patience` seconds for all confirms.

    Types in `wanted` are mandatory: without a queue they come back. Raises what a closed channel raises; after that
    nothing is known about the window.
    """
    wires = {wire.id: wire for wire in window}
    frames = [
        frame
        for wire in wires.values()
        for frame in _frames(wire, exchange, wire.type in wanted, channel.max_content_size)
    ]
    payload = ChannelFrame.marshall(channel_number=channel.number, frames=frames)
    confirmations: dict[str, asyncio.Future[object]] = {}
    async with channel.lock:
        before = channel.delivery_tag
        for tag, id in enumerate(wires, before + 1):
            confirmations[id] = channel.confirmations[tag] = channel.create_future()
            channel.message_id_delivery_tag[id] = tag
        channel.delivery_tag = before + len(wires)
        try:
            await channel.write_queue.put(payload)
        except BaseException:
            # The broker counts what it gets, and it got nothing: these numbers are free again.
            channel.delivery_tag = before
            for tag, id in enumerate(wires, before + 1):
                channel.confirmations.pop(tag, None)
                channel.message_id_delivery_tag.pop(id, None)
            raise
    try:
        await asyncio.wait(confirmations.values(), timeout=patience)
    finally:
        for id in confirmations:
            channel.message_id_delivery_tag.pop(id, None)
    stored, returned = set(), set()
    for id, confirmation in confirmations.items():
        if confirmation.done() and not confirmation.cancelled():
            error = confirmation.exception()
            if error is None:
                stored.add(id)
            elif isinstance(error, PublishError):
                returned.add(id)
    return Answers(stored, returned)


def _frames(wire: Wire, exchange: str, mandatory: bool, largest: int) -> Iterator[Frame | ContentHeader | ContentBody]:
    """The frames of one message; a body larger than the connection's frame is cut."""
    yield Basic.Publish(exchange=exchange, routing_key=wire.type, mandatory=mandatory)
    properties = Basic.Properties(
        content_type=CONTENT_TYPE,
        delivery_mode=PERSISTENT,
        message_id=wire.id,
        message_type=wire.type,
        headers={"subject": wire.subject},
    )
    yield ContentHeader(properties=properties, body_size=len(wire.body))
    for start in range(0, len(wire.body), largest):
        yield ContentBody(wire.body[start : start + largest])
