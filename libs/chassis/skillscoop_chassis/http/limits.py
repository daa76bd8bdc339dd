"""Limits on how often something may be asked, and the answer to whoever asks more often: 429.

Two kinds. Flood limits are counted here, in the memory of each process, by user and by network address; they keep one
caller from taking the room of all others. Caps on what may be abused against people or cards (invitations, messages to
somebody who has not answered, tries to pay) are counted by each service in its own rows, so that they hold across
processes; they use `too_many` for the same answer.

The headers are those of the IETF draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, NamedTuple

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode
from starlette.types import Scope

from skillscoop_chassis.http.problems import Problem, register_codes

register_codes(
    {
        "too_many_requests": (
            429,
            "Too many requests",
            "More calls than this user or address may make in the time; `Retry-After` says when to come back.",
        ),
    }
)

COUNTED_AT_ONCE = 100_000
"""Counters kept in one process; the oldest go first, so that addresses made up by the million cost no more memory."""

Network = IPv4Network | IPv6Network


def _rate(value: str) -> str:
    parse(value)
    return value


def _networks(value: object) -> object:
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    return tuple(ip_network(part) for part in parts if part) if isinstance(parts, list) else parts


Rate = Annotated[str, AfterValidator(_rate)]
"""A rate as `60/minute`, `5/day` or `20 per 2 hour`."""

Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
"""Networks as `10.0.0.0/8, ::1/128`, separated by commas."""


class Standing(NamedTuple):
    """Where a caller stands with a limit: `remaining` of `amount` calls, for `reset` more seconds of a `window`."""

    policy: str
    amount: int
    window: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """The two header fields that say so."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.amount};w={self.window}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


def window_of(rate: str) -> timedelta:
    """How long a rate counts back."""
    return timedelta(seconds=parse(rate).get_expiry())


def too_many(standing: Standing, detail: str, code: str = "too_many_requests") -> Problem:
    """The answer above a limit: 429 with Retry-After and the RateLimit fields."""
    return Problem(code, detail, headers={"Retry-After": str(max(1, standing.reset)), **standing.headers()})


def cap_reached(
    policy: str, rate: str, counted: Sequence[datetime], now: datetime, detail: str, code: str = "too_many_requests"
) -> Problem | None:
    """The refusal of one more, when as many as `rate` allows were `counted` within its window before `now`; else None.

    `counted` are the moments of what a service has in its own rows.
    """
    item = parse(rate)
    window = item.get_expiry()
    within = sorted(one for one in counted if (now - one).total_seconds() < window)
    if len(within) < item.amount:
        return None
    # The one that has to leave the window before there is room again.
    leaves = within[len(within) - item.amount]
    reset = math.ceil(window - (now - leaves).total_seconds())
    return too_many(Standing(policy, item.amount, window, 0, max(1, reset)), detail, code)


class _Counters(Storage):
    """Counters of fixed windows in this process, for the strategies of `limits`.

    The library's own memory keeps every key until a timer walks over all of them; this one is bounded.
    """

    STORAGE_SCHEME = None

    def __init__(self, wall: Callable[[], datetime]) -> None:
        super().__init__()
        self._wall = wall
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = self._wall().timestamp()
        count, ends = self._counts.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + expiry
            self._counts.pop(key, None)
        self._counts[key] = (count + amount, ends)
        if len(self._counts) > COUNTED_AT_ONCE:
            self._counts.popitem(last=False)
        return count + amount

    def get(self, key: str) -> int:
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > self._wall().timestamp() else 0

    def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (0, self._wall().timestamp()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        self._counts.clear()
        return None

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)


class FloodLimits:
    """The flood limits of one process: rates by name of the policy, counted by user or address."""

    def __init__(self, rates: Mapping[str, str], wall: Callable[[], datetime], trusted: Sequence[Network] = ()) -> None:
        self._rates: dict[str, RateLimitItem] = {name: parse(rate) for name, rate in rates.items()}
        self._wall = wall
        self._trusted = trusted
        self._strategy = FixedWindowRateLimiter(_Counters(wall))

    def count(self, policy: str, who: str) -> Standing:
        """Count one call of `who`. Raises Problem too_many_requests (429) above the rate."""
        item = self._rates[policy]
        allowed = self._strategy.hit(item, policy, who)
        ends, remaining = self._strategy.get_window_stats(item, policy, who)
        reset = max(1, math.ceil(ends - self._wall().timestamp()))
        standing = Standing(policy, item.amount, item.get_expiry(), remaining, reset)
        if not allowed:
            raise too_many(standing, "Please wait a moment before you go on.")
        return standing

    def count_call(self, scope: Scope, user_id: str | None) -> Standing | None:
        """Count a request: by user, or by address without a token; None for what is counted elsewhere.

        Raises Problem too_many_requests (429).
        """
        if user_id is not None:
            return self.count("reads" if scope["method"] in ("GET", "HEAD") else "writes", user_id)
        # Stripe calls without a token, as often as it needs to; a signature that proves nothing counts as refused.
        if scope["method"] in ("GET", "HEAD") and scope["path"].startswith("/v1/"):
            return self.count("anonymous", self.address(scope))
        return None

    def count_refusal(self, scope: Scope) -> None:
        """Count a token or signature that proved nothing, by address. Raises Problem too_many_requests (429).

        Whoever proves who they are is never counted here, so nobody else at the address is locked out.
        """
        self.count("refused", self.address(scope))

    def address(self, scope: Scope) -> str:
        """Where a request comes from: the peer, or what trusted proxies say about it; IPv6 by its /64."""
        peer = scope["client"][0] if scope.get("client") else ""
        chain = [peer]
        for key, value in scope["headers"]:
            if key == b"x-forwarded-for":
                chain = [*(part.strip() for part in value.decode("latin-1").split(",")), peer]
        found = next((one for one in reversed(chain) if not self._is_trusted(one)), chain[0])
        return _grouped(found)

    def _is_trusted(self, address: str) -> bool:
        known = _parsed(address)
        return known is not None and any(known in network for network in self._trusted)


def _parsed(address: str) -> Any:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _grouped(address: str) -> str:
    known = _parsed(address)
    if known is None:
        return "unknown"
    # Whoever has one IPv6 address usually has 2**64 of them.
    return str(known) if known.version == 4 else str(ip_network((int(known), 64), strict=False))
