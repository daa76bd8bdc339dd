"""All five services in this process on SQLite, with nothing running by itself, so that it can be seen what changed.

Events of one service are handed to the others when a test says so, and outside calls are made then. The state of
everything can be kept and brought back, so that each test begins where the scenes ended.
"""

from __future__ import annotations

import copy
import importlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from skillscoop_chassis.migrations import migrate
from skillscoop_chassis.service import Service
from skillscoop_messages.clock import Clocks, shifted_clocks
from skillscoop_messages.consumer import Consumer
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.scheduler import Scheduler
from skillscoop_messages.transport.base import RawMessage
from skillscoop_messages.transport.simulated import SimulatedTransport
from skillscoop_notifications.adapters.emails import Email
from skillscoop_notifications.adapters.mail import Sent

from tests.edges.asking import JSON, Answer, Header, ask
from tests.edges.stripe_stand_in import StripeStandIn
from tests.support.applications import EXAMPLE_SETTINGS, SERVICES, migrations_of, settings_class
from tests.support.identity import Issuer

HOOK_SECRET, THIN_SECRET = "whsec_of_the_platform", "whsec_of_thin_events"
ROLES: dict[str, tuple[str, ...]] = {
    "sam": ("support",),
    "sue": ("support",),
    "sid": ("support",),
    "olga": ("ops",),
    "otto": ("ops",),
    "ivan": ("integrator",),
}
"""Ada hires Grace; Carol hires Dave; Frida has no payout account; Mallory has no business here. These have roles."""

NO_EFFECT = frozenset({"agents", "audit_log", "idempotency_keys", "alembic_version"})
"""Tables that say who asked, not what became of it."""

OWN: dict[str, dict[str, Any]] = {
    **EXAMPLE_SETTINGS,
    "payments": {
        **EXAMPLE_SETTINGS["payments"],
        "stripe_webhook_secrets": ["whsec_before_the_rotation", HOOK_SECRET],
        "stripe_thin_webhook_secrets": [THIN_SECRET],
        "stripe_environment": "edges",
        "return_url": "http://here/v1/returned",
    },
}


WHAT_WAS_SAID = {"outbox": "id, type, subject, correlation_id, body"}
"""Columns that count where not all do: an event that is published once more says nothing new."""


