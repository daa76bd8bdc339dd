"""Stripe's webhooks: believed by their signature, kept once, answered. Nothing else happens in the request."""

import logging
from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import SecretStr
from skillscoop_chassis.http.dependencies import WriteRequest
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.problems import Problem, documented, register_codes
from starlette.responses import Response

from skillscoop_payments.adapters.stripe_events import Endpoint, ProviderEvent, WebhookRefused, read, verify
from skillscoop_payments.api.dependencies import dependencies_of, settings_of
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


async def _keep(request: WriteRequest, endpoint: Endpoint, secrets: Sequence[SecretStr]) -> Response:
    """Verify, insert once, commit, 200. A delivery that is refused leaves nothing behind."""
    settings, deps = settings_of(request), dependencies_of(request)
    try:
        verify(
            request.body,
            request.request.headers.get("stripe-signature", ""),
            [secret.get_secret_value() for secret in secrets],
            request.service.clocks.wall(),
        )
        provider_event: ProviderEvent = read(request.body, endpoint, live=settings.live)
    except WebhookRefused as error:
        request.count_refusal()
        LOG.warning("a webhook at %s was refused: %s", endpoint, error)
        raise Problem("webhook_refused", "This delivery is not accepted.") from error
    tx = await request.begin(replay=False)
    await operations.keep_provider_event(
        tx,
        origin=endpoint,
        event_id=provider_event.event_id,
        type=provider_event.type,
        subject=provider_event.subject,
        subject_ref=provider_event.ref,
        payload=provider_event.payload,
    )
    tx.after_commit(deps.poll)
    return await request.reply(RECEIVED)


@router.post(
    "/webhooks/stripe",
    responses=documented(400),
    summary="Stripe's events about the platform",
    openapi_extra=MATCH_UNUSED,
)
async def receive_platform_event(request: WriteRequest) -> Response:
    """Snapshot events of our own objects."""
    return await _keep(request, "platform", settings_of(request).stripe_webhook_secrets)


@router.post(
    "/webhooks/stripe/connect",
    responses=documented(400),
    summary="Stripe's events about freelancers' accounts",
    openapi_extra=MATCH_UNUSED,
)
async def receive_connect_event(request: WriteRequest) -> Response:
    """Snapshot events of connected accounts."""
    settings = settings_of(request)
    return await _keep(request, "connect", settings.stripe_connect_webhook_secrets or settings.stripe_webhook_secrets)


@router.post(
    "/webhooks/stripe/thin",
    responses=documented(400),
    summary="Stripe's thin events",
    openapi_extra=MATCH_UNUSED,
)
async def receive_thin_event(request: WriteRequest) -> Response:
    """Thin events: they name an account, and we ask how it is."""
    settings = settings_of(request)
    return await _keep(request, "thin", settings.stripe_thin_webhook_secrets or settings.stripe_webhook_secrets)
