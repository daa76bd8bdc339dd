"""How long the walk waits for anything: longer where the machine has more to do than it can.

A wait is given up after a number of seconds that is right for an idle machine, times how much slower this one is: how
many processes want each core, and how much longer answers take than usual. Both are looked at again until it is over.
"""

import os
import time
from collections import deque
from dataclasses import dataclass, field
from statistics import median

USUAL_ANSWER = 0.05
"""Seconds an answer takes where nothing is in its way."""

MOST = 10.0
"""However slow the machine, a wait is at most this many times as long."""


@dataclass(slots=True)
class Patience:
    """`seconds` is the wait on an idle machine; `answered` gets how long answers took, in seconds."""

    seconds: float = 30.0
    answered: deque[float] = field(default_factory=lambda: deque(maxlen=20))

    def now(self) -> float:
        """Seconds to wait for something, as things stand."""
        return self.seconds * min(MOST, max(1.0, _wanting_each_core(), self._slower()))

    def over(self, began: float) -> bool:
        """Whether a wait that began then (`time.monotonic`) has been long enough."""
        waited = time.monotonic() - began
        return waited > self.seconds and waited > self.now()

    def _slower(self) -> float:
        return median(self.answered) / USUAL_ANSWER if self.answered else 1.0


def _wanting_each_core() -> float:
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return 1.0
