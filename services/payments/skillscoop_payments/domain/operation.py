"""An outgoing call to the provider as a value, and the pure rules on its keys, ages and waits.

The provider remembers a key for a day. So a try whose outcome is unknown is repeated with the same key and the same
parameters while the key is younger than 23 hours. Later, or after a remembered server error, or when nobody wants a
payment any more, the provider is searched for the object first; only when it surely does not exist a new key is used.
A try without an answer may still be under way at the provider, so nothing is concluded from a search within minutes
of one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from skillscoop_payments.domain.snapshots import Failure, Snapshot

Kind = Literal[
    "create_intent", "create_checkout", "close_payment", "create_transfer", "create_refund", "create_recipient"
]
State = Literal["pending", "done", "refused", "dropped"]

MAKES_PAYMENT: frozenset[Kind] = frozenset({"create_intent", "create_checkout"})
KEY_LIFE = timedelta(hours=23)
SEARCH_AFTER = timedelta(minutes=5)
FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(minutes=5)
TELL_AFTER = 4
REFUSED_WAIT = timedelta(seconds=30)
LONGEST_REFUSED_WAIT = timedelta(hours=6)
MOST_REFUSALS = 18
"""With these waits a call that can pass later is given up after about two days."""
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Operation:
    """An outgoing call. `parameters` never change; `key` is that of the present `attempt`, `tries` counts all claims.

    `key_since` is when the key's first try began. `unanswered_at` is when the latest try may still have been under way
    for which no answer came; None when every try so far was answered. `search_first`: the key brings nothing but a
    remembered error any more. `search_cursor` is where an unfinished search goes on. All are wall time; `created_at`
    is business time.
    """

    id: str
    kind: Kind
    parameters: Mapping[str, Any]
    key: str
    state: State = "pending"
    attempt: int = 1
    tries: int = 1
    payment_id: str | None = None
    settlement_id: str | None = None
    payout_account_id: str | None = None
    object_ref: str | None = None
    key_since: datetime | None = None
    unanswered_at: datetime | None = None
    search_first: bool = False
    search_cursor: str | None = None
    created_at: datetime = field(default=NEVER)


@dataclass(frozen=True, slots=True)
class Send:
    """Send it with its key."""


@dataclass(frozen=True, slots=True)
class Search:
    """Find out first whether an earlier try made the object."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A try without an answer is too fresh for a search to tell anything."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody wants it, and surely nothing happened."""


Step = Send | Search | Wait | Drop


def next_step(operation: Operation, wall: datetime, *, wanted: bool = True) -> Step:
    """What to do with a claimed call now. Not `wanted`: a payment somebody wants canceled is never sent again."""
    doubtful = operation.unanswered_at is not None or operation.search_first
    if not doubtful:
        return Send() if wanted else Drop()
    remembered = operation.key_since is not None and wall - operation.key_since <= KEY_LIFE
    if wanted and remembered and not operation.search_first:
        return Send()
    if operation.unanswered_at is not None and wall - operation.unanswered_at < SEARCH_AFTER:
        return Wait(operation.unanswered_at + SEARCH_AFTER)
    return Search()


@dataclass(frozen=True, slots=True)
class Done:
    """The object exists; this is its snapshot."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Refused:
    """A definitive no. `snapshot` is what exists all the same: a declined payment, for example."""

    failure: Failure
    snapshot: Snapshot | None = None


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
    """It surely does not exist: a new key may be used."""


@dataclass(frozen=True, slots=True)
class SearchGoesOn:
    """Not found so far; the rest of the list begins at `cursor`."""

    cursor: str


@dataclass(frozen=True, slots=True)
class SearchFailed:
    """The search got no answer; nothing was sent."""

    error: str


Sent = Done | Refused | Unknown | Busy
Searched = Done | NotThere | SearchGoesOn | SearchFailed
Outcome = Sent | Searched | Wait


def key(environment: str, kind: str, operation_id: str, attempt: int) -> str:
    """The idempotency key: stable for one attempt, never shared with another operation or environment."""
    return f"{environment}:{kind}:{operation_id.removeprefix('op_')}:{attempt}"


def wait_after(claims: int, jitter: float) -> timedelta:
    """How long to wait after the `claims`-th try without an answer; `jitter` in 0..1 adds up to half of it."""
    doubled = FIRST_WAIT * (1 << min(claims - 1, 12))
    return min(doubled, LONGEST_WAIT) * (1 + jitter / 2)


def wait_after_refusal(refusals: int, jitter: float) -> timedelta | None:
    """How long to wait after the `refusals`-th no that may pass; None when it was the last. `jitter` as above."""
    if refusals >= MOST_REFUSALS:
        return None
    doubled = REFUSED_WAIT * (1 << min(refusals - 1, 12))
    return min(doubled, LONGEST_REFUSED_WAIT) * (1 + jitter / 2)
