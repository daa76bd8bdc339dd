"""Names and shapes at the broker, all made from the registry: exchange, queues, bindings, and the documents about them.

A namespace keeps several systems apart on one broker: it stands before every name, followed by a dot.
"""

from collections.abc import Mapping
from typing import Any

from skillscoop_messages.registry import ENTRIES, QUESTIONS, SUBSCRIPTIONS, EventEntry
from skillscoop_messages.schemas import dereferenced, event_schema, summary
from skillscoop_messages.transport.base import DEAD, Subscription
from skillscoop_messages.transport.names import EXCHANGE, dead_queue_name, exchange_name, queue_arguments, queue_name

__all__ = [
    "EXCHANGE",
    "asyncapi",
    "bindings",
    "dead_queue_name",
    "definitions",
    "envelope_schema",
    "event_table",
    "exchange_name",
    "listeners",
    "queue_arguments",
    "queue_name",
]

EXCHANGE_TYPE = "topic"


def bindings(subscription: Subscription) -> tuple[str, ...]:
    """The routing keys that lead to a subscription's queue: the event types, no wildcards."""
    return subscription.types


def definitions(namespace: str = "", vhost: str = "/") -> dict[str, Any]:
    """What RabbitMQ's `definitions.json` has to hold so that services may only check and not declare."""
    queues, bound = [], []
    for subscription in SUBSCRIPTIONS.values():
        name = queue_name(subscription.name, namespace)
        queues += [_queue(name, vhost), _queue(name + DEAD, vhost)]
        bound += [_binding(exchange_name(namespace), name, key, vhost) for key in bindings(subscription)]
    return {
        "vhosts": [{"name": vhost}],
        "exchanges": [
            {
                "name": exchange_name(namespace),
                "vhost": vhost,
                "type": EXCHANGE_TYPE,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
        ],
        "queues": queues,
        "bindings": bound,
    }


def _queue(name: str, vhost: str) -> dict[str, Any]:
    return {"name": name, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": queue_arguments(name)}


def _binding(exchange: str, queue: str, key: str, vhost: str) -> dict[str, Any]:
    return {
        "source": exchange,
        "vhost": vhost,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }


def listeners(event_type: str) -> list[str]:
    """The subscriptions an event type reaches, in the registry's order."""
    return [name for name, subscription in SUBSCRIPTIONS.items() if event_type in subscription.types]


def event_table() -> str:
    """Every event as a Markdown table: who says it, what it means, what it carries, whom it reaches."""
    head = [
        "| event | meaning | carries | told to | who reacts | asked until |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join(head + [_table_row(entry) for entry in ENTRIES]) + "\n"


def _table_row(entry: EventEntry) -> str:
    fields = ", ".join(f"`{name}`" for name in entry.event.model_fields if name != "object")
    cells = (
        f"`{entry.type}`",
        summary(entry.event),
        fields,
        ", ".join(sorted(entry.recipients)) or "nobody",
        ", ".join(f"`{name}`" for name in listeners(entry.type)) or "nobody",
        _asked_until(entry),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _asked_until(entry: EventEntry) -> str:
    """The events that end the repeating of a question; empty for what nobody has to answer."""
    return ", ".join(f"`{event.type}`" for one in QUESTIONS if entry.event in one.events for event in one.answers)


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the whole system: a channel per event, what each service sends and receives."""
    # Only documents and tests need the examples; no service's process should carry them.
    from skillscoop_messages.examples import example_documents

    examples = example_documents()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "SkillScoop events",
            "version": "1",
            "description": "What SkillScoop's services tell each other. Delivered at least once, in any order.",
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "rabbitmq": {
                "host": "rabbitmq:5672",
                "protocol": "amqp",
                "description": f"One topic exchange, `{EXCHANGE}`; a quorum queue per subscription.",
            }
        },
        "channels": {entry.type: _channel(entry) for entry in ENTRIES},
        "operations": _operations(),
        "components": {"messages": {entry.type: _message(entry, examples) for entry in ENTRIES}},
    }


def _channel(entry: EventEntry) -> dict[str, Any]:
    return {
        "address": entry.type,
        "title": summary(entry.event),
        "messages": {"event": {"$ref": f"#/components/messages/{entry.type}"}},
        "bindings": {
            "amqp": {"is": "routingKey", "exchange": {"name": EXCHANGE, "type": EXCHANGE_TYPE, "durable": True}}
        },
    }


def _operations() -> dict[str, Any]:
    sent = {
        f"{entry.publisher}.send.{entry.type}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{entry.type}"},
            "summary": f"{entry.publisher} says it.",
        }
        for entry in ENTRIES
    }
    received = {
        f"{name}.receive.{event_type}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{event_type}"},
            "summary": f"{name.replace('.', ': ').replace('_', ' ')}.",
            "bindings": {"amqp": {"ack": True}},
            "x-queue": name,
        }
        for name, subscription in SUBSCRIPTIONS.items()
        for event_type in subscription.types
    }
    return sent | received


def _message(entry: EventEntry, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": entry.type,
        "title": entry.event.__name__,
        "summary": summary(entry.event),
        "contentType": "application/cloudevents+json",
        "payload": envelope_schema(entry),
        "examples": [{"name": "example", "payload": examples[entry.type]}],
        "x-recipients": sorted(entry.recipients),
    }


def envelope_schema(entry: EventEntry) -> dict[str, Any]:
    """JSON Schema of the whole document that travels: CloudEvents attributes, our extensions, and the event's data."""
    text = {"type": "string"}
    return {
        "type": "object",
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "dataschema", "correlationid", "sequence", "data",
        ],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "source": {"const": f"/services/{entry.publisher}"},
            "type": {"const": entry.type},
            "subject": text,
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string", "format": "uri"},
            "correlationid": text,
            "causationid": text,
            "sequence": {"type": "string", "pattern": "^[0-9]+$"},
            "traceparent": text,
            "data": dereferenced(event_schema(entry.event)),
        },
    }  # fmt: skip
