"""The payments service on both databases, against the simulator of Stripe over loopback, through the official SDK."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from skillscoop_payments.main import build
from skillscoop_payments.settings import PaymentsSettings

from tests.integration.payments.desk import SECRET, THIN_SECRET, Desk, playing_stripe
from tests.support.identity import Issuer
from tests.support.one_service import on_stage


@pytest.fixture
async def desk(database_url: str, keys: Issuer, jwks_file: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """A client, a freelancer, Stripe's stand-in and the service: once on SQLite and once on PostgreSQL."""
    async with AsyncExitStack() as stack:
        stripe = await stack.enter_async_context(playing_stripe(tmp_path / "stripe"))
        own = {
            "stripe_api_base": stripe.url,
            "stripe_webhook_secrets": ["whsec_before_the_rotation", SECRET],
            "stripe_thin_webhook_secrets": [THIN_SECRET],
            "return_url": "http://here/v1/returned",
            "return_url_origins": ("https://app.example",),
            "stripe_timeout": 3.0,
        }
        stage = await stack.enter_async_context(on_stage(build, PaymentsSettings, keys, database_url, jwks_file, **own))
        for resource in stage.service.resources:
            await stack.enter_async_context(resource)
        yield Desk(stage, stripe)
