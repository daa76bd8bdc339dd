"""The envelope around every event: CloudEvents 1.0, structured JSON, encoded once and decoded once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model
from pydantic_core import to_json

from skillscoop_messages.errors import UnknownEventType, UnreadableMessage
from skillscoop_messages.events.base import Event

__all__ = ["Envelope", "EventClass", "UnknownEventType", "UnreadableMessage", "decode", "encode"]

E = TypeVar("E", bound=Event)
EventClass = Callable[[str], type[Event] | None]

LARGEST_SEQUENCE = 2**63 - 1
SCHEMAS = "https://skillscoop.dev/schemas"


@dataclass(frozen=True, slots=True)
class Envelope(Generic[E]):
    """One event on its way, with who said it, when, and as part of which trace.

    `source` is `/services/<name>`; `subject` the root's id; `time` business time; `sequence` rises by one with every
    event of that root, starting at 1. `correlation_id` names the story, `causation_id` the message that led to this.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: int
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    data: E


def encode(envelope: Envelope[Any]) -> bytes:
    """The CloudEvents document, UTF-8. `sequence` travels as text, as the specification's extension asks."""
    before, after = encode_around_sequence(envelope)
    return b"%b%d%b" % (before, envelope.sequence, after)


def encode_around_sequence(envelope: Envelope[Any]) -> tuple[bytes, bytes]:
    """The document before and after its sequence number, which the database gives only while storing it."""
    head: dict[str, Any] = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "subject": envelope.subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "dataschema": f"{SCHEMAS}/{envelope.type}.json",
        "correlationid": envelope.correlation_id,
    }
    if envelope.causation_id is not None:
        head["causationid"] = envelope.causation_id
    if envelope.traceparent is not None:
        head["traceparent"] = envelope.traceparent
    data = envelope.data.model_dump_json().encode()
    return b'%b,"sequence":"' % to_json(head)[:-1], b'","data":%b}' % data


Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]
"""What names something: it can be stored, logged and compared, whoever wrote it."""


class _Head(BaseModel):
    """The attributes of a document, before anything is known about its data."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    specversion: str
    id: Name
    source: Name
    type: Name
    subject: Name
    time: AwareDatetime
    sequence: Annotated[int, Field(ge=1, le=LARGEST_SEQUENCE)]
    correlationid: Name
    causationid: Name | None = None
    traceparent: Name | None = None


@cache
def _document(event_class: type[Event]) -> type[BaseModel]:
    """A model that takes the data of one event class out of a document, and nothing else."""
    return create_model(
        f"{event_class.__name__}Document",
        __config__=ConfigDict(strict=True, hide_input_in_errors=True),
        data=(event_class, ...),
    )


def known_event_class(type: str) -> type[Event] | None:
    """The class of an event type, from the registry; None when it has none."""
    # Imported when used: the registry joins events and transport, and is itself built on this library's base files.
    from skillscoop_messages.registry import event_class

    return event_class(type)


def decode(body: bytes, event_class: EventClass = known_event_class) -> Envelope[Event]:
    """Read a document; fields this software does not know are ignored.

    Raises UnreadableMessage when it is no document of ours or its data breaks the event's contract, and
    UnknownEventType when the type has no class here. Neither error repeats the data, which may be private.
    """
    try:
        head = _Head.model_validate_json(body)
    except ValidationError as error:
        raise UnreadableMessage(f"not a CloudEvents document of ours: {_summary(error)}") from None
    if head.specversion != "1.0":
        raise UnreadableMessage(f"CloudEvents {head.specversion} instead of 1.0")
    found = event_class(head.type)
    if found is None:
        raise UnknownEventType(f"no event class for {head.type} in this version")
    try:
        document: Any = _document(found).model_validate_json(body, extra="ignore")
    except ValidationError as error:
        raise UnreadableMessage(f"{head.type}: {_summary(error)}") from None
    return Envelope(
        id=head.id,
        source=head.source,
        type=head.type,
        subject=head.subject,
        time=head.time,
        sequence=head.sequence,
        correlation_id=head.correlationid,
        causation_id=head.causationid,
        traceparent=head.traceparent,
        data=document.data,
    )


def _summary(error: ValidationError) -> str:
    """Where and how the document is wrong, without the values that stand there."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'document'}: {one['type']}" for one in found[:5])
