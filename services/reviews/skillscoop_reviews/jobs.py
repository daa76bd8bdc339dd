"""What happens at its time."""

from collections.abc import Mapping

from skillscoop_messages.later import AlarmHandler

from skillscoop_reviews import usecases

ALARMS: Mapping[str, AlarmHandler] = {usecases.WINDOW_ALARM: usecases.close_when_due}
