"""What people send about conversations."""

from pydantic import Field
from skillscoop_chassis.http.models import LongText, StrictRequest


class MessageRequest(StrictRequest):
    """A message to the other party."""

    text: LongText = Field(examples=["Shall we talk about the colours tomorrow?"])


class ReadRequest(StrictRequest):
    """Up to which message was read; the last one when nothing is said."""

    message_id: str | None = Field(default=None, max_length=64)
