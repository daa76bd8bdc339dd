"""A broker from which no byte comes any more, while nothing is closed: noticed, said, and recovered from."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from skillscoop_messages.errors import TransportError
from skillscoop_messages.transport.base import Transport
from skillscoop_messages.transport.rabbitmq import RabbitTransport

from tests.conformance.messaging_fixtures import (
    BOOKING,
    SUBSCRIPTIONS,
    Mailbox,
    Shipped,
    delete_namespace,
    eventually,
    raws,
)
from tests.support.silence import Proxy, proxy

pytestmark = pytest.mark.servers

RECOVERED_WITHIN = 30.0


@pytest.fixture
def namespace() -> str:
    """Queues of this test's own."""
    return f"silent-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def between(rabbit_url: str) -> AsyncIterator[Proxy]:
    """What stands between us and the broker."""
    address = urlsplit(rabbit_url)
    async with proxy(address.hostname or "127.0.0.1", address.port or 5672) as made:
        yield made


@pytest.fixture
async def transport(rabbit_url: str, between: Proxy, namespace: str) -> AsyncIterator[RabbitTransport]:
    """A transport that reaches the broker through it."""
    address = urlsplit(rabbit_url)
    through = address._replace(netloc=f"{address.username}:{address.password}@127.0.0.1:{between.port}").geturl()
    opened = RabbitTransport(through, SUBSCRIPTIONS.values(), namespace, publish_timeout=2.0)
    await opened.open()
    yield opened
    await opened.close()
    await delete_namespace(rabbit_url, namespace)


@pytest.fixture
async def direct(rabbit_url: str, namespace: str, transport: RabbitTransport) -> AsyncIterator[Transport]:
    """Another process, whose connections are well."""
    opened = RabbitTransport(rabbit_url, SUBSCRIPTIONS.values(), namespace)
    await opened.open()
    yield opened
    await opened.close()


async def test_a_window_without_an_answer_closes_the_connection_and_says_so(
    transport: RabbitTransport, between: Proxy
) -> None:
    """Given a connection on which no byte comes any more, when events are published, then they are not confirmed, the
    connection is closed with the reason in `trouble`, and the next try uses a new one."""
    await transport.publish(raws(Shipped(parcel_id="pcl_0")))
    between.fall_silent()
    sent = raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(3)))

    with pytest.raises(TransportError, match="3 of 3 messages were not confirmed within 2 s"):
        await transport.publish(sent)
    assert "3 of 3 messages were not confirmed within 2 s" in (transport.trouble() or "")

    between.flow_again()
    assert await transport.publish(sent) == {raw.id for raw in sent}
    assert transport.trouble() is None


async def test_a_consumer_whose_connection_fell_silent_hears_again(
    transport: RabbitTransport, direct: Transport, between: Proxy
) -> None:
    """Given a consumer that only waits, when its connection falls silent, then it has a new one within half a minute
    and what was published meanwhile reaches it."""
    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    [before] = raws(Shipped(parcel_id="pcl_0"))
    await direct.publish([before])
    await mailbox.holds([before.id])
    between.fall_silent()
    between.flow_again()

    sent = raws(Shipped(parcel_id="pcl_1"))
    await direct.publish(sent)

    await mailbox.holds([sent[0].id], within=RECOVERED_WITHIN)

    async def well() -> bool:
        return transport.trouble() is None

    await eventually(well, within=RECOVERED_WITHIN)


async def test_an_unanswered_look_at_the_backlog_closes_the_connection(
    transport: RabbitTransport, direct: Transport, between: Proxy
) -> None:
    """Given a silent connection, when the backlog is asked for in vain, then the connection is given up at once and
    the consumer goes on with another."""
    mailbox = Mailbox()
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    [before] = raws(Shipped(parcel_id="pcl_0"))
    await direct.publish([before])
    await mailbox.holds([before.id])
    between.fall_silent()
    between.flow_again()

    with pytest.raises(TimeoutError):
        await transport.backlog()

    sent = raws(Shipped(parcel_id="pcl_1"))
    await direct.publish(sent)
    await mailbox.holds([sent[0].id])


async def test_closing_a_transport_whose_broker_is_silent_ends(transport: RabbitTransport, between: Proxy) -> None:
    """Given a silent broker, when the transport is closed, then that ends."""
    await transport.subscribe(SUBSCRIPTIONS[BOOKING], Mailbox())
    await transport.backlog()
    between.fall_silent()

    _, pending = await asyncio.wait((asyncio.ensure_future(transport.close()),), timeout=RECOVERED_WITHIN)

    assert not pending
