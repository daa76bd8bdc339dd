"""The exchange, queues and bindings at the broker: made where we may declare, looked for where we may only check."""

from collections.abc import Awaitable, Iterable
from typing import Literal, TypeVar

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from skillscoop_messages.errors import TopologyMismatch
from skillscoop_messages.transport.base import DEAD, Subscription
from skillscoop_messages.transport.names import exchange_name, queue_arguments, queue_name
from skillscoop_messages.transport.rabbitmq.connection import error_text

Topology = Literal["declare", "check"]
T = TypeVar("T")


async def prepare_exchange(channel: AbstractChannel, namespace: str, topology: Topology) -> None:
    """Declare the exchange, or check that it is there. Raises TopologyMismatch."""
    name = exchange_name(namespace)
    declare = channel.declare_exchange(name, "topic", durable=True, passive=topology == "check")
    await _declared(f"exchange {name}", declare)


async def prepare_queue(
    channel: AbstractChannel, subscription: Subscription, namespace: str, topology: Topology
) -> None:
    """Declare a queue, its dead queue and its bindings; or check that the queue is there. Raises TopologyMismatch."""
    name = queue_name(subscription.name, namespace)
    if topology == "check":
        await queue_length(channel, name)
        return
    for one in (name,) if name.endswith(DEAD) else (name + DEAD, name):
        declared = channel.declare_queue(one, durable=True, arguments={**queue_arguments(one)})
        await _declared(f"queue {one}", declared)
    queue = await channel.get_queue(name, ensure=False)
    for type in subscription.types:
        await _declared(f"exchange {exchange_name(namespace)}", queue.bind(exchange_name(namespace), type))


async def prepare(
    channel: AbstractChannel, subscriptions: Iterable[Subscription], namespace: str, topology: Topology
) -> None:
    """Prepare the exchange, and where we may declare all queues, so that nothing published before a start is lost."""
    await prepare_exchange(channel, namespace, topology)
    if topology == "declare":
        for subscription in subscriptions:
            await prepare_queue(channel, subscription, namespace, topology)


async def queue_length(channel: AbstractChannel, name: str) -> int:
    """How many messages are ready in a queue. Raises TopologyMismatch when it is not there."""
    queue = await _declared(f"queue {name}", channel.declare_queue(name, passive=True))
    return queue.declaration_result.message_count or 0


async def _declared(what: str, declaring: Awaitable[T]) -> T:
    """Wait for a declaration; the broker's refusal in words an operator can act on."""
    try:
        return await declaring
    except ChannelPreconditionFailed as error:
        raise TopologyMismatch(
            f"{what} exists with other arguments ({error_text(error)}); they cannot be changed in place: "
            "drain and delete it, or use another namespace"
        ) from error
    except ChannelNotFoundEntity as error:
        raise TopologyMismatch(
            f"{what} is missing; import definitions.json or start once with TOPOLOGY=declare"
        ) from error
