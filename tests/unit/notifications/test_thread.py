"""Cards stand in the order of what happened, whatever order they arrive in and whatever the clocks said."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from skillscoop_notifications.domain.thread import fitted, place_of

NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def shown(arrivals: list[tuple[int, datetime]]) -> list[int]:
    """The sequences as they are shown after arriving one by one."""
    places: dict[int, int] = {}
    for sequence, time in arrivals:
        places[sequence] = fitted(place_of(time, sequence), sequence, places)
    return [sequence for sequence, _ in sorted(places.items(), key=lambda item: item[1])]


@pytest.mark.parametrize("order", list(permutations(range(1, 6))))
def test_events_of_one_transaction_share_their_time_and_stand_by_sequence(order: tuple[int, ...]) -> None:
    assert shown([(sequence, NOON) for sequence in order]) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("order", list(permutations(range(1, 5))))
def test_a_clock_that_is_behind_does_not_change_the_order(order: tuple[int, ...]) -> None:
    behind = {1: NOON, 2: NOON - timedelta(milliseconds=40), 3: NOON + timedelta(seconds=1), 4: NOON}
    assert shown([(sequence, behind[sequence]) for sequence in order]) == [1, 2, 3, 4]


def test_a_later_moment_stands_later() -> None:
    assert place_of(NOON + timedelta(microseconds=1), 0) > place_of(NOON, 999)
