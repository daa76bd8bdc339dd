"""What carries messages: publish a batch, subscribe a batch handler."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

BATCH = 100
DEAD = ".dead"


class RawMessage(NamedTuple):
    """A message as it travels. `body` is the encoded envelope, untouched on the way; the rest is its address."""

    id: str
    type: str
    subject: str
    body: bytes


@dataclass(frozen=True)
class Subscription:
    """Who wants which messages. `name` (`<service>.<function>`) is also the queue; `money` keeps its inbox for ever."""

    name: str
    types: tuple[str, ...]
    money: bool = False


BatchHandler = Callable[[Sequence[RawMessage]], Awaitable[None]]
Cancel = Callable[[], Awaitable[None]]


class Transport(Protocol):
    """At-least-once delivery. What `publish` named is not lost; it may come twice, late and in any order."""

    async def open(self) -> None:
        """Get ready; raises TopologyMismatch when the broker's objects are not what they must be."""

    async def close(self) -> None:
        """Let go of everything. Unsettled batches are delivered again later."""

    async def publish(self, batch: Sequence[RawMessage]) -> set[str]:
        """Send the batch; return the ids that are surely stored for every subscriber. The rest may be sent again.

        Raises only when nothing at all is known about the batch, for example with no connection.
        """

    async def subscribe(self, subscription: Subscription, handle: BatchHandler) -> Cancel:
        """Give `handle` what has arrived, at most 100 messages at once and one batch at a time.

        When it returns the batch is done; when it raises the batch is delivered again. The answer ends the
        subscription once the batch in hand is settled. `subscription.name + ".dead"` subscribes to what the
        transport itself gave up on; a transport that never gives up delivers nothing there.
        """

    async def backlog(self) -> dict[str, int]:
        """How many messages wait, undelivered, per subscription of this process. For metrics and for caution."""

    def trouble(self) -> str | None:
        """Why messages do not flow just now, in words for an operator; None when all is well."""
