"""One service as a value: everything its process owns, built in its `main.py` and started here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skillscoop_messages.clock import Clocks

from skillscoop_chassis.health import Vitals
from skillscoop_chassis.http.idempotency import BusyKeys, purge_keys
from skillscoop_chassis.settings import ServiceSettings
from skillscoop_chassis.sql.causes import means_away, plainly
from skillscoop_chassis.sql.database import SqlDatabase

if TYPE_CHECKING:
    from fastapi import FastAPI
    from skillscoop_messages.consumer import Subscriber
    from skillscoop_messages.executor import Executor
    from skillscoop_messages.scheduled import TimerHandler
    from skillscoop_messages.transport.base import Transport

    from skillscoop_chassis.http.limits import FloodLimits
    from skillscoop_chassis.identity import TokenVerifier
    from skillscoop_chassis.wiring import Messaging

LOG = logging.getLogger(__name__)
Role = Literal["api", "worker", "all"]


@dataclass(frozen=True)
class Job:
    """Something done again and again: once at the start, then `every` so often after the last run ended.

    Jobs only scan and start work elsewhere; an error is logged and the next run comes as usual.
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[None]]


@dataclass
class Service:
    """Everything one service's process owns.

    `outside` holds the service's own adapters by name. `stopping` is set when the process is asked to end: long
    answers such as streams watch it and end by themselves. `post` is made when the service starts running, or before
    by a test that drives it step by step.
    """

    name: str
    settings: ServiceSettings
    clocks: Clocks
    database: SqlDatabase
    transport: Transport
    subscribers: list[Subscriber] = field(default_factory=list)
    timers: dict[str, TimerHandler] = field(default_factory=dict)
    executors: list[Executor[Any]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    app: FastAPI | None = None
    resources: list[AbstractAsyncContextManager[Any]] = field(default_factory=list)
    outside: dict[str, Any] = field(default_factory=dict)
    verifier: TokenVerifier | None = None
    limits: FloodLimits | None = None
    messaging: Messaging | None = None
    vitals: Vitals = field(init=False)
    busy_keys: BusyKeys = field(default_factory=BusyKeys, init=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.vitals = Vitals(self.name)

    @property
    def cursor_secrets(self) -> list[str]:
        """Secrets of list cursors: the first signs, all verify."""
        return [secret.get_secret_value() for secret in self.settings.cursor_secrets]


async def repeat(job: Job) -> None:
    """Run `job` until cancelled."""
    while True:
        try:
            await job.run()
        except Exception as error:
            if means_away(error):
                LOG.warning("job %s waits for the database: %s", job.name, plainly(error))
            else:
                LOG.exception("job %s failed", job.name)
        await asyncio.sleep(job.every.total_seconds())


def _house_jobs(service: Service) -> list[Job]:
    return [Job("purge_idempotency_keys", timedelta(hours=1), lambda: purge_keys(service.database))]


@asynccontextmanager
async def running(service: Service, role: Role = "all") -> AsyncIterator[Service]:
    """Run `service` for the block: resources, transport and relay, and, but for `api`, everything that works by itself.

    Leaving the block stops taking messages first, lets what is in hand finish or be delivered again, then closes.
    """
    from skillscoop_chassis.wiring import build_messaging, run_messaging, watch_vitals

    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.database.close)
        for resource in service.resources:
            await stack.enter_async_context(resource)
        service.messaging = service.messaging or build_messaging(service)
        watch_vitals(service, service.messaging, consume=role != "api")
        await stack.enter_async_context(run_messaging(service, service.messaging, consume=role != "api"))
        if role != "api":
            tasks = [asyncio.create_task(repeat(job), name=job.name) for job in (*service.jobs, *_house_jobs(service))]
            stack.push_async_callback(end_tasks, tasks)
        yield service


async def end_tasks(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel `tasks` and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def run_process(
    build: Callable[..., Service], settings: type[ServiceSettings], *, migrations: Path | None = None
) -> None:
    """The main function of a service's process; see `skillscoop_chassis.process.run_process`."""
    from skillscoop_chassis import process

    process.run_process(build, settings, migrations=migrations)
