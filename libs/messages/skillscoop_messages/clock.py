"""The two clocks: business time, which may be played forward, and wall time, which never is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

CLOSE_ENOUGH = timedelta(milliseconds=50)
"""By how much a followed clock may differ from a new reading before it takes it over."""


def wall_time() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)


def uninterrupted() -> float:
    """Seconds of a clock that nobody can set; it goes on while the machine sleeps, where there is such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class FollowedClock:
    """The machine's time until the database has told its own; from then on the database's, carried on from there.

    Every process of a service compares leases, due times and ages with the same clock, whatever its machine believes.
    """

    def __init__(self, machine: Clock = wall_time) -> None:
        self._machine = machine
        self._known: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """The time, UTC."""
        if self._known is None:
            return self._machine()
        moment, since = self._known
        return moment + timedelta(seconds=uninterrupted() - since)

    def follow(self, moment: datetime, since: float) -> None:
        """It was `moment` when `uninterrupted()` was `since`."""
        carried_on = moment + timedelta(seconds=uninterrupted() - since)
        if self._known is None or abs(carried_on - self()) > CLOSE_ENOUGH:
            self._known = (moment, since)

    def machine_ahead(self) -> timedelta:
        """How far the machine's clock is ahead of what is followed; negative when it is behind."""
        return timedelta(0) if self._known is None else self._machine() - self()


@dataclass(frozen=True)
class Clocks:
    """Two sources of the current time, both aware and in UTC.

    `business` decides deadlines, policies and what users see, and may run ahead of the world in demos and tests.
    `wall` decides leases, retries, tokens and ages of keys, so it must never be shifted. `followed` is the clock under
    both that takes over the database's time; without it the database's time is not asked for.
    """

    business: Clock
    wall: Clock
    followed: FollowedClock | None = None


def system_clocks(machine: Clock = wall_time) -> Clocks:
    """Both clocks show the machine's time until a database is known, then that one's."""
    followed = FollowedClock(machine)
    return Clocks(business=followed, wall=followed, followed=followed)


def shifted_clocks(offset: Callable[[], timedelta], machine: Clock = wall_time) -> Clocks:
    """Business time runs `offset()` ahead of wall time; the offset is asked for at every reading."""
    followed = FollowedClock(machine)
    return Clocks(business=lambda: followed() + offset(), wall=followed, followed=followed)
