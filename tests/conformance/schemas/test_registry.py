"""The registry is whole: everything said has a publisher, a schema and an example; everything heard exists."""

import json
from typing import Any

import jsonschema_rs
import pytest
from skillscoop_messages import topology
from skillscoop_messages.asking import key_of
from skillscoop_messages.envelope import decode, encode
from skillscoop_messages.events.base import AboutContract, AboutMilestone, Event
from skillscoop_messages.examples import EXAMPLES, example_documents, example_envelope
from skillscoop_messages.registry import (
    ENTRIES,
    EVENTS,
    QUESTIONS,
    SAID_AGAIN,
    SERVICES,
    SUBSCRIPTIONS,
    EventEntry,
    Question,
    event_class,
)
from skillscoop_messages.schemas import event_schema, summary

entries = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.type)


def all_classes(of: type[Event] = Event) -> set[type[Event]]:
    """Every event class that was ever defined, by its base classes."""
    return {one for below in of.__subclasses__() for one in (below, *all_classes(below))}


def test_every_event_class_is_registered_once() -> None:
    ours = {one for one in all_classes() if one.__module__.startswith("skillscoop_messages.events.")}
    assert ours - {AboutContract, AboutMilestone} == {entry.event for entry in ENTRIES}
    assert len(EVENTS) == len(ENTRIES)


@entries
def test_an_event_has_a_publisher_a_meaning_a_root_and_a_well_formed_type(entry: EventEntry) -> None:
    service, noun, verb, major = entry.type.split(".")
    assert service == entry.publisher
    assert service in SERVICES
    assert noun.isidentifier()
    assert verb.isidentifier()
    assert major[0] == "v"
    assert major[1:].isdigit()
    assert summary(entry.event)
    assert entry.event.root in entry.event.model_fields


@entries
def test_an_example_of_it_keeps_its_schema_and_that_of_the_envelope(entry: EventEntry) -> None:
    document = example_documents()[entry.type]
    jsonschema_rs.validator_for(topology.envelope_schema(entry)).validate(document)
    jsonschema_rs.validator_for(event_schema(entry.event)).validate(document["data"])


@entries
def test_it_survives_the_way_through_the_post(entry: EventEntry) -> None:
    sent = example_envelope(EXAMPLES[entry.type])
    assert decode(encode(sent)) == sent


@entries
def test_its_reader_ignores_what_it_does_not_know(entry: EventEntry) -> None:
    sent = example_envelope(EXAMPLES[entry.type])
    document = json.loads(encode(sent))
    document["partitionkey"] = "new extension"
    document["data"] = with_more(document["data"])
    assert decode(json.dumps(document).encode()).data == sent.data


def with_more(value: Any) -> Any:
    """The same data with a further field in every object of a fixed shape."""
    if isinstance(value, list):
        return [with_more(one) for one in value]
    if isinstance(value, dict):
        deeper = {key: with_more(one) for key, one in value.items()}
        free_table = bool(value) and all(len(key) == 3 for key in value)
        return deeper if free_table else {**deeper, "since_later": 1}
    return value


@entries
def test_its_producer_is_held_to_its_shape(entry: EventEntry) -> None:
    with pytest.raises(ValueError, match=r"extra_forbidden|Extra inputs"):
        entry.event.model_validate({**EXAMPLES[entry.type].model_dump(), "since_later": 1})


@entries
def test_a_milestone_event_names_contract_and_milestone(entry: EventEntry) -> None:
    about_milestone = entry.type.split(".")[1] in ("milestone", "payment", "settlement")
    assert not about_milestone or issubclass(entry.event, AboutMilestone)
    assert issubclass(entry.event, AboutContract) or entry.type.split(".")[1] in ("policy", "payout_account")


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
def test_a_subscription_names_a_service_and_existing_events(name: str) -> None:
    subscription = SUBSCRIPTIONS[name]
    service, function = name.split(".")
    assert service in SERVICES
    assert function.isidentifier()
    assert subscription.types
    assert len(set(subscription.types)) == len(subscription.types)
    assert all(event_class(one) for one in subscription.types)


def test_definitions_hold_exchange_queues_with_their_dead_queues_and_bindings() -> None:
    definitions = topology.definitions("run7")
    queues = {queue["name"]: queue["arguments"] for queue in definitions["queues"]}

    assert [one["name"] for one in definitions["exchanges"]] == ["run7.skillscoop.events"]
    for name, subscription in SUBSCRIPTIONS.items():
        arguments = queues[f"run7.{name}"]
        assert arguments["x-queue-type"] == "quorum"
        assert arguments["x-dead-letter-routing-key"] in queues
        bound = [one["routing_key"] for one in definitions["bindings"] if one["destination"] == f"run7.{name}"]
        assert bound == list(subscription.types)
    assert len(queues) == 2 * len(SUBSCRIPTIONS)


def test_the_asyncapi_document_refers_only_to_what_it_holds() -> None:
    document = topology.asyncapi()

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [one for below in value.values() for one in references(below)]
        return [one for below in value for one in references(below)] if isinstance(value, list) else []

    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    assert set(document["channels"]) == set(EVENTS)


questions = pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.name)


@questions
def test_a_question_reaches_one_queue_for_money_of_the_service_that_answers(question: Question) -> None:
    asker = EVENTS[question.events[0].type].publisher
    answering = {EVENTS[event.type].publisher for event in (*question.answers, *question.signs)}
    assert len(answering) == 1
    assert asker not in answering
    for event in question.events:
        queues = [one for one in SUBSCRIPTIONS.values() if event.type in one.types and one.money]
        assert [one.name.partition(".")[0] for one in queues] == [*answering]


@questions
def test_its_answers_take_effect_in_one_queue_for_money_of_the_asker(question: Question) -> None:
    for event in question.answers:
        queues = [name for name in question.heard_by if event.type in SUBSCRIPTIONS[name].types]
        assert len(queues) == 1
        assert SUBSCRIPTIONS[queues[0]].money
    for event in question.signs:
        assert any(event.type in SUBSCRIPTIONS[name].types for name in question.heard_by)


@questions
def test_question_and_answers_share_the_fields_they_are_tied_by(question: Question) -> None:
    keys = {key_of(EXAMPLES[event.type]) for event in (*question.events, *question.answers, *question.signs)}
    assert len(keys) == 1
    assert None not in keys


def test_no_event_is_part_of_two_questions() -> None:
    said = [event for one in QUESTIONS for event in (*one.events, *one.answers, *one.signs)]
    said += [event for _, _, events in SAID_AGAIN for event in events]
    assert len(said) == len(set(said))
