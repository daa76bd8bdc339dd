"""The five services as real processes over PostgreSQL and RabbitMQ, to be started, killed and started again.

A front on one loopback port plays the gateway: it knows the paths from their own descriptions and, like the real
one, answers 503 while a service is down. It never sends anything twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx2
import sqlalchemy as sa
import uvicorn
from skillscoop_cli.embedded.dispatch import Branch, compiled, owner_of
from skillscoop_cli.folder import DataFolder, open_folder
from skillscoop_cli.issuer import key_of
from skillscoop_messages.registry import SERVICES

from tests.support.databases import fresh_postgres
from tests.support.ports import free_port
from tests.support.servers.leftovers import RUN_FOLDER

SECRET = "whsec_of_this_test"
READY_SECONDS = 30.0


@dataclass
class Processes:
    """Running processes and what they run on. `url` is the front's; `databases` are addresses by service."""

    data: DataFolder
    url: str
    environments: Mapping[str, Mapping[str, str]]
    ports: Mapping[str, int]
    databases: Mapping[str, str]
    modules: Mapping[str, Sequence[str]]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def log_of(self, name: str) -> Path:
        """Where a process writes what it says."""
        return self.data.path / "logs" / f"{name}.log"

    def start(self, name: str) -> None:
        """Start one process; it is not waited for."""
        log: IO[bytes]
        with self.log_of(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", *self.modules[name]],
                env={**_base_environment(), **self.environments[name]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """kill -9, and wait until the process is gone."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def ready(self, names: Sequence[str]) -> None:
        """Wait until these answer that they are ready. Raises AssertionError with the end of the log otherwise."""
        async with httpx2.AsyncClient(trust_env=False, timeout=2.0) as http:
            for name in names:
                await self._ready(http, name)

    async def _ready(self, http: httpx2.AsyncClient, name: str) -> None:
        path = "/_sim/state" if name == "simulator" else "/readyz"
        try:
            async with asyncio.timeout(READY_SECONDS):
                while True:
                    ended = self.running[name].poll()
                    assert ended is None, f"{name} ended with {ended}:\n{self._end_of_log(name)}"
                    try:
                        answer = await http.get(f"http://127.0.0.1:{self.ports[name]}{path}")
                        if answer.status_code == 200:
                            return
                    except httpx2.HTTPError:
                        pass
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{name} is not ready:\n{self._end_of_log(name)}") from None

    def _end_of_log(self, name: str) -> str:
        return self.log_of(name).read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """SIGTERM to all, then wait; what does not end within ten seconds is killed."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()


def _base_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHASHSEED", RUN_FOLDER)
    return {name: os.environ[name] for name in kept if name in os.environ}


@asynccontextmanager
async def running_processes(
    folder: Path,
    postgres_url: str,
    rabbit_url: str,
    namespace: str,
    overrides: Mapping[str, Mapping[str, str]] | None = None,
    modules: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] = (*SERVICES, "simulator"),
    databases: Mapping[str, str] | None = None,
) -> AsyncIterator[Processes]:
    """Run everything for the block: fresh databases on the server at `postgres_url`, queues under `namespace`.

    `overrides` adds variables to single processes, `modules` replaces what `python -m` runs for a name, `names` are the
    processes to start, and `databases` are migrated ones to use instead of fresh ones.
    """
    data = open_folder(folder)
    key_of(data)
    services = [name for name in names if name != "simulator"]
    ports = {name: free_port() for name in [*SERVICES, "simulator", "front"]}
    url = f"http://127.0.0.1:{ports['front']}"
    async with AsyncExitStack() as stack:
        migrated = databases is not None
        databases = databases or {name: stack.enter_context(fresh_postgres(postgres_url, name)) for name in services}
        environments = {
            name: {
                **_environment(name, data, ports, databases, rabbit_url, namespace),
                **(overrides or {}).get(name, {}),
            }
            for name in names
        }
        chosen = {
            **{name: (f"skillscoop_{name}", "--role", "all") for name in SERVICES},
            "simulator": ("stripe_simulator",),
            **(modules or {}),
        }
        processes = Processes(data, url, environments, ports, databases, chosen)
        for name in () if migrated else services:
            await asyncio.to_thread(_migrate, name, environments[name])
        stack.callback(processes.stop)
        for name in names:
            processes.start(name)
        await processes.ready(names)
        await stack.enter_async_context(_front(processes))
        yield processes


def _migrate(name: str, environment: Mapping[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", f"skillscoop_{name}", "--role", "migrate"],
        env={**_base_environment(), **environment},
        check=True,
        capture_output=True,
    )


def _environment(
    name: str,
    data: DataFolder,
    ports: Mapping[str, int],
    databases: Mapping[str, str],
    rabbit_url: str,
    namespace: str,
) -> dict[str, str]:
    if name == "simulator":
        doors = (
            ("platform", "/webhooks/stripe"),
            ("connect", "/webhooks/stripe/connect"),
            ("thin", "/webhooks/stripe/thin"),
        )
        payments = f"http://127.0.0.1:{ports['payments']}"
        return {
            "SIMULATOR_PORT": str(ports["simulator"]),
            "SIMULATOR_DATA": str(data.simulator),
            "SIMULATOR_PUBLIC_URL": f"http://127.0.0.1:{ports['simulator']}",
            "SIMULATOR_WEBHOOKS": json.dumps(
                [{"url": payments + path, "secret": SECRET, "kind": kind} for kind, path in doors]
            ),
        }
    own: dict[str, dict[str, Any]] = {
        "payments": {
            "STRIPE_API_BASE": f"http://127.0.0.1:{ports['simulator']}",
            "STRIPE_WEBHOOK_SECRETS": SECRET,
            "STRIPE_CONNECT_WEBHOOK_SECRETS": SECRET,
            "STRIPE_THIN_WEBHOOK_SECRETS": SECRET,
        },
        "notifications": {"MAIL_FOLDER": str(data.mail)},
        "disputes": {"EVIDENCE_FOLDER": str(data.files)},
    }
    return {
        "DATABASE_URL": sa.make_url(databases[name]).set(drivername="postgresql").render_as_string(hide_password=False),
        "BUS_URL": rabbit_url,
        "BUS_NAMESPACE": namespace,
        "JWKS_FILE": str(data.jwks),
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "warning",
        "PORT": str(ports[name]),
        **own.get(name, {}),
    }


@asynccontextmanager
async def _front(processes: Processes) -> AsyncIterator[None]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30.0) as http:
        paths = {}
        for name in processes.running.keys() - {"simulator"}:
            answer = await http.get(f"http://127.0.0.1:{processes.ports[name]}/openapi.json")
            paths[name] = [path for path in answer.json()["paths"] if path.startswith(("/v1/", "/webhooks/"))]
        server = uvicorn.Server(
            uvicorn.Config(
                _Front(compiled(paths), processes.ports, http),
                port=processes.ports["front"],
                log_level="critical",
                lifespan="off",
                ws="none",
            )
        )
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True
            await task


@dataclass(frozen=True)
class _Front:
    tree: Branch
    ports: Mapping[str, int]
    http: httpx2.AsyncClient

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        owner = owner_of(self.tree, scope["path"]) or "contracts"
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        request = self.http.build_request(
            scope["method"],
            f"http://127.0.0.1:{self.ports[owner]}{scope['path']}{query}",
            headers=[(key, value) for key, value in scope["headers"] if key not in (b"host", b"connection")],
            content=body,
        )
        try:
            answer = await self.http.send(request, stream=True)
        except httpx2.HTTPError:
            await send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"1")]})
            await send({"type": "http.response.body", "body": b'{"code": "unavailable", "status": 503}'})
            return
        headers = [
            (key, value)
            for key, value in answer.headers.raw
            if key.lower() not in (b"connection", b"transfer-encoding")
        ]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        try:
            async for part in answer.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except httpx2.HTTPError:
            pass
        finally:
            await answer.aclose()
        await send({"type": "http.response.body", "body": b""})
