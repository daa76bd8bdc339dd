"""A service at work: what it opens, runs by itself and closes, in this order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from skillscoop_chassis.http.idempotency import purge_keys
from skillscoop_chassis.service import Job, Role, Service
from skillscoop_chassis.sql.causes import means_away, plainly
from skillscoop_chassis.wiring import build_messaging, run_messaging, watch_vitals

LOG = logging.getLogger(__name__)


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
