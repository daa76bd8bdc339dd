"""What to do with an operation at the provider after an attempt: pure rules on keys, ages and back-off.

The provider remembers a key for a day. So an attempt whose outcome is unknown is repeated with the same key and the
same parameters while the key is younger than 23 hours; later, or after a remembered server error, the provider is
searched for the object first, and only when it surely does not exist a new key is used.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from skillscoop_payments.domain.observations import Failure, Seen

Kind = Literal[
    "create_intent", "create_checkout", "close_payment", "create_transfer", "create_refund", "create_recipient"
]
KEY_LIFE = timedelta(hours=23)
FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(minutes=5)
TELL_AFTER = 4


@dataclass(frozen=True, slots=True)
class Done:
    """The object exists; this is how it looks."""

    seen: Seen


@dataclass(frozen=True, slots=True)
class Refused:
    """A definitive no. `seen` is what exists all the same: a declined payment, for example."""

    failure: Failure
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it happened. `remembered`: a server error that the same key would only repeat."""

    error: str
    remembered: bool = False


@dataclass(frozen=True, slots=True)
class Busy:
    """It surely did not happen: another request holds the key, or too many at once."""

    error: str
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class NotThere:
    """Searched and not found: a new key may be used."""


Outcome = Done | Refused | Unknown | Busy | NotThere


def key(environment: str, kind: str, operation_id: str, attempt: int) -> str:
    """The idempotency key: stable for one attempt, never shared with another operation or environment."""
    return f"{environment}:{kind}:{operation_id.removeprefix('op_')}:{attempt}"


def must_search(*, claims: int, search_first: bool, key_since: datetime, wall: datetime) -> bool:
    """Whether to search before calling: `claims` counts this attempt too, so the first one has nothing to search."""
    return claims > 1 and (search_first or wall - key_since > KEY_LIFE)


def wait_after(claims: int, jitter: float) -> timedelta:
    """How long to wait after the `claims`-th try without an answer; `jitter` in 0..1 adds up to half of it."""
    doubled = FIRST_WAIT * (1 << min(claims - 1, 12))
    return min(doubled, LONGEST_WAIT) * (1 + jitter / 2)
