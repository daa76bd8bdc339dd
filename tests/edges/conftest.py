"""All services, set up once for all edges: the scenes are set once, and every test begins where they ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from tests.edges.all_services import AllServices, Kept, open_all_services
from tests.edges.scenes import Scene, all_scenes
from tests.support.identity import Issuer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for everything here, because the services outlive a test."""
    for item in items:
        if HERE in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@dataclass(frozen=True)
class Prepared:
    """The services with their scenes, and how they were when they ended."""

    all_services: AllServices
    scenes: dict[str, Scene]
    kept: Kept


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole(tmp_path_factory: pytest.TempPathFactory, keys: Issuer) -> AsyncIterator[Prepared]:
    """Everything, set up once."""
    async with open_all_services(tmp_path_factory.mktemp("edges"), keys) as all_services:
        scenes = await all_scenes(all_services)
        yield Prepared(all_services, scenes, all_services.keep())


@pytest.fixture
def all_services(whole: Prepared) -> AllServices:
    """The services as they were after the last scene."""
    whole.all_services.bring_back(whole.kept)
    return whole.all_services


@pytest.fixture
def scenes(whole: Prepared) -> dict[str, Scene]:
    """The scenes by name."""
    return whole.scenes
