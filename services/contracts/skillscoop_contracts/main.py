"""Composition root: the contracts service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skillscoop_chassis.http.app import create_app
from skillscoop_chassis.service import Service
from skillscoop_chassis.settings import clocks_of
from skillscoop_chassis.sql.database import SqlDatabase, open_database
from skillscoop_messages.clock import Clocks
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport import open_transport
from skillscoop_messages.transport.base import Transport

from skillscoop_contracts import api, subscribers, usecases
from skillscoop_contracts.settings import ContractsSettings

NAME = "contracts"


def build(settings: ContractsSettings, *, clocks: Clocks | None = None, transport: Transport | None = None) -> Service:
    """The service, not yet running. `clocks` and `transport` replace those the settings describe."""
    clocks = clocks or clocks_of(settings)
    database = open_database(
        settings.database_url.get_secret_value(),
        NAME,
        clocks,
        pool=settings.database_pool,
        layer=settings.database_layer,
    )
    service = Service(
        name=NAME,
        settings=settings,
        clocks=clocks,
        database=database,
        transport=transport
        or open_transport(
            settings.bus_url.get_secret_value(),
            SUBSCRIPTIONS.values(),
            namespace=settings.bus_namespace,
            topology=settings.topology,
        ),
        subscribers=list(subscribers.SUBSCRIBERS),
        timers=dict(usecases.TIMERS),
        resources=[_first_policy(database)],
    )
    create_app(service, [api.router], api.PUBLIC_PATHS)
    return service


@asynccontextmanager
async def _first_policy(database: SqlDatabase) -> AsyncIterator[None]:
    """Before anything else: version 1 of the policy is recorded, once, whichever process comes first."""
    async with database.begin() as tx:
        await usecases.ensure_policy(tx)
    yield
