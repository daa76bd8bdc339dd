"""A transport under which single queues lose what was confirmed: deleted, emptied, or never there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from skillscoop_messages.transport.base import BatchHandler, Cancel, RawMessage, Subscription, Transport


@dataclass
class Losses:
    """What is lost: of each queue the first message of each of these types. `lost` says what was so far."""

    wanted: set[tuple[str, str]] = field(default_factory=set)
    lost: list[tuple[str, str]] = field(default_factory=list)

    def takes(self, queue: str, raw: RawMessage) -> bool:
        """Whether this delivery is lost; the next one like it is not."""
        one = (queue, raw.type)
        if one not in self.wanted:
            return False
        self.wanted.discard(one)
        self.lost.append(one)
        return True


class LossyTransport:
    """Any transport, as its subscribers see it when queues lose messages: those are gone without a trace."""

    def __init__(self, inner: Transport, losses: Losses) -> None:
        self._inner = inner
        self._losses = losses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def subscribe(self, subscription: Subscription, handle: BatchHandler) -> Cancel:
        """Subscribe to what is not lost."""

        async def kept(raws: Sequence[RawMessage]) -> None:
            rest = [raw for raw in raws if not self._losses.takes(subscription.name, raw)]
            if rest:
                await handle(rest)

        return await self._inner.subscribe(subscription, kept)
