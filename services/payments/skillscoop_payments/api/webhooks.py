"""Stripe's webhooks: believed by their signature, kept once, answered. Nothing else happens in the request."""

import logging
from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import SecretStr
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.problems import Problem, documented, register_codes
from starlette.responses import Response

from skillscoop_payments.adapters.stripe_events import Endpoint, Notice, WebhookRefused, read, verify
from skillscoop_payments.api.doors import Change, office_of, settings_of
from skillscoop_payments.repository import operations

LOG = logging.getLogger(__name__)
router = APIRouter(tags=["webhooks"])
RECEIVED = {"received": True}

register_codes(
    {
        "webhook_refused": (
            400,
            "The delivery was not accepted",
            "Its signature is missing, wrong, too old or from the future, or it is not meant for this address.",
        )
    }
)


async def _keep(work: Change, endpoint: Endpoint, secrets: Sequence[SecretStr]) -> Response:
    """Verify, insert once, commit, 200. A delivery that is refused leaves nothing behind."""
    settings, office = settings_of(work), office_of(work)
    try:
        verify(
            work.body,
            work.request.headers.get("stripe-signature", ""),
            [secret.get_secret_value() for secret in secrets],
            work.service.clocks.wall(),
        )
        notice: Notice = read(work.body, endpoint, live=settings.live)
    except WebhookRefused as error:
        work.count_refusal()
        LOG.warning("a webhook at %s was refused: %s", endpoint, error)
        raise Problem("webhook_refused", "This delivery is not accepted.") from error
    tx = await work.begin(replay=False)
    await operations.notice(
        tx,
        origin=endpoint,
        event_id=notice.event_id,
        type=notice.type,
        subject=notice.subject,
        subject_ref=notice.ref,
        payload=notice.payload,
    )
    tx.after_commit(office.look)
    return await work.reply(RECEIVED)


@router.post(
    "/webhooks/stripe",
    responses=documented(400),
    summary="Stripe's events about the platform",
    openapi_extra=MATCH_UNUSED,
)
async def receive_platform_event(work: Change) -> Response:
    """Snapshot events of our own objects."""
    return await _keep(work, "platform", settings_of(work).stripe_webhook_secrets)


@router.post(
    "/webhooks/stripe/connect",
    responses=documented(400),
    summary="Stripe's events about freelancers' accounts",
    openapi_extra=MATCH_UNUSED,
)
async def receive_connect_event(work: Change) -> Response:
    """Snapshot events of connected accounts."""
    settings = settings_of(work)
    return await _keep(work, "connect", settings.stripe_connect_webhook_secrets or settings.stripe_webhook_secrets)


@router.post(
    "/webhooks/stripe/thin",
    responses=documented(400),
    summary="Stripe's thin events",
    openapi_extra=MATCH_UNUSED,
)
async def receive_thin_event(work: Change) -> Response:
    """Thin events: they name an account, and we ask how it is."""
    settings = settings_of(work)
    return await _keep(work, "thin", settings.stripe_thin_webhook_secrets or settings.stripe_webhook_secrets)
