"""The one place where a message becomes an effect: decode, inbox, handler, commit, acknowledge."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zlib import crc32

from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope

MessageHandler = Callable[[Transaction, Envelope[Any]], Awaitable[None]]


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how soon a failed message is tried again, by wall time.

    A failure is tried `attempts` times in all, first after `first`, then after twice that and so on up to `longest`.
    A NotYet is tried for `not_yet` in all and does not use up attempts.
    """

    attempts: int = 10
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=10)
    not_yet: timedelta = timedelta(hours=24)

    def delay(self, attempt: int, message_id: str) -> timedelta:
        """How long to wait after the `attempt`-th try (from 1): doubling, capped, up to a fifth shorter by message.

        The part by which messages differ spreads what failed together; it is the same at every run.
        """
        full = min(self.first * 2 ** min(attempt - 1, 30), self.longest)
        return full * (1 - (crc32(message_id.encode()) % 1000) / 5000)


@dataclass(frozen=True)
class Subscriber:
    """One function that reacts to messages. `name` is its queue and a key of the registry's SUBSCRIPTIONS.

    `handle` runs inside the transaction that also marks the message as handled; raising undoes both.
    """

    name: str
    handle: MessageHandler
    retry: RetryPolicy = field(default_factory=RetryPolicy)
