"""What happens at its time."""

from collections.abc import Mapping

from skillscoop_messages.scheduled import TimerHandler

from skillscoop_reviews import usecases

TIMERS: Mapping[str, TimerHandler] = {usecases.WINDOW_TIMER: usecases.close_when_due}
