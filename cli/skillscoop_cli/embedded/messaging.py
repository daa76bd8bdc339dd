"""One transport for all services of the process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport.base import BatchHandler, Cancel, RawMessage, Subscription, Transport
from skillscoop_messages.transport.embedded import EmbeddedTransport

from skillscoop_cli.folder import DataFolder


class Lent:
    """The open transport as one service sees it: that service's open and close leave it open for the others.

    Sharing one object, and not only the file, is what lets a publishing service wake a waiting one at once.
    """

    def __init__(self, messaging: Transport) -> None:
        self._messaging = messaging

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """It stays open."""

    async def publish(self, batch: Sequence[RawMessage]) -> set[str]:
        """As the transport does."""
        return await self._messaging.publish(batch)

    async def subscribe(self, subscription: Subscription, handle: BatchHandler) -> Cancel:
        """As the transport does."""
        return await self._messaging.subscribe(subscription, handle)

    async def backlog(self) -> dict[str, int]:
        """As the transport does."""
        return await self._messaging.backlog()

    def trouble(self) -> str | None:
        """As the transport does."""
        return self._messaging.trouble()


@asynccontextmanager
async def opened(folder: DataFolder) -> AsyncIterator[Lent]:
    """The folder's transport, open for the block."""
    messaging = EmbeddedTransport(folder.bus, tuple(SUBSCRIPTIONS.values()))
    await messaging.open()
    try:
        yield Lent(messaging)
    finally:
        await messaging.close()
