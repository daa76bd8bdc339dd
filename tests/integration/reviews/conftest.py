"""The reviews service on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from skillscoop_reviews.main import build
from skillscoop_reviews.settings import ReviewsSettings

from tests.support.identity import Issuer
from tests.support.one_service import OneService, on_stage


@pytest.fixture
async def stage(database_url: str, keys: Issuer, jwks_file: Path) -> AsyncIterator[OneService]:
    """The service, once on SQLite and once on PostgreSQL."""
    async with on_stage(build, ReviewsSettings, keys, database_url, jwks_file) as one:
        yield one
