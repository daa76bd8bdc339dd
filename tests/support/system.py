"""All five services in this process with the stand-in for Stripe, behind real sockets of this machine.

    async with running_system(folder, backing) as system:
        system.url, system.stripe, system.services["contracts"], system.pass_time(days=3)

A backing is what a system runs on: SQLite files and the embedded transport, or PostgreSQL and RabbitMQ. Services can
be stopped and started again one by one; everything they did stays.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx2
import sqlalchemy as sa
import stripe_simulator
from pydantic import SecretStr
from skillscoop_chassis.migrations import migrate
from skillscoop_chassis.running import running
from skillscoop_chassis.service import Service
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_cli.embedded import composition, messaging
from skillscoop_cli.embedded.gateway import Front
from skillscoop_cli.embedded.server import LOOPBACK, bound, serving
from skillscoop_cli.folder import DataFolder, open_folder
from skillscoop_cli.issuer import issue, key_of
from skillscoop_cli.story.people import Cast, cast_of
from skillscoop_messages.clock import Clocks, shifted_clocks, wall_time
from skillscoop_messages.outbox import record
from skillscoop_messages.registry import SERVICES
from skillscoop_messages.tables import OUTBOX
from skillscoop_messages.transport.base import Transport
from skillscoop_payments.tables import PROVIDER_EVENTS, STRIPE_OPERATIONS

from tests.support.databases import FreshDatabases
from tests.support.lossy import Losses, LossyTransport

T = TypeVar("T")
Kind = Literal["embedded", "servers"]
LISTS = {"transfer": "/v1/transfers", "refund": "/v1/refunds", "v2.core.account": "/v2/core/accounts"}
PATIENCE = 30.0
"""Seconds after which something surely does not come to pass any more; nothing is asserted about how long it takes."""


@dataclass(frozen=True)
class Backing:
    """What a system runs on. `databases` are migrated, by service; `bus` is RabbitMQ's address, None: embedded."""

    kind: Kind
    databases: Mapping[str, str]
    bus: str | None = None
    namespace: str = ""


