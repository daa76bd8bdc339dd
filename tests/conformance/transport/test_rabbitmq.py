"""What only a broker can do to us: restart, block, refuse a declaration, give a message up."""

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiormq
import pytest
from skillscoop_messages.errors import TopologyMismatch, TransportError
from skillscoop_messages.transport.base import DEAD, Subscription
from skillscoop_messages.transport.names import DELIVERY_LIMIT, exchange_name, queue_name
from skillscoop_messages.transport.rabbitmq import RabbitTransport, Topology
from skillscoop_messages.transport.rabbitmq import transport as rabbitmq

from tests.conformance.messaging_fixtures import (
    BOOKING,
    MOURNING,
    SUBSCRIPTIONS,
    Lost,
    Mailbox,
    Shipped,
    eventually,
    raws,
)
from tests.support.servers.private import PrivateRabbit, program

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def broker() -> Iterator[PrivateRabbit]:
    """A broker of our own, for this file to stop, kill and fill."""
    if program("rabbitmq-server") is None:
        pytest.skip("a broker to break must be a private one, and RabbitMQ's programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="mq-", dir=os.environ["SKILLSCOOP_TEST_RUN"]))
    folder.chmod(0o755)
    private = PrivateRabbit(folder / "node").create()
    yield private
    private.stop()


@pytest.fixture
def namespace() -> str:
    """Queues of this test's own."""
    return f"t{uuid.uuid4().hex[:8]}"


class Makes:
    """Opens transports on the private broker and closes them at the end."""

    def __init__(self, broker: PrivateRabbit, namespace: str) -> None:
        self.broker, self.namespace = broker, namespace
        self.made: list[RabbitTransport] = []

    async def __call__(self, topology: Topology = "declare", publish_timeout: float = 10.0) -> RabbitTransport:
        transport = RabbitTransport(
            self.broker.url, SUBSCRIPTIONS.values(), self.namespace, topology, publish_timeout=publish_timeout
        )
        self.made.append(transport)
        await transport.open()
        return transport


@pytest.fixture
async def opened(broker: PrivateRabbit, namespace: str) -> AsyncIterator[Makes]:
    """Opens transports."""
    makes = Makes(broker, namespace)
    yield makes
    for transport in makes.made:
        await transport.close()


async def amqp(broker: PrivateRabbit) -> aiormq.abc.AbstractChannel:
    """A channel of an operator's own."""
    connection = await aiormq.connect(broker.url)
    return await connection.channel()


async def test_consuming_and_publishing_go_on_after_the_broker_restarts(broker: PrivateRabbit, opened: Makes) -> None:
    transport = await opened()
    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    before = raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(300)))
    stored = await transport.publish(before)
    await asyncio.to_thread(broker.kill)

    async def noticed() -> bool:
        return transport.trouble() is not None

    await eventually(noticed)
    await asyncio.to_thread(broker.start)

    after = raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(300, 310)))

    async def published() -> bool:
        try:
            return await transport.publish(after) == {raw.id for raw in after}
        except Exception:
            return False

    await eventually(published, within=60)
    await mailbox.holds([*stored, *(raw.id for raw in after)], within=60)

    async def healthy() -> bool:
        return transport.trouble() is None

    await eventually(healthy)


async def test_a_backlog_from_before_the_restart_is_drained(broker: PrivateRabbit, opened: Makes) -> None:
    transport = await opened()
    stored = await transport.publish(raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(1200))))
    assert len(stored) == 1200
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.start)

    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)

    await mailbox.holds(sorted(stored), within=60)


async def test_a_broker_blocked_by_an_alarm_is_trouble_and_loses_nothing(broker: PrivateRabbit, opened: Makes) -> None:
    transport = await opened(publish_timeout=1.0)
    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    await transport.publish(raws(Shipped(parcel_id="pcl_0")))
    await asyncio.to_thread(broker.ctl, "set_vm_memory_high_watermark", "absolute", "1")
    sent = raws(Shipped(parcel_id="pcl_1"))
    unconfirmed = 0
    try:

        async def blocked() -> bool:
            nonlocal unconfirmed
            try:
                unconfirmed += sent[0].id not in await transport.publish(sent)
            except Exception:
                unconfirmed += 1
            return transport.trouble() == "the broker is blocked by an alarm"

        await eventually(blocked, within=30)
    finally:
        await asyncio.to_thread(broker.ctl, "set_vm_memory_high_watermark", "0.4")

    async def published() -> bool:
        try:
            return await transport.publish(sent) == {sent[0].id}
        except Exception:
            return False

    await eventually(published, within=30)
    assert unconfirmed
    assert transport.trouble() is None
    await mailbox.holds([sent[0].id])


