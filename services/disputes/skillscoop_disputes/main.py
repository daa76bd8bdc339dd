"""Composition root: the disputes service, put together in one screen."""

from skillscoop_chassis.http.app import create_app
from skillscoop_chassis.http.bodies import BodyRule
from skillscoop_chassis.parts import open_parts
from skillscoop_chassis.service import Service
from skillscoop_messages.clock import Clocks
from skillscoop_messages.transport.base import Transport

from skillscoop_disputes import api, jobs, subscribers
from skillscoop_disputes.settings import DisputesSettings

NAME = "disputes"
UPLOAD_FRAME_BYTES = 16_384


def build(settings: DisputesSettings, *, clocks: Clocks | None = None, transport: Transport | None = None) -> Service:
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
        outside={"agents": {}},
    )
    uploads = BodyRule(api.EVIDENCE_PATH, limit=settings.evidence_max_bytes + UPLOAD_FRAME_BYTES, kind="upload")
    create_app(service, [api.router], api.PUBLIC_PATHS, bodies=[uploads])
    return service
