"""What the broker's client library costs: the same messages as before aio-pika, by aio-pika alone, and as we do it.

    uv run python -m tests.benchmarks.transport --messages 10000 --rounds 3

`aiormq` is the former way: the protocol layer alone, a window of 500 in one write, deliveries as they come from it.
`aio-pika` uses its public API alone, 500 publications at once. `transport` is RabbitTransport as services use it. All
wait for the broker's confirm of each message, acknowledge a hundred at once, and take turns, so that they see the same
machine. Processor time is this process's own, in microseconds for a message; the broker's is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar, cast

import aio_pika
import aiormq
import uvloop
from aio_pika.abc import AbstractChannel
from skillscoop_messages.transport.base import BATCH, RawMessage, Subscription
from skillscoop_messages.transport.names import exchange_name, queue_name
from skillscoop_messages.transport.rabbitmq import RabbitTransport
from skillscoop_messages.transport.rabbitmq.consuming import PREFETCH
from skillscoop_messages.transport.rabbitmq.publishing import CONTENT_TYPE, publish_window
from skillscoop_messages.transport.rabbitmq.transport import WINDOW

T = TypeVar("T")

TYPE = "benchmark.parcel.shipped.v1"
NAME = "benchmark.book_when_shipped"
SUBSCRIPTION = Subscription(NAME, (TYPE,))
BODY = b"x" * 900


class Cost(NamedTuple):
    """One leg of one round."""

    seconds: float
    processor: float


class Way(NamedTuple):
    """How to publish some messages, and how to take as many back, on the namespace's exchange and queue."""

    publish: Callable[[str, str, Sequence[RawMessage]], Awaitable[Cost]]
    consume: Callable[[str, str, int], Awaitable[Cost]]


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class _Watch:
    def __init__(self) -> None:
        self._since, self._processor = time.perf_counter(), _processor()

    def cost(self) -> Cost:
        """Since it was made."""
        return Cost(time.perf_counter() - self._since, _processor() - self._processor)


class _Bare(NamedTuple):
    """A channel of aiormq where the underlay of an aio-pika channel is asked for."""

    channel: Any

    async def get_underlay_channel(self) -> Any:
        """The channel itself."""
        return self.channel


def _windows(raws: Sequence[RawMessage]) -> list[Sequence[RawMessage]]:
    return [raws[start : start + WINDOW] for start in range(0, len(raws), WINDOW)]


async def _arrived(arrived: asyncio.Queue[T]) -> list[T]:
    batch = [await arrived.get()]
    while len(batch) < BATCH and not arrived.empty():
        batch.append(arrived.get_nowait())
    return batch


async def aiormq_publish(url: str, namespace: str, raws: Sequence[RawMessage]) -> Cost:
    """The former way: one write for a window."""
    connection = await aiormq.connect(url)
    channel = cast(AbstractChannel, _Bare(await connection.channel(on_return_raises=True)))
    watch = _Watch()
    for window in _windows(raws):
        answers = await publish_window(channel, exchange_name(namespace), window, {TYPE}, 30)
        assert len(answers.stored) == len(window)
    cost = watch.cost()
    await connection.close()
    return cost


async def aiormq_consume(url: str, namespace: str, count: int) -> Cost:
    """The former way: deliveries as the protocol layer makes them."""
    connection = await aiormq.connect(url)
    channel = await connection.channel(publisher_confirms=False)
    await channel.basic_qos(prefetch_count=PREFETCH)
    arrived: asyncio.Queue[Any] = asyncio.Queue()
    watch, taken = _Watch(), 0
    await channel.basic_consume(queue_name(NAME, namespace), arrived.put)
    while taken < count:
        batch = await _arrived(arrived)
        properties = [one.header.properties for one in batch]
        [
            RawMessage(one.message_id, one.message_type, one.headers["subject"], message.body)
            for one, message in zip(properties, batch, strict=True)
        ]
        await channel.basic_ack(batch[-1].delivery_tag, multiple=True, wait=False)
        taken += len(batch)
    cost = watch.cost()
    await connection.close()
    return cost


async def aio_pika_publish(url: str, namespace: str, raws: Sequence[RawMessage]) -> Cost:
    """The public API alone: as many publications at once as a window has."""
    connection = await aio_pika.connect(url)
    channel = await connection.channel(on_return_raises=True)
    exchange = await channel.get_exchange(exchange_name(namespace), ensure=False)
    watch = _Watch()
    for window in _windows(raws):
        await asyncio.gather(*(exchange.publish(_message(raw), raw.type, mandatory=True) for raw in window))
    cost = watch.cost()
    await connection.close()
    return cost