async def test_a_message_whose_queue_is_not_bound_stays_unconfirmed_and_is_named(
    broker: PrivateRabbit, opened: Makes, namespace: str
) -> None:
    transport = await opened()
    operator = await amqp(broker)
    for name in (BOOKING, MOURNING):
        await operator.queue_unbind(queue_name(name, namespace), exchange_name(namespace), Lost.type)
    lost, shipped = raws(Lost(parcel_id="pcl_1"), Shipped(parcel_id="pcl_2"))

    assert await transport.publish([lost, shipped]) == {shipped.id}
    assert transport.trouble() == f"no queue is bound for {Lost.type}"

    await operator.queue_bind(queue_name(BOOKING, namespace), exchange_name(namespace), Lost.type)
    assert await transport.publish([lost]) == {lost.id}
    assert transport.trouble() is None
    await operator.connection.close()


async def test_a_queue_declared_with_other_arguments_stops_the_start_with_its_name(
    broker: PrivateRabbit, opened: Makes, namespace: str
) -> None:
    operator = await amqp(broker)
    name = queue_name(BOOKING, namespace)
    await operator.queue_declare(name, durable=True, arguments={"x-queue-type": "classic"})
    await operator.connection.close()

    with pytest.raises(TopologyMismatch, match=f"queue {name} exists with other arguments"):
        await opened()


async def test_checking_a_missing_exchange_or_queue_says_what_is_missing(
    broker: PrivateRabbit, opened: Makes, namespace: str
) -> None:
    with pytest.raises(TopologyMismatch, match=r"exchange .* is missing"):
        await opened(topology="check")

    operator = await amqp(broker)
    await operator.exchange_declare(exchange_name(namespace), exchange_type="topic", durable=True)
    await operator.connection.close()
    transport = await opened(topology="check")
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], Mailbox())

    async def told() -> bool:
        return f"queue {queue_name(BOOKING, namespace)} is missing" in (transport.trouble() or "")

    await eventually(told)


async def test_checking_finds_what_another_process_declared(opened: Makes) -> None:
    await opened()
    checking = await opened(topology="check")
    mailbox = Mailbox()
    await checking.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    sent = raws(Shipped(parcel_id="pcl_1"))

    assert await checking.publish(sent) == {sent[0].id}
    await mailbox.holds([sent[0].id])


async def test_a_deleted_queue_is_declared_again_and_consumed(
    broker: PrivateRabbit, opened: Makes, namespace: str
) -> None:
    transport = await opened()
    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    operator = await amqp(broker)
    await operator.queue_delete(queue_name(BOOKING, namespace))
    await operator.connection.close()
    sent = raws(Shipped(parcel_id="pcl_1"))

    async def arrived() -> bool:
        await transport.publish(sent)
        return sent[0].id in mailbox.ids()

    await eventually(arrived)


async def deleted(broker: PrivateRabbit, namespace: str, *, queues: bool = True, exchange: bool = True) -> None:
    """An operator deletes what is ours on the broker."""
    operator = await amqp(broker)
    for name in SUBSCRIPTIONS if queues else ():
        await operator.queue_delete(queue_name(name, namespace))
        await operator.queue_delete(queue_name(name, namespace) + DEAD)
    if exchange:
        await operator.exchange_delete(exchange_name(namespace))
    await operator.connection.close()


async def bound(broker: PrivateRabbit, namespace: str) -> bool:
    """Whether the exchange leads to every queue of ours."""
    listed = await asyncio.to_thread(broker.ctl, "list_bindings", "source_name", "destination_name")
    found = {tuple(line.split("\t")) for line in listed.splitlines()}
    return {(exchange_name(namespace), queue_name(name, namespace)) for name in SUBSCRIPTIONS} <= found


