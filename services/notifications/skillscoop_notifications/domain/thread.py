"""The order of a conversation: cards by the sequence of what they tell, messages by the time they were written."""

from collections.abc import Mapping
from datetime import datetime

MICROSECOND = 1_000
"""Places between two microseconds: room for events of one transaction, which share their time."""

_EPOCH_SECONDS = 1_000_000


def place_of(moment: datetime, sequence: int = 0) -> int:
    """Where something said at `moment` (UTC) stands; events of the same moment stand by their sequence."""
    micros = int(moment.timestamp()) * _EPOCH_SECONDS + moment.microsecond
    return micros * MICROSECOND + sequence % MICROSECOND


def fitted(place: int, sequence: int, known: Mapping[int, int]) -> int:
    """`place` moved so that a root's cards stand by sequence, whatever order they arrive in and whatever clocks said.

    `known` maps the sequences of the same root that already have a place to that place. Machines' clocks differ by
    milliseconds, and a transaction may have waited for its root's lock, so times alone may contradict the sequence.
    """
    floor = max((at for other, at in known.items() if other < sequence), default=None)
    ceiling = min((at for other, at in known.items() if other > sequence), default=None)
    if floor is not None and place <= floor:
        place = floor + (1 if ceiling is None else max(0, min(1, ceiling - floor - 1)))
    if ceiling is not None and place >= ceiling:
        place = ceiling - 1 if floor is None or ceiling - 1 > floor else floor
    return place
