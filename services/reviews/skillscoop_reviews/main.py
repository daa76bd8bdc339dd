"""Composition root: the reviews service, put together in one screen."""

from skillscoop_chassis.http.app import create_app
from skillscoop_chassis.service import Service
from skillscoop_chassis.settings import clocks_of
from skillscoop_chassis.sql.database import open_database
from skillscoop_messages.clock import Clocks
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport import open_transport
from skillscoop_messages.transport.base import Transport

from skillscoop_reviews import api, jobs, subscribers
from skillscoop_reviews.settings import ReviewsSettings

NAME = "reviews"


def build(settings: ReviewsSettings, *, clocks: Clocks | None = None, transport: Transport | None = None) -> Service:
    """The service, not yet running. `clocks` and `transport` replace those the settings describe."""
    clocks = clocks or clocks_of(settings)
    service = Service(
        name=NAME,
        settings=settings,
        clocks=clocks,
        database=open_database(
            settings.database_url.get_secret_value(),
            NAME,
            clocks,
            pool=settings.database_pool,
            layer=settings.database_layer,
        ),
        transport=transport
        or open_transport(
            settings.bus_url.get_secret_value(),
            SUBSCRIPTIONS.values(),
            namespace=settings.bus_namespace,
            topology=settings.topology,
        ),
        subscribers=list(subscribers.SUBSCRIBERS),
        timers=dict(jobs.TIMERS),
    )
    create_app(service, [api.router], api.PUBLIC_PATHS)
    return service
