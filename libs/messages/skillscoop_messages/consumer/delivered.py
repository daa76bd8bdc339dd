"""What became of a delivery once somebody tried to read it."""

from dataclasses import dataclass
from typing import Any

from skillscoop_messages.envelope import Envelope
from skillscoop_messages.transport.base import RawMessage


@dataclass(frozen=True, slots=True)
class DeliveredMessage:
    """A delivered message that could be read."""

    raw: RawMessage
    envelope: Envelope[Any]


@dataclass(frozen=True, slots=True)
class FailedMessage:
    """A delivered message that could not be handled."""

    raw: RawMessage
    error: Exception
    correlation_id: str | None = None
