"""A service as a process of its own: roles, signals, and an end within ten seconds."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from skillscoop_messages.errors import TopologyMismatch
from starlette.applications import Starlette
from starlette.types import ASGIApp

from skillscoop_chassis.health import health_routes
from skillscoop_chassis.http.protocol import Limits, http_server
from skillscoop_chassis.production import lines_of
from skillscoop_chassis.running import running
from skillscoop_chassis.service import Role, Service
from skillscoop_chassis.settings import ServiceSettings

LOG = logging.getLogger(__name__)
GRACE_SECONDS = 6
"""How long open requests may still run after SIGTERM; streams are told to end at once."""

Build = Callable[..., Service]


async def serve(service: Service, role: Role) -> None:
    """Run `service` until SIGTERM or SIGINT. A worker answers only /livez, /readyz and /metrics."""
    app: ASGIApp = (
        Starlette(routes=health_routes(service.vitals)) if role == "worker" or not service.app else service.app
    )
    settings = service.settings
    limits = Limits(head_seconds=settings.http_head_seconds, body_seconds=settings.http_body_seconds)
    server = http_server(app, limits=limits, grace_seconds=GRACE_SECONDS, host=settings.host, port=settings.port)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        service.stopping.set()
        service.vitals.stopping = True
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    async with running(service, role):
        # What stands now stays: looking through all of it again and again would find nothing to collect.
        gc.collect()
        gc.freeze()
        await server.serve()
        stop()


def _migrations_of(build: Build) -> Path:
    package = sys.modules[build.__module__.split(".")[0]]
    return Path(str(package.__file__)).parent.parent / "migrations"


def run_process(
    build: Build, settings: type[ServiceSettings], *, migrations: Path | None = None, argv: list[str] | None = None
) -> None:
    """The main function of `python -m skillscoop_<service> --role api|worker|all|migrate`.

    `build(settings)` makes the service; `settings` is its settings class, read from the environment. `migrations` is
    the folder of alembic scripts, by default the one beside the service's package. Wrong settings end with exit code 2
    and one line per variable, without their values.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {build.__module__.split('.')[0]}")
    parser.add_argument("--role", choices=("api", "worker", "all", "migrate"), default="all")
    role = parser.parse_args(argv).role
    try:
        known = settings()
    except ValidationError as error:
        sys.stderr.writelines(f"{line}\n" for line in lines_of(error))
        raise SystemExit(2) from None
    if role == "migrate":
        from skillscoop_chassis.migrations import migrate

        migrate(known.database_url.get_secret_value(), migrations or _migrations_of(build))
        return
    _run(build, known, role)


def _run(build: Build, settings: ServiceSettings, role: Role) -> None:
    from skillscoop_chassis.telemetry import set_up_logging

    async def main() -> None:
        service = build(settings)
        set_up_logging(service.name, settings.log_format, settings.log_level)
        await serve(service, role)

    factory: Any = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())
    except TopologyMismatch as error:
        raise SystemExit(f"the broker does not fit: {error}") from None
    except sa.exc.DBAPIError as error:
        if not _without_tables(error):
            raise
        raise SystemExit("the database has no tables yet, or old ones: start with --role migrate first") from None


def _without_tables(error: sa.exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in ("42P01", "42703") or "no such table" in str(error.orig)