class Witness:
    """Sees which tables of a database changed, cheaply when none did."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file)
        self._seen = self._version()
        self._known = self.digests()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def digests(self) -> dict[str, str]:
        """A digest of each table's rows."""
        names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {
            name: sha256(
                repr(
                    self._connection.execute(
                        f'SELECT {WHAT_WAS_SAID.get(name, "*")} FROM "{name}" ORDER BY 1, 2'
                    ).fetchall()
                ).encode()
            ).hexdigest()
            for (name,) in names
            if name not in NO_EFFECT and not name.startswith("sqlite_")
        }

    def changed(self) -> list[str]:
        """The tables that changed since somebody asked last."""
        version = self._version()
        if version == self._seen:
            return []
        before, self._seen, self._known = self._known, version, self.digests()
        return sorted(name for name, digest in self._known.items() if before.get(name) != digest)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows, for looking at."""
        return list(self._connection.execute(query, values))

    def copy(self, into: sqlite3.Connection) -> dict[str, str]:
        """Copy everything; the digests of its tables."""
        self._connection.backup(into)
        return self.digests()

    def bring_back(self, kept: sqlite3.Connection, digests: dict[str, str]) -> None:
        """Everything is as it was when it was copied."""
        kept.backup(self._connection)
        self._seen, self._known = self._version(), digests

    def close(self) -> None:
        """Look no more."""
        self._connection.close()


@dataclass(frozen=True)
class Kept:
    """The state of everything at one moment."""

    databases: dict[str, tuple[sqlite3.Connection, dict[str, str]]]
    stripe: StripeStandIn
    elapsed: timedelta
    emails: tuple[Email, ...]
    said: tuple[RawMessage, ...]


@dataclass
class AllServices:
    """The services, what they said and nobody has heard yet, and the hands of a test on people, time and Stripe."""

    issuer: Issuer
    clocks: Clocks
    elapsed: list[timedelta]
    stripe: StripeStandIn = field(default_factory=StripeStandIn)
    by_name: dict[str, Service] = field(default_factory=dict)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    emails: list[Email] = field(default_factory=list)
    said: list[RawMessage] = field(default_factory=list)
    unheard: list[RawMessage] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    _consumers: dict[str, Consumer] = field(default_factory=dict)
    _runners: dict[str, Scheduler] = field(default_factory=dict)
    _paths: list[tuple[str, re.Pattern[str], str]] = field(default_factory=list)
    _keys: int = 0

    def join(self, service: Service, file: Path) -> None:
        """Take a service in."""
        self.by_name[service.name] = service
        self.witnesses[service.name] = Witness(file)
        self._consumers[service.name] = Consumer(
            service.database, service.transport, service.subscribers, SUBSCRIPTIONS
        )
        self._runners[service.name] = Scheduler(service.database, service.timers, service.subscribers)
        service.database.after_flush = self._hear_of
        for path, methods in self.document(service.name)["paths"].items():
            shape = re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path)))
            self._paths += [(method.upper(), shape, service.name) for method in methods]

    def _hear_of(self, raws: list[RawMessage]) -> None:
        self.said += raws
        self.unheard += raws

    def document(self, service: str) -> dict[str, Any]:
        """A service's OpenAPI document."""
        app = self.by_name[service].app
        assert app is not None
        return app.openapi()

    # Asking

    def token(self, who: str) -> str:
        """Somebody's token."""
        if who not in self.tokens:
            self.tokens[who] = self.issuer.token(who, ROLES.get(who, ()), ttl=86_400)
        return self.tokens[who]

    def new_key(self) -> str:
        """An idempotency key nobody has used."""
        self._keys += 1
        return f"key-{self._keys}"

    def owner(self, method: str, path: str) -> str:
        """The service a path belongs to."""
        target = path.partition("?")[0]
        return next(name for known, shape, name in self._paths if known == method and shape.fullmatch(target))

    async def ask(
        self,
        who: str | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | list[bytes] | None = None,
        key: str | None = "",
        match: str | None = None,
        headers: Iterable[Header] = (),
        service: str | None = None,
    ) -> Answer:
        """One request; without `who` without a token. A POST gets a new key, None sends none. `raw` is the body as it
        stands, else `body` is sent as JSON. A Content-Type in `headers` replaces the usual one."""
        sent: list[Header] = list(headers)
        if who is not None:
            sent.append(("Authorization", f"Bearer {self.token(who)}"))
        if method == "POST" and key is not None:
            sent.append(("Idempotency-Key", key or self.new_key()))
        if match is not None:
            sent.append(("If-Match", match))
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None and not any(name.lower() == "content-type" for name, _ in sent):
            sent.append(("Content-Type", JSON))
        app = self.by_name[service or self.owner(method, path)].app
        return await ask(app, method, path, headers=sent, body=raw)

    async def done(self, who: str, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """A request that has to succeed, and what it answers."""
        answer = await self.ask(who, method, path, body, **how)
        assert answer.status < 300, f"{who} {method} {path}: {answer.status} {answer.text}"
        return answer.json()

    # Time and post

    async def settle(self) -> None:
        """Let everything be heard, called and fired that is due, until nothing is left."""
        moved = True
        while moved:
            moved = bool(self.unheard)
            raws, self.unheard = self.unheard, []
            await self.deliver(raws)
            for name, service in self.by_name.items():
                for executor in service.executors:
                    moved |= bool(await executor.run_due(service.database))
                moved |= bool(await self._runners[name].run_due())
            moved |= bool(self.unheard)

    async def deliver(self, raws: list[RawMessage]) -> None:
        """Hand messages to every queue that wants them."""
        for service in self.by_name.values():
            for subscriber in service.subscribers:
                wanted = [raw for raw in raws if raw.type in SUBSCRIPTIONS[subscriber.name].types]
                if wanted:
                    await self._consumers[service.name].take(subscriber, wanted)

    async def put(self, queue: str, raws: list[RawMessage]) -> None:
        """Put messages into one queue, whatever they are, and have them taken."""
        service = self.by_name[queue.partition(".")[0]]
        subscriber = next(one for one in service.subscribers if one.name == queue)
        await self._consumers[service.name].take(subscriber, raws)

    async def ring(self, service: str) -> None:
        """Try again what is due."""
        await self._runners[service].run_due()

    async def pass_time(self, **duration: float) -> None:
        """Let business time pass, and what is due then happen."""
        self.elapsed[0] += timedelta(**duration)
        await self.settle()

    # Keeping

    def changed(self) -> list[str]:
        """Every table that changed since somebody asked last."""
        return [f"{name}.{table}" for name, witness in self.witnesses.items() for table in witness.changed()]

    def rows(self, service: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a service's database."""
        return self.witnesses[service].rows(query, *values)

    def keep(self) -> Kept:
        """Keep the state of everything."""
        kept = {}
        for name, witness in self.witnesses.items():
            into = sqlite3.connect(":memory:")
            kept[name] = (into, witness.copy(into))
        return Kept(kept, copy.deepcopy(self.stripe), self.elapsed[0], tuple(self.emails), tuple(self.said))

    def bring_back(self, kept: Kept) -> None:
        """Everything is as it was kept."""
        for name, witness in self.witnesses.items():
            witness.bring_back(*kept.databases[name])
        vars(self.stripe).update(vars(copy.deepcopy(kept.stripe)))
        self.elapsed[0] = kept.elapsed
        self.emails[:], self.said[:] = kept.emails, kept.said
        self.unheard.clear()

    async def take_letter(self, email: Email) -> Sent:
        """A letter leaves."""
        self.emails.append(email)
        return Sent()


@asynccontextmanager
async def open_all_services(folder: Path, issuer: Issuer) -> AsyncIterator[AllServices]:
    """Migrate and build every service; nothing runs by itself."""
    elapsed = [timedelta(0)]
    clocks = shifted_clocks(lambda: elapsed[0])
    all_services = AllServices(issuer, clocks, elapsed)
    stand_ins: dict[str, dict[str, Any]] = {
        "payments": {"gateway": all_services.stripe},
        "notifications": {"mailer": all_services.take_letter},
    }
    jwks = issuer.jwks_file(folder)
    for name in SERVICES:
        file = folder / f"{name}.sqlite"
        url = f"sqlite:///{file}"
        migrate(url, migrations_of(name))
        known = settings_class(name)(
            database_url=url, bus_url="simulated://", jwks_file=jwks, environment="test", **OWN.get(name, {})
        )
        build: Callable[..., Service] = importlib.import_module(f"skillscoop_{name}.main").build
        transport = SimulatedTransport(0, SUBSCRIPTIONS.values())
        service = build(known, clocks=clocks, transport=transport, **stand_ins.get(name, {}))
        all_services.join(service, file)
    try:
        async with all_services.by_name["contracts"].resources[0]:
            pass
        await all_services.settle()
        yield all_services
    finally:
        for witness in all_services.witnesses.values():
            witness.close()
        for service in all_services.by_name.values():
            await service.database.close()
