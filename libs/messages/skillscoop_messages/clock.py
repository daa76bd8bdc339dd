"""The two clocks: business time, which may be played forward, and wall time, which never is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Clocks:
    """Two sources of the current time, both aware and in UTC.

    `business` decides deadlines, policies and what users see, and may run ahead of the world in demos and tests.
    `wall` decides leases, retries, tokens and ages of keys, so it must never be shifted.
    """

    business: Clock
    wall: Clock


def wall_time() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)


def system_clocks() -> Clocks:
    """Both clocks show the machine's time."""
    return Clocks(business=wall_time, wall=wall_time)


def shifted_clocks(offset: Callable[[], timedelta]) -> Clocks:
    """Business time runs `offset()` ahead of wall time; the offset is asked for at every reading."""
    return Clocks(business=lambda: wall_time() + offset(), wall=wall_time)
