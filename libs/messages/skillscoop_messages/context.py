"""The trace a piece of work belongs to: set at the door (request, message, timer), read when events are recorded."""

from contextvars import ContextVar
from dataclasses import dataclass

from skillscoop_messages.ids import new_message_id


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where the current work comes from.

    `correlation_id` is shared by everything the first request set in motion; `causation_id` is the message that led
    here, None at a request or an timer; `traceparent` is the W3C trace header; `request_id` names the HTTP request.
    """

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    request_id: str | None = None


trace_context: ContextVar[TraceContext] = ContextVar("story")


def current_trace() -> TraceContext:
    """The story of the current task; work that nobody set in motion, a job for example, begins a new one."""
    known = trace_context.get(None)
    return known if known is not None else TraceContext(correlation_id=new_message_id())
