"""The envelope: CloudEvents outside, the event's contract inside."""

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from skillscoop_messages.envelope import Envelope, UnknownEventType, UnreadableMessage, decode, encode
from skillscoop_messages.events.base import Event, ObjectRef


class Weighed(Event):
    """A parcel was weighed."""

    type: ClassVar[str] = "unit.parcel.weighed.v1"
    root: ClassVar[str] = "parcel_id"

    parcel_id: str
    grams: int
    parts: tuple[ObjectRef, ...] = ()


def envelope(**changes: Any) -> Envelope[Weighed]:
    """An envelope with everything filled in."""
    given: dict[str, Any] = {
        "id": "0190-id",
        "source": "/services/unit",
        "type": Weighed.type,
        "subject": "pcl_1",
        "time": datetime(2026, 11, 22, 14, 30, tzinfo=UTC),
        "sequence": 7,
        "correlation_id": "story",
        "causation_id": "cause",
        "traceparent": "00-trace",
        "data": Weighed(parcel_id="pcl_1", grams=5, parts=(ObjectRef(type="box", id="b", version=1, state="open"),)),
    }
    return Envelope(**{**given, **changes})


def read(body: bytes) -> Envelope[Any]:
    """Decode with this file's one event."""
    return decode(body, {Weighed.type: Weighed}.get)


def changed(**changes: Any) -> bytes:
    """The document with some attributes replaced; None takes one away."""
    document = {**json.loads(encode(envelope())), **changes}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def test_an_envelope_survives_the_journey() -> None:
    assert read(encode(envelope())) == envelope()
    bare = envelope(causation_id=None, traceparent=None)
    assert read(encode(bare)) == bare


def test_the_document_is_structured_cloudevents() -> None:
    document = json.loads(encode(envelope()))
    assert document["specversion"] == "1.0"
    assert document["time"] == "2026-11-22T14:30:00Z"
    assert document["sequence"] == "7"
    assert document["dataschema"].endswith("/unit.parcel.weighed.v1.json")
    assert document["data"]["grams"] == 5
    assert "causationid" not in json.loads(encode(envelope(causation_id=None)))


def test_unknown_fields_are_ignored_wherever_they_stand() -> None:
    data = json.loads(encode(envelope()))["data"]
    data["colour"] = "red"
    data["parts"][0]["weight"] = 3
    assert read(changed(data=data, newextension="x")) == envelope()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"specversion":"1.0"}',
        changed(specversion="0.3"),
        changed(id=None),
        changed(time="yesterday"),
        changed(time="2026-11-22T14:30:00"),
        changed(sequence="many"),
        changed(data=None),
        changed(data={"parcel_id": "pcl_1"}),
        changed(data={"parcel_id": "pcl_1", "grams": "5"}),
        changed(data={"parcel_id": "pcl_1", "grams": 5.5}),
    ],
)
def test_what_breaks_the_contract_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        read(body)


def test_an_error_does_not_repeat_private_values() -> None:
    with pytest.raises(UnreadableMessage) as caught:
        read(changed(data={"parcel_id": "pcl_1", "grams": "a secret"}))
    assert "secret" not in str(caught.value)
    assert "data.grams" in str(caught.value)


def test_a_type_from_the_future_is_unknown() -> None:
    with pytest.raises(UnknownEventType, match=r"weighed\.v2"):
        read(changed(type="unit.parcel.weighed.v2"))


def test_events_are_strict_when_made() -> None:
    with pytest.raises(ValueError, match="grams"):
        Weighed(parcel_id="pcl_1", grams="5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="colour"):
        Weighed(parcel_id="pcl_1", grams=5, colour="red")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="frozen"):
        Weighed(parcel_id="pcl_1", grams=5).grams = 6  # type: ignore[misc]