def _message(raw: RawMessage) -> aio_pika.Message:
    return aio_pika.Message(
        raw.body,
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=raw.id,
        type=raw.type,
        headers={"subject": raw.subject},
    )


async def aio_pika_consume(url: str, namespace: str, count: int) -> Cost:
    """The public API alone: its queue, its messages, its acknowledgement."""
    connection = await aio_pika.connect(url)
    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=PREFETCH)
    arrived: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()
    queue = await channel.get_queue(queue_name(NAME, namespace), ensure=False)
    watch, taken = _Watch(), 0
    await queue.consume(arrived.put)
    while taken < count:
        batch = await _arrived(arrived)
        [RawMessage(one.message_id or "", one.type or "", str(one.headers["subject"]), one.body) for one in batch]
        await batch[-1].ack(multiple=True)
        taken += len(batch)
    cost = watch.cost()
    await connection.close()
    return cost


@asynccontextmanager
async def _transport(url: str, namespace: str) -> AsyncIterator[RabbitTransport]:
    transport = RabbitTransport(url, (SUBSCRIPTION,), namespace)
    await transport.open()
    yield transport
    await transport.close()


async def transport_publish(url: str, namespace: str, raws: Sequence[RawMessage]) -> Cost:
    """As services do it."""
    async with _transport(url, namespace) as transport:
        watch = _Watch()
        assert len(await transport.publish(raws)) == len(raws)
        return watch.cost()


async def transport_consume(url: str, namespace: str, count: int) -> Cost:
    """As services do it."""
    async with _transport(url, namespace) as transport:
        taken, all_there = 0, asyncio.Event()

        async def take(batch: Sequence[RawMessage]) -> None:
            nonlocal taken
            taken += len(batch)
            if taken >= count:
                all_there.set()

        watch = _Watch()
        cancel = await transport.subscribe(SUBSCRIPTION, take)
        await all_there.wait()
        await cancel()
        return watch.cost()


WAYS = {
    "aiormq": Way(aiormq_publish, aiormq_consume),
    "aio-pika": Way(aio_pika_publish, aio_pika_consume),
    "transport": Way(transport_publish, transport_consume),
}


async def measure(url: str, messages: int, rounds: int) -> dict[tuple[str, str], list[Cost]]:
    """Every way, `rounds` times in turn, on a namespace of its own that is removed afterwards."""
    namespace = f"benchmark-{os.urandom(4).hex()}"
    found: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    async with _transport(url, namespace):
        try:
            for number in range(rounds):
                for name, way in WAYS.items():
                    raws = [RawMessage(f"{name}-{number}-{n}", TYPE, f"pcl_{n}", BODY) for n in range(messages)]
                    found["publish", name].append(await way.publish(url, namespace, raws))
                    found["consume", name].append(await way.consume(url, namespace, messages))
        finally:
            await _remove(url, namespace)
    return found


async def _remove(url: str, namespace: str) -> None:
    connection = await aio_pika.connect(url)
    channel = await connection.channel()
    for queue in (queue_name(NAME, namespace), queue_name(NAME, namespace) + ".dead"):
        await channel.queue_delete(queue)
    await channel.exchange_delete(exchange_name(namespace))
    await connection.close()


def table(found: dict[tuple[str, str], list[Cost]], messages: int) -> str:
    """Medians as a Markdown table."""
    lines = ["| | way | messages/s | processor µs per message |", "|---|---|---|---|"]
    for (leg, name), costs in sorted(found.items(), reverse=True):
        seconds = statistics.median(cost.seconds for cost in costs)
        processor = statistics.median(cost.processor for cost in costs)
        lines.append(f"| {leg} | {name} | {messages / seconds:,.0f} | {processor / messages * 1e6:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Run it and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--messages", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    url = os.environ.get("TEST_RABBITMQ_URL")
    uvloop.install()
    if url is None:
        sys.exit("give the broker's address in TEST_RABBITMQ_URL")
    found = asyncio.run(measure(url, given.messages, given.rounds))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    sys.stdout.write(f"{python}, aio-pika {aio_pika.__version__}, {given.messages} messages, {given.rounds} rounds\n\n")
    sys.stdout.write(table(found, given.messages) + "\n")


if __name__ == "__main__":
    main()
