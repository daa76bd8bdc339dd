"""One house for all edges: the scenes are set once, and every test begins where they ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from tests.edges.house import House, Kept, open_house
from tests.edges.scenes import Scene, all_scenes
from tests.support.identity import Issuer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for everything here, because the house outlives a test."""
    for item in items:
        if HERE in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@dataclass(frozen=True)
class Set:
    """The house with its scenes, and how it was when they ended."""

    house: House
    scenes: dict[str, Scene]
    kept: Kept


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole(tmp_path_factory: pytest.TempPathFactory, keys: Issuer) -> AsyncIterator[Set]:
    """Everything, set up once."""
    async with open_house(tmp_path_factory.mktemp("edges"), keys) as house:
        scenes = await all_scenes(house)
        yield Set(house, scenes, house.keep())


@pytest.fixture
def house(whole: Set) -> House:
    """The house as it was after the last scene."""
    whole.house.bring_back(whole.kept)
    return whole.house


@pytest.fixture
def scenes(whole: Set) -> dict[str, Scene]:
    """The scenes by name."""
    return whole.scenes
