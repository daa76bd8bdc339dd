"""What happens at its time."""

from collections.abc import Mapping

from skillscoop_messages.later import AlarmHandler

from skillscoop_disputes import usecases

ALARMS: Mapping[str, AlarmHandler] = {usecases.LAPSE_ALARM: usecases.lapse_when_due}
