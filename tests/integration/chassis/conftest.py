"""The example service on a fresh database of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from skillscoop_chassis.service import Service

from tests.support.databases import create_tables
from tests.support.example import TARGETS, build, settings_for


@pytest.fixture
async def service(database_url: str, jwks_file: Path) -> AsyncIterator[Service]:
    """The example service; nothing of it runs by itself."""
    create_tables(database_url, TARGETS)
    built = build(settings_for(database_url, jwks_file))
    yield built
    await built.database.close()


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the example service."""
    assert service.app is not None
    transport = httpx2.ASGITransport(app=service.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client
