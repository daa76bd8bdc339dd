"""What exchange and queues are called at the broker, and what they are declared with.

Valid on RabbitMQ from 3.10 to 4.x. Arguments of a queue can never be changed in place: other arguments need another
queue name. A namespace stands before every name, followed by a dot, and keeps systems apart on one broker.
"""

from skillscoop_messages.transport.base import DEAD

EXCHANGE = "skillscoop.events"
DELIVERY_LIMIT = 20
NO_LIMIT = 1_000_000_000


def _named(name: str, namespace: str) -> str:
    return f"{namespace}.{name}" if namespace else name


def exchange_name(namespace: str = "") -> str:
    """The one topic exchange; routing keys are event types."""
    return _named(EXCHANGE, namespace)


def queue_name(subscription: str, namespace: str = "") -> str:
    """The queue of a subscription, which bears its name: `<service>.<function>`."""
    return _named(subscription, namespace)


def dead_queue_name(subscription: str, namespace: str = "") -> str:
    """Where the broker puts what it could not get rid of on the subscription's queue."""
    return queue_name(subscription, namespace) + DEAD


def queue_arguments(name: str) -> dict[str, str | int]:
    """The arguments of a queue, by its full name.

    A message that came back 20 times moves to the dead queue. At-least-once dead-lettering, which loses none on that
    way, asks for `reject-publish`; without a length limit nothing is ever rejected. The dead queue itself has no way
    out, so it gets a limit nobody reaches: from version 4 on the broker drops messages after 20 tries by default.
    """
    if name.endswith(DEAD):
        return {"x-queue-type": "quorum", "x-delivery-limit": NO_LIMIT}
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": name + DEAD,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
