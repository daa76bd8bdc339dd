"""Situation 20: any process killed at any point of the story; started again it goes on, and nothing happens twice.

Real processes over PostgreSQL and RabbitMQ. A kill hits a request on its way: it is armed when a step of the walk is
over, and falls a few milliseconds after the next request was sent.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import httpx2
import pytest
import pytest_asyncio
from skillscoop_chassis.database import open_database
from skillscoop_cli.issuer import issue, key_of
from skillscoop_cli.story.people import cast_of
from skillscoop_cli.story.record import Outcome, Step
from skillscoop_cli.story.walk import Where, walk
from skillscoop_messages.clock import system_clocks, wall_time

from tests.support.broker import remove_namespace
from tests.support.fleet import Fleet, running_fleet
from tests.support.invariants import Sight, invariants
from tests.support.servers.found import Server
from tests.support.world import Stripe

PATIENCE = 45.0
"""Seconds the walk waits for anything: a process that was killed has to start again meanwhile."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fleet(
    postgres_server: Server, rabbit_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Fleet]:
    """Five services and what plays Stripe, each a process of its own."""
    namespace = f"t{os.urandom(5).hex()}"
    folder = tmp_path_factory.mktemp("fleet") / "data"
    small = {"DATABASE_POOL": "3"}
    overrides = dict.fromkeys(("contracts", "payments", "notifications", "disputes", "reviews"), small)
    async with running_fleet(folder, postgres_server.url, rabbit_server.url, namespace, overrides) as started:
        yield started
    await asyncio.to_thread(remove_namespace, rabbit_server.url, namespace)


@pytest_asyncio.fixture(loop_scope="session")
async def sight(fleet: Fleet) -> AsyncIterator[Sight]:
    """The fleet's databases and what plays Stripe."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=30.0))
        databases = {}
        for name, url in fleet.databases.items():
            databases[name] = open_database(url, name, system_clocks(), pool=2)
            stack.push_async_callback(databases[name].close)
        yield Sight(databases, Stripe(f"http://127.0.0.1:{fleet.ports['simulator']}", http))


@dataclass
class Killer:
    """Listens to the walk and kills: after each of the `steps` all of `names`, and starts them again."""

    fleet: Fleet
    names: tuple[str, ...]
    steps: frozenset[int]
    armed: bool = False
    kills: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def chapter(self, title: str) -> None:
        """A part of the story begins."""

    def step(self, step: Step) -> None:
        """A step is over: the next request may be the last one a process sees."""
        self.armed = self.armed or step.number in self.steps

    def closing(self, outcome: Outcome) -> None:
        """The story is over."""

    def route(self, _path: str) -> str:
        """The address of every path; asked for just before each request."""
        if self.armed:
            self.armed = False
            self._tasks.add(asyncio.create_task(self._strike(0.004 * self.kills)))
            self.kills += 1
        return self.fleet.url

    async def _strike(self, delay: float) -> None:
        await asyncio.sleep(delay)
        for name in self.names:
            self.fleet.kill(name)
        for name in self.names:
            self.fleet.start(name)

    async def over(self) -> None:
        """The last one that was killed is back."""
        await asyncio.gather(*self._tasks)
        await self.fleet.ready(self.names)


SERVICES = ("contracts", "payments", "notifications", "disputes", "reviews")
VICTIMS = [
    pytest.param(("contracts",), range(1, 30, 5), id="contracts"),
    pytest.param(("payments",), range(7, 30, 3), id="payments"),
    pytest.param(("notifications",), range(2, 30, 6), id="notifications"),
    pytest.param(("disputes",), range(15, 22), id="disputes"),
    pytest.param(("reviews",), range(20, 30, 2), id="reviews"),
    pytest.param(("simulator",), range(7, 30, 4), id="stripe"),
    pytest.param((*SERVICES, "simulator"), (9, 13, 19), id="everything"),
]


@pytest.mark.parametrize(("names", "steps"), VICTIMS)
async def test_the_story_goes_on_after_kill_minus_nine(
    fleet: Fleet, sight: Sight, names: tuple[str, ...], steps: range
) -> None:
    key = key_of(fleet.data)
    cast = cast_of(lambda user, roles: issue(key, user, roles, timedelta(hours=1), wall_time()))
    killer = Killer(fleet, names, frozenset(steps))

    outcome = await walk(Where(fleet.url, killer.route, killer.route, patience=PATIENCE), cast, killer)

    await killer.over()
    assert outcome.ok, outcome.error
    assert killer.kills >= 3
    assert outcome.totals["contract"]["held"] == outcome.totals["contract"]["in_transit"] == 0
    await invariants(sight)
