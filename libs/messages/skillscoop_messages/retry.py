"""How often and how soon something that failed is tried again."""

from dataclasses import dataclass
from datetime import timedelta
from zlib import crc32


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
        return self._spread(self.first * (1 << min(attempt - 1, 20)), message_id)

    def patience(self, waited: timedelta, message_id: str) -> timedelta:
        """How long to wait after a NotYet that comes `waited` after the first one: as long again, within the limits."""
        return self._spread(max(self.first, waited), message_id)

    def _spread(self, full: timedelta, message_id: str) -> timedelta:
        return min(full, self.longest) * (1 - (crc32(message_id.encode()) % 1000) / 5000)
