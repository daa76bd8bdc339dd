"""One post for all services of the process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport.base import BatchHandler, Cancel, Subscription, Transport, Wire
from skillscoop_messages.transport.embedded import EmbeddedTransport

from skillscoop_cli.folder import DataFolder


class Lent:
    """The open post as one service sees it: that service's open and close leave it open for the others.

    Sharing one object, and not only the file, is what lets a publishing service wake a waiting one at once.
    """

    def __init__(self, post: Transport) -> None:
        self._post = post

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """It stays open."""

    async def publish(self, batch: Sequence[Wire]) -> set[str]:
        """As the post does."""
        return await self._post.publish(batch)

    async def subscribe(self, subscription: Subscription, handle: BatchHandler) -> Cancel:
        """As the post does."""
        return await self._post.subscribe(subscription, handle)

    async def backlog(self) -> dict[str, int]:
        """As the post does."""
        return await self._post.backlog()

    def trouble(self) -> str | None:
        """As the post does."""
        return self._post.trouble()


@asynccontextmanager
async def opened(folder: DataFolder) -> AsyncIterator[Lent]:
    """The folder's post, open for the block."""
    post = EmbeddedTransport(folder.bus, tuple(SUBSCRIPTIONS.values()))
    await post.open()
    try:
        yield Lent(post)
    finally:
        await post.close()
