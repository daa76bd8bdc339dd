"""Composition root: the reviews service, put together in one screen."""

from skillscoop_chassis.http.app import create_app
from skillscoop_chassis.parts import open_parts
from skillscoop_chassis.service import Service
from skillscoop_messages.clock import Clocks
from skillscoop_messages.transport.base import Transport

from skillscoop_reviews import api, jobs, subscribers
from skillscoop_reviews.settings import ReviewsSettings

NAME = "reviews"


def build(settings: ReviewsSettings, *, clocks: Clocks | None = None, transport: Transport | None = None) -> Service:
    """The service, not yet running. `clocks` and `transport` replace those the settings describe."""
    parts = open_parts(settings, NAME, clocks=clocks, transport=transport)
    service = Service(
        name=NAME,
        settings=settings,
        clocks=parts.clocks,
        database=parts.database,
        transport=parts.transport,
        subscribers=list(subscribers.SUBSCRIBERS),
        timers=dict(jobs.TIMERS),
    )
    create_app(service, [api.router], api.PUBLIC_PATHS)
    return service
