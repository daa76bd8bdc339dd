"""What every service opens alike from its settings: its clocks, its database and its transport."""

from __future__ import annotations

from dataclasses import dataclass

from skillscoop_messages.clock import Clocks
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport import open_transport
from skillscoop_messages.transport.base import Transport

from skillscoop_chassis.settings import ServiceSettings, clocks_of
from skillscoop_chassis.sql.database import SqlDatabase, open_database


@dataclass(frozen=True)
class Parts:
    """What a service is built upon. Nothing is connected yet."""

    clocks: Clocks
    database: SqlDatabase
    transport: Transport


def open_parts(
    settings: ServiceSettings, name: str, *, clocks: Clocks | None = None, transport: Transport | None = None
) -> Parts:
    """The parts of the service `name`. `clocks` and `transport` replace those the settings describe."""
    clocks = clocks or clocks_of(settings)
    database = open_database(
        settings.database_url.get_secret_value(),
        name,
        clocks,
        pool=settings.database_pool,
        layer=settings.database_layer,
    )
    transport = transport or open_transport(
        settings.bus_url.get_secret_value(),
        list(SUBSCRIPTIONS.values()),
        namespace=settings.bus_namespace,
        topology=settings.topology,
    )
    return Parts(clocks, database, transport)