class Templates:
    """Migrated databases of every service, made once and copied for each system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._postgres: dict[str, str] = {}

    def sqlite(self, into: Path) -> Backing:
        """A backing of SQLite files in `into`."""
        into.mkdir(parents=True, exist_ok=True)
        databases = {}
        for service in SERVICES:
            template = self._folder / f"{service}.sqlite"
            if not template.exists():
                migrate(f"sqlite:///{template}", composition.migrations_of(service))
            shutil.copy(template, into / template.name)
            databases[service] = f"sqlite:///{into / template.name}"
        return Backing("embedded", databases)

    def servers(self, fresh: FreshDatabases, bus: str, namespace: str) -> Backing:
        """A backing of databases on a PostgreSQL server, and queues under `namespace`."""
        for service in SERVICES:
            if service not in self._postgres:
                self._postgres[service] = fresh.new(f"template_{service}")
                migrate(self._postgres[service], composition.migrations_of(service))
        databases = {
            service: fresh.new(service, template=str(sa.make_url(url).database))
            for service, url in self._postgres.items()
        }
        return Backing("servers", databases, bus, namespace)

    def done(self, fresh: FreshDatabases) -> None:
        """Nobody copies the PostgreSQL templates any more."""
        for url in self._postgres.values():
            fresh.done_with(url)
        self._postgres.clear()


@dataclass(frozen=True)
class Stripe:
    """Stripe's stand-in: its control plane, its objects, and its API as somebody else than us would call it."""

    url: str
    http: httpx2.AsyncClient

    async def play(self, where: str, /, **given: Any) -> Any:
        """Something happens in the world around Stripe."""
        answer = await self.http.post(f"{self.url}/_sim{where}", json=given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def no_more_faults(self) -> None:
        """Stripe works again."""
        await self.http.delete(f"{self.url}/_sim/faults")

    async def state(self) -> dict[str, Any]:
        """Everything it knows."""
        return dict((await self.http.get(f"{self.url}/_sim/state")).json())

    async def objects(self, kind: str, **metadata: str) -> list[dict[str, Any]]:
        """The newest hundred objects of a kind, as far as they have this metadata, oldest first."""
        answer = await self.api("GET", f"{LISTS[kind]}?limit=100")
        assert answer.status_code == 200, answer.text
        return [one for one in reversed(answer.json()["data"]) if metadata.items() <= (one["metadata"] or {}).items()]

    async def api(self, method: str, path: str, key: str = "sk_test_somebody_else", **data: Any) -> httpx2.Response:
        """A call to the API by somebody else than us: the payer's browser, for example."""
        headers = {"Authorization": f"Bearer {key}"}
        return await self.http.request(method, self.url + path, data=data or None, headers=headers)


@dataclass
class System:
    """A running system, and the hands of a test on it: people, time, Stripe, and every service's data.

    `given_up` are ids of messages a test put into the transport and had discarded; a `spoilt` system is of no more use.
    """

    backing: Backing
    folder: DataFolder
    url: str
    stripe: Stripe
    http: httpx2.AsyncClient
    clocks: Clocks
    elapsed: list[timedelta]
    shared_transport: Transport | None
    services: dict[str, Service] = field(default_factory=dict)
    apps: dict[str, Any] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    losses: Losses = field(default_factory=Losses)
    spoilt: bool = False
    _running: dict[str, AsyncExitStack] = field(default_factory=dict)

    def cast(self) -> Cast:
        """New people, whom nobody has met."""
        key = key_of(self.folder)
        return cast_of(lambda user, roles: issue(key, user, roles, timedelta(hours=12), wall_time()))

    @property
    def databases(self) -> dict[str, SqlDatabase]:
        """Every service's database."""
        return {name: service.database for name, service in self.services.items()}

    def pass_time(self, **duration: float) -> None:
        """Let business time pass (`days=7`). Whatever is due then happens by itself."""
        self.elapsed[0] += timedelta(**duration)
        for service in self.services.values():
            if service.messaging is not None:
                service.messaging.scheduled.nudge()

    async def until(self, what: str, probe: Callable[[], Awaitable[T | None]], within: float = PATIENCE) -> T:
        """Look again and again until `probe` finds something. Raises AssertionError with `what` otherwise."""
        return await until(what, probe, within)

    async def say(self, service: str, *events: Any) -> None:
        """A service records events in its outbox, as if it had a reason to."""
        async with self.services[service].database.begin() as tx:
            record(tx, *events)

    async def hurry(self) -> None:
        """Waiting is over: what payments would try again at Stripe later is tried now."""
        service = self.services["payments"]
        async with service.database.begin() as tx:
            for table in (STRIPE_OPERATIONS, PROVIDER_EVENTS):
                waits = sa.and_(table.c.state == "pending", table.c.due_at > tx.wall(), table.c.lease_token.is_(None))
                await tx.execute(table.update().where(waits).values(due_at=tx.wall()))
        for executor in service.executors:
            executor.nudge()

    async def start(self, name: str) -> None:
        """Start a service on the data it had before."""
        self.services[name] = service = self._built(name)
        stack = self._running[name] = AsyncExitStack()
        await stack.enter_async_context(running(service))
        self.apps[name] = composition.app_of(service)

    async def stop(self, name: str) -> None:
        """End a service in good order; its address answers 503 until it is started again."""
        self.apps[name] = _down
        self.services[name].stopping.set()
        await self._running.pop(name).aclose()

    def _built(self, name: str) -> Service:
        secrets = composition.secrets_of(self.folder)
        known = composition.settings_of(name, self.folder, self.url, self.stripe.url, secrets)
        changes: dict[str, Any] = {
            "database_url": SecretStr(self.backing.databases[name]),
            "database_pool": 6,
            "bus_url": SecretStr(self.backing.bus or f"embedded://{self.folder.bus}"),
            "bus_namespace": self.backing.namespace,
            "business_clock_offset_file": None,
        }
        if name == "payments":
            changes |= {"stripe_timeout": 2.0, "book_after_seconds": 1.0}
        settings = known.model_copy(update=changes)
        built: Service = composition.module(name, "main").build(
            settings, clocks=self.clocks, transport=self.shared_transport
        )
        built.transport = LossyTransport(built.transport, self.losses)
        return built

    async def ask_again(self) -> None:
        """The time after which questions without an answer are asked again is over."""
        for service in self.services.values():
            if service.messaging is None:
                continue
            async with service.database.begin() as tx:
                asked = OUTBOX.c.ask_again_at > tx.wall()
                await tx.execute(OUTBOX.update().where(asked).values(ask_again_at=tx.wall()))
            await service.messaging.relay.ask_again()
            await service.messaging.relay.sweep(timedelta(0))

    async def _end(self) -> None:
        for service in self.services.values():
            service.stopping.set()
        for name in reversed(tuple(self._running)):
            await self._running.pop(name).aclose()


async def until(what: str, probe: Callable[[], Awaitable[T | None]], within: float = PATIENCE) -> T:
    """Look again and again until `probe` finds something. Raises AssertionError with `what` otherwise."""
    deadline, pause = time.monotonic() + within, 0.01
    while True:
        found = await probe()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, 0.1)


async def _down(scope: Any, receive: Any, send: Any) -> None:
    """What the front answers for a service that does not run."""
    headers = [(b"content-type", b"application/problem+json"), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"status": 503, "code": "unavailable"}'})


@asynccontextmanager
async def running_system(folder: Path, backing: Backing, transport: Transport | None = None) -> AsyncIterator[System]:
    """Run everything on `backing` for the block. `folder` keeps the rest: keys, mail, what plays Stripe.

    With a `transport` that carries the messages instead of the backing's.
    """
    data = open_folder(folder)
    key_of(data)
    elapsed = [timedelta(0)]
    clocks = shifted_clocks(lambda: elapsed[0])
    async with AsyncExitStack() as stack:
        front_socket, stripe_socket = bound(0), bound(0)
        url, stripe_url = (f"http://{LOOPBACK}:{one.getsockname()[1]}" for one in (front_socket, stripe_socket))
        http = await stack.enter_async_context(
            httpx2.AsyncClient(trust_env=False, timeout=30.0, limits=httpx2.Limits(max_keepalive_connections=20))
        )
        secrets = composition.secrets_of(data)
        simulator = stripe_simulator.create_app(
            composition.simulator_settings(data, stripe_url, url, secrets), now=clocks.business
        )
        await stack.enter_async_context(stripe_simulator.running(simulator))
        await stack.enter_async_context(serving(simulator, stripe_socket))
        shared = transport
        if shared is None and backing.bus is None:
            shared = await stack.enter_async_context(messaging.opened(data))
        system = System(backing, data, url, Stripe(stripe_url, http), http, clocks, elapsed, shared)
        stack.push_async_callback(system._end)
        for name in SERVICES:
            await system.start(name)
        # The front keeps looking at these applications, so that a service may end and come back behind it.
        await stack.enter_async_context(serving(Front(system.apps, simulator, url), front_socket))
        yield system
