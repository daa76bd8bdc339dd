"""The contracts service on both databases, its first policy recorded."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from skillscoop_contracts.main import build
from skillscoop_contracts.settings import ContractsSettings

from tests.integration.contracts.contracts_service import ContractsService
from tests.support.identity import Issuer
from tests.support.one_service import on_stage


@pytest.fixture
async def service(database_url: str, keys: Issuer, jwks_file: Path) -> AsyncIterator[ContractsService]:
    """A client, a freelancer, and the service: once on SQLite and once on PostgreSQL."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(on_stage(build, ContractsSettings, keys, database_url, jwks_file))
        for resource in stage.service.resources:
            await stack.enter_async_context(resource)
        yield ContractsService(stage)
