"""Composition root: the contracts service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skillscoop_chassis.http.app import create_app
from skillscoop_chassis.parts import open_parts
from skillscoop_chassis.service import Service
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_messages.clock import Clocks
from skillscoop_messages.transport.base import Transport

from skillscoop_contracts import api, subscribers, usecases
from skillscoop_contracts.settings import ContractsSettings

NAME = "contracts"


def build(settings: ContractsSettings, *, clocks: Clocks | None = None, transport: Transport | None = None) -> Service:
    """The service, not yet running. `clocks` and `transport` replace those the settings describe."""
    parts = open_parts(settings, NAME, clocks=clocks, transport=transport)
    database = parts.database
    service = Service(
        name=NAME,
        settings=settings,
        clocks=parts.clocks,
        database=database,
        transport=parts.transport,
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
