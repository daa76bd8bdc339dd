"""The disputes service on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from skillscoop_disputes.main import build
from skillscoop_disputes.settings import DisputesSettings

from tests.integration.disputes.case import Case
from tests.support.identity import Issuer
from tests.support.one_service import on_stage


@pytest.fixture
async def case(database_url: str, keys: Issuer, jwks_file: Path) -> AsyncIterator[Case]:
    """A contract with two funded milestones, once on SQLite and once on PostgreSQL; nothing is disputed yet."""
    async with on_stage(build, DisputesSettings, keys, database_url, jwks_file, evidence_max_bytes=1_000) as stage:
        ready = Case(stage)
        await ready.fund()
        yield ready
