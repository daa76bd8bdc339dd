"""The whole system for each situation: once on SQLite and the embedded transport, once on PostgreSQL and RabbitMQ.

A running system serves many tests, since every one brings new people; after each of them nothing may be wrong
anywhere in it.
A running system in which a test failed is thrown away.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from tests.acceptance.contract_flow import ContractFlow, sight_of
from tests.support.broker import remove_namespace
from tests.support.databases import FreshDatabases
from tests.support.invariants import invariants
from tests.support.system import Backing, System, Templates, running_system

HERE = Path(__file__).parent
FAILED = pytest.StashKey[bool]()
TESTS_PER_SYSTEM = 20
"""So many tests share a system: making one takes as long as a test, and looking through a full one ever longer."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all situations, because running systems live longer than a test."""
    for item in items:
        if HERE in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember whether the test itself failed, for what comes after it."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@dataclass
class SystemPool:
    """The running system in use, and how to make another. `servers`: databases and bus, None for embedded."""

    folder: Path
    templates: Templates
    servers: tuple[FreshDatabases, str] | None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _system: System | None = None
    _made: int = 0
    _tests: int = 0

    async def system(self) -> System:
        """The system in use."""
        if self._tests == TESTS_PER_SYSTEM:
            await self.throw_away()
        self._tests += 1
        if self._system is None:
            self._made += 1
            self._stack = AsyncExitStack()
            backing = await self._stack.enter_async_context(self._backing())
            running = running_system(self.folder / f"data{self._made}", backing)
            self._system = await self._stack.enter_async_context(running)
        return self._system

    async def throw_away(self) -> None:
        """End the system in use and remove what it ran on."""
        self._system, self._tests = None, 0
        await self._stack.aclose()

    @asynccontextmanager
    async def _backing(self) -> AsyncIterator[Backing]:
        """A backing on which nothing has happened."""
        if self.servers is None:
            yield self.templates.sqlite(self.folder / f"databases{self._made}")
            return
        fresh, bus = self.servers
        backing = self.templates.servers(fresh, bus, f"t{os.urandom(5).hex()}")
        try:
            yield backing
        finally:
            for url in backing.databases.values():
                fresh.done_with(url)
            await asyncio.to_thread(remove_namespace, bus, backing.namespace)


STACKS = ["embedded", pytest.param("servers", marks=pytest.mark.servers)]


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=STACKS)
async def pool(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SystemPool]:
    """Each stack in turn."""
    folder = tmp_path_factory.mktemp(f"system-{request.param}")
    servers = None
    if request.param == "servers":
        servers = (request.getfixturevalue("fresh_databases"), request.getfixturevalue("rabbit_server").url)
    made = SystemPool(folder, Templates(folder), servers)
    yield made
    await made.throw_away()
    if servers is not None:
        made.templates.done(servers[0])


@pytest_asyncio.fixture(loop_scope="session")
async def system(pool: SystemPool, request: pytest.FixtureRequest) -> AsyncIterator[System]:
    """The whole system, running; when the test is over, nothing may be wrong in it."""
    running = await pool.system()
    yield running
    if running.spoilt or request.node.stash.get(FAILED, True):
        await pool.throw_away()
        return
    try:
        await running.stripe.no_more_faults()
        await running.stripe.play("/webhooks", hold=False, duplicate=False, shuffle=False, drop=0)
        await running.hurry()
        await invariants(sight_of(running))
    except BaseException:
        await pool.throw_away()
        raise


@pytest.fixture
def flow(system: System) -> ContractFlow:
    """New people who are about to work together."""
    return ContractFlow(system, system.cast())
