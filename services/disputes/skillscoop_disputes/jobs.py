"""What happens at its time."""

from collections.abc import Mapping

from skillscoop_messages.scheduled import TimerHandler

from skillscoop_disputes import usecases

TIMERS: Mapping[str, TimerHandler] = {usecases.LAPSE_TIMER: usecases.lapse_when_due}
