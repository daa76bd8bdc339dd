"""Situation 20: any process killed at any point of the trace; started again it goes on, and nothing happens twice.

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
from skillscoop_chassis.sql.database import open_database
from skillscoop_cli.issuer import issue, key_of
from skillscoop_cli.story.people import cast_of
from skillscoop_cli.story.record import Outcome, Step
from skillscoop_cli.story.walk import Where, walk
from skillscoop_messages.clock import system_clocks, wall_time
from skillscoop_messages.registry import SERVICES

from tests.support.broker import remove_namespace
from tests.support.databases import FreshDatabases
from tests.support.invariants import Sight, invariants
from tests.support.processes import Processes, running_processes
from tests.support.servers.found import Server
from tests.support.system import Stripe, Templates

PATIENCE = 45.0
"""Seconds the walk waits for anything: a process that was killed has to start again meanwhile."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def processes(
    fresh_databases: FreshDatabases,
    postgres_server: Server,
    rabbit_server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Processes]:
    """Five services and what plays Stripe, each a process of its own."""
    folder, bus = tmp_path_factory.mktemp("processes"), rabbit_server.url
    templates = Templates(folder)
    backing = templates.servers(fresh_databases, bus, f"t{os.urandom(5).hex()}")
    overrides = {name: {"DATABASE_POOL": "3"} for name in SERVICES}
    async with running_processes(
        folder / "data", postgres_server.url, bus, backing.namespace, overrides, databases=backing.databases
    ) as started:
        yield started
    await asyncio.to_thread(remove_namespace, bus, backing.namespace)
    templates.done(fresh_databases)
    for url in backing.databases.values():
        fresh_databases.done_with(url)


@pytest_asyncio.fixture(loop_scope="session")
async def sight(processes: Processes) -> AsyncIterator[Sight]:
    """The processes' databases and what plays Stripe."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=30.0))
        databases = {}
        for name, url in processes.databases.items():
            databases[name] = open_database(url, name, system_clocks(), pool=2)
            stack.push_async_callback(databases[name].close)
        yield Sight(databases, Stripe(f"http://127.0.0.1:{processes.ports['simulator']}", http))


@dataclass
class Killer:
    """Listens to the walk and kills: after each of the `steps` all of `names`, and starts them again."""

    processes: Processes
    names: tuple[str, ...]
    steps: frozenset[int]
    armed: bool = False
    kills: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def chapter(self, title: str) -> None:
        """A part of the trace begins."""

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
        return self.processes.url

    async def _strike(self, delay: float) -> None:
        await asyncio.sleep(delay)
        for name in self.names:
            self.processes.kill(name)
        for name in self.names:
            self.processes.start(name)

    async def over(self) -> None:
        """The last one that was killed is back."""
        await asyncio.gather(*self._tasks)
        await self.processes.ready(self.names)


def errors_of(processes: Processes) -> str:
    """What the processes wrote of errors, the latest of each."""
    logs = {name: processes.log_of(name).read_text(errors="replace") for name in processes.running}
    return "\n".join(
        f"{name}: {log[log.rindex('Traceback') :][-3_000:]}" for name, log in logs.items() if "Trace" in log
    )


VICTIMS = [
    pytest.param(("contracts",), (2, 8, 21), id="contracts"),
    pytest.param(("payments",), (7, 9, 13, 20), id="payments"),
    pytest.param(("notifications",), (11, 23), id="notifications"),
    pytest.param(("disputes",), (17, 19, 20), id="disputes"),
    pytest.param(("reviews",), (22, 23), id="reviews"),
    pytest.param(("simulator",), (7, 9, 13, 20), id="stripe"),
    pytest.param((*SERVICES, "simulator"), (12, 20), id="everything"),
]
"""Who is killed, and after which steps of the walk: where it has something in hand."""


@pytest.mark.parametrize(("names", "steps"), VICTIMS)
async def test_the_story_goes_on_after_kill_minus_nine(
    processes: Processes, sight: Sight, names: tuple[str, ...], steps: tuple[int, ...]
) -> None:
    key = key_of(processes.data)
    cast = cast_of(lambda user, roles: issue(key, user, roles, timedelta(hours=1), wall_time()))
    killer = Killer(processes, names, frozenset(steps))

    outcome = await walk(Where(processes.url, killer.route, killer.route, patience=PATIENCE), cast, killer)

    await killer.over()
    if outcome.error:
        pytest.fail(f"{outcome.error}\n{errors_of(processes)}")
    assert outcome.ok
    assert killer.kills == len(steps)
    assert outcome.totals["contract"]["held"] == outcome.totals["contract"]["in_transit"] == 0
    await invariants(sight)
