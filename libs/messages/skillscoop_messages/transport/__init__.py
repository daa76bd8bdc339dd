"""How messages travel: over RabbitMQ, through a SQLite file, or step by step in a simulation."""

from collections.abc import Collection
from pathlib import Path

from skillscoop_messages.transport.base import Subscription, Transport

__all__ = ["open_transport"]


def open_transport(
    bus_url: str, subscriptions: Collection[Subscription], *, namespace: str = "", topology: str = "declare"
) -> Transport:
    """The transport a BUS_URL names: `amqp://…`, `amqps://…` or `embedded:///absolute/path.sqlite`; not yet open.

    `subscriptions` are all of the registry's, not only those of this process. Raises ValueError for another URL, or
    for a topology that is neither `declare` nor `check`.
    """
    kind, _, rest = bus_url.partition("://")
    if kind in ("amqp", "amqps"):
        from skillscoop_messages.transport.rabbitmq import RabbitTransport

        if topology not in ("declare", "check"):
            raise ValueError("TOPOLOGY must be declare or check")
        return RabbitTransport(bus_url, subscriptions, namespace, "check" if topology == "check" else "declare")
    if kind == "embedded" and rest.startswith("/"):
        from skillscoop_messages.transport.embedded import EmbeddedTransport

        return EmbeddedTransport(Path(rest), subscriptions)
    raise ValueError("BUS_URL must begin with amqp://, amqps:// or embedded:///")