@pytest.mark.parametrize("queues", [False, True], ids=["the exchange", "the exchange and every queue"])
async def test_what_is_deleted_while_we_run_is_an_error_and_is_made_again(
    broker: PrivateRabbit, opened: Makes, namespace: str, queues: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a process that may declare and has not looked yet, when its exchange (and every queue) is deleted, then
    publishing says that the channel was closed, and the next try finds all of it made again."""
    monkeypatch.setattr(rabbitmq, "LOOKS_PER_CHECK", 1_000_000)
    transport = await opened()
    await transport.publish(raws(Shipped(parcel_id="pcl_0")))
    await deleted(broker, namespace, queues=queues)
    lost = raws(Lost(parcel_id="pcl_1"))

    with pytest.raises(TransportError, match=r"the broker closed the channel: .*no exchange"):
        await transport.publish(lost)
    assert "no exchange" in (transport.trouble() or "")

    assert await transport.publish(lost) == {lost[0].id}
    assert transport.trouble() is None
    for name in (BOOKING, MOURNING):
        mailbox = Mailbox()
        await transport.subscribe(SUBSCRIPTIONS[name], mailbox)
        await mailbox.holds([lost[0].id])


async def test_an_exchange_that_is_deleted_is_made_again_before_anybody_publishes(
    broker: PrivateRabbit, opened: Makes, namespace: str
) -> None:
    """Given a process that may declare, when its exchange is deleted, then its bindings are there again without
    anybody's publishing."""
    await opened()
    await deleted(broker, namespace, queues=False)

    async def bound_again() -> bool:
        return await bound(broker, namespace)

    await eventually(bound_again)


async def test_a_broker_that_was_reset_has_everything_again_before_anybody_publishes(
    broker: PrivateRabbit, opened: Makes, namespace: str
) -> None:
    """Given a process that may declare and publishes nothing, when the broker loses everything it knew, then exchange,
    queues and bindings are there again."""
    await opened()
    for command in ("stop_app", "force_reset", "start_app", "await_startup"):
        await asyncio.to_thread(broker.ctl, command)

    async def bound_again() -> bool:
        return await bound(broker, namespace)

    await eventually(bound_again, within=60)


async def test_where_we_may_only_check_the_missing_object_is_named_until_it_is_back(
    broker: PrivateRabbit, opened: Makes, namespace: str
) -> None:
    """Given a process that may only check, when exchange and queues are deleted, then its trouble names them without
    anybody's publishing, an event is refused with the name, and all is well once they are back."""
    declaring = await opened()
    checking = await opened(topology="check")
    mailbox = Mailbox()
    await checking.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    await declaring.close()
    await deleted(broker, namespace, queues=False)

    async def exchange_named() -> bool:
        return f"exchange {exchange_name(namespace)} is missing" in (checking.trouble() or "")

    await eventually(exchange_named)
    sent = raws(Shipped(parcel_id="pcl_1"))
    with pytest.raises(TransportError, match=f"exchange {exchange_name(namespace)} is missing"):
        await checking.publish(sent)

    await (await opened()).close()

    async def published() -> bool:
        try:
            return await checking.publish(sent) == {sent[0].id}
        except TransportError:
            return False

    await eventually(published)
    await mailbox.holds([sent[0].id])
    await deleted(broker, namespace, exchange=False)

    async def queue_named() -> bool:
        return f"queue {queue_name(BOOKING, namespace)} is missing" in (checking.trouble() or "")

    await eventually(queue_named)
    await (await opened()).close()
    again = raws(Shipped(parcel_id="pcl_2"))

    async def arrived() -> bool:
        await checking.publish(again)
        return again[0].id in mailbox.ids()

    await eventually(arrived)
    assert checking.trouble() is None


async def test_what_the_broker_gives_up_on_waits_in_the_dead_queue(opened: Makes) -> None:
    transport = await opened()
    refused, dead = Mailbox(), Mailbox()
    refused.errors = [RuntimeError("died")] * (DELIVERY_LIMIT + 5)
    sent = raws(Shipped(parcel_id="pcl_1"))
    await transport.publish(sent)

    # Each failed delivery closes its channel; subscribing anew each time spares the growing pause between two.
    while not dead.batches:
        cancel = await transport.subscribe(SUBSCRIPTIONS[BOOKING], refused)
        tried = len(refused.batches)
        cancel_dead = await transport.subscribe(Subscription(BOOKING + DEAD, ()), dead)

        async def tried_once(tried: int = tried) -> bool:
            return len(refused.batches) > tried or bool(dead.batches)

        await eventually(tried_once)
        await cancel()
        await cancel_dead()

    assert dead.ids() == [sent[0].id]
    assert dead.batches[0][0] == sent[0]
    assert len(refused.batches) == DELIVERY_LIMIT + 1
