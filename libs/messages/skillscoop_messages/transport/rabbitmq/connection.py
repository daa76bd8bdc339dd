"""One connection to the broker, made again when somebody needs it and it is gone."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from pamqp.common import FieldTable

from skillscoop_messages.errors import TransportError
from skillscoop_messages.transport.waiting import quietly, within

logger = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 10.0
CLOSE_TIMEOUT = 5.0
HEARTBEAT = 6
"""Seconds. The client library gives a silent broker up after three and a half of them, the broker us after two."""


class BrokerConnection:
    """A connection for one purpose. `trouble` says why there is none, or how the last one was lost."""

    def __init__(self, url: str, purpose: str) -> None:
        self._url = url
        self._purpose = purpose
        self._connecting = asyncio.Lock()
        self._asking = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._control: AbstractChannel | None = None
        self._lost: set[Callable[[], None]] = set()
        self.trouble: str | None = None

    @property
    def open(self) -> bool:
        """Whether there is a connection now."""
        # A plain connection that was lost does not count itself as closed, but it is not connected any more.
        return self._connection is not None and self._connection.connected.is_set()

    async def channel(self, *, confirms: bool = False) -> AbstractChannel:
        """A new channel, on a new connection if need be. Raises what connecting raises, within 20 seconds."""
        connection = await self._connected()
        channel = connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        return await self._answered(_opened(channel), ANSWER_TIMEOUT)

    async def control(self, work: Callable[[AbstractChannel], Awaitable[T]], seconds: float = ANSWER_TIMEOUT) -> T:
        """Ask something on a channel kept for questions; one that failed is not used again.

        An unanswered question closes the connection: everything else on it would wait for ever too.
        """
        async with self._asking:
            channel, self._control = self._control, None
            if channel is None or channel.is_closed:
                channel = await self.channel()
            answer = await self._answered(work(channel), seconds)
            self._control = channel
            return answer

    async def blocked(self, seconds: float) -> bool:
        """Whether the broker has said that it takes nothing just now; looks for at most `seconds`."""
        if not self.open or self._connection is None or self._connection.transport is None:
            return False
        try:
            await within(seconds, self._connection.transport.ready())
        except TimeoutError:
            return True
        return False

    def when_lost(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Call `tell` when we give the connection up; returns what takes the wish back."""
        self._lost.add(tell)
        return lambda: self._lost.discard(tell)

    async def give_up(self, why: str) -> None:
        """Close a connection that is of no use any more, and say why until there is another."""
        self.trouble = f"{why}: connection closed ({self._purpose})"
        logger.warning("%s", self.trouble)
        await self.close()

    async def close(self) -> None:
        """Close it, if it is open. A broker that does not answer is not waited for."""
        connection, self._connection, self._control = self._connection, None, None
        for tell in tuple(self._lost):
            tell()
        if connection is not None:
            await quietly(CLOSE_TIMEOUT, connection.close())

    async def _connected(self) -> AbstractConnection:
        async with self._connecting:
            if self._connection is None or not self.open:
                lost, self._connection, self._control = self._connection, None, None
                if lost is not None:
                    await quietly(CLOSE_TIMEOUT, lost.close())
                try:
                    self._connection = await within(CONNECT_TIMEOUT, self._connect())
                except Exception as error:
                    self.trouble = f"no connection to the broker ({self._purpose}): {error_text(error)}"
                    raise TransportError(self.trouble) from error
                self.trouble = None
            return self._connection

    async def _connect(self) -> AbstractConnection:
        named: FieldTable = {"connection_name": f"skillscoop-{self._purpose}"}
        if "heartbeat" in parse_qs(urlsplit(self._url).query):
            return await aio_pika.connect(self._url, client_properties=named)
        return await aio_pika.connect(self._url, client_properties=named, heartbeat=HEARTBEAT)

    async def _answered(self, work: Awaitable[T], seconds: float) -> T:
        try:
            return await within(seconds, work)
        except TimeoutError:
            await self.give_up("the broker does not answer")
            raise


async def _opened(channel: AbstractChannel) -> AbstractChannel:
    await channel.initialize()
    return channel


def error_text(error: BaseException) -> str:
    """Kind and text of an error, for logs and operators."""
    return f"{type(error).__name__}: {error}"
