"""Everything in one process: five services, their transport and what plays Stripe, behind one loopback port.

    async with running(folder, port=0) as installation:
        installation.url, installation.token("ada")

Whatever the process is killed in the middle of, the same call on the same folder goes on: the files are the truth.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2
import stripe_simulator
from joserfc.jwk import OKPKey
from skillscoop_chassis.running import running as running_service
from skillscoop_chassis.service import Service
from skillscoop_chassis.settings import clocks_of
from skillscoop_messages.clock import wall_time

from skillscoop_cli.embedded import composition, messaging
from skillscoop_cli.embedded.clock import offset_in
from skillscoop_cli.embedded.databases import migrate_all, refuse_damaged
from skillscoop_cli.embedded.gateway import SIMULATOR, Front
from skillscoop_cli.embedded.server import LOOPBACK, bound, serving
from skillscoop_cli.failures import CheckFailed, Refused
from skillscoop_cli.folder import DataFolder, locked, make_private, open_folder, write_private
from skillscoop_cli.issuer import issue, key_of

READY_SECONDS = 30.0


@dataclass(frozen=True)
class Embedded:
    """A running installation: its address, its data folder and its services by name."""

    url: str
    folder: DataFolder
    services: Mapping[str, Service]
    key: OKPKey

    def token(self, sub: str, roles: Sequence[str] = (), ttl: timedelta = timedelta(hours=12)) -> str:
        """A token of the folder's issuer."""
        return issue(self.key, sub, roles, ttl, wall_time())


def refuse_live_keys(environment: Mapping[str, str]) -> None:
    """Raises `Refused` when any variable holds a key that moves real money: this form is for trying out."""
    for name, value in environment.items():
        if value.startswith(("sk_live_", "rk_live_", "pk_live_")):
            raise Refused(f"{name} holds a live Stripe key, and this form never touches real money; unset it")


@asynccontextmanager
async def running(data: Path | DataFolder, port: int = 0) -> AsyncIterator[Embedded]:
    """Run everything on the data folder for the block; port 0 takes any free one.

    Raises `Refused` when the folder, the port or the environment forbid it.
    """
    refuse_live_keys(os.environ)
    folder = data if isinstance(data, DataFolder) else open_folder(data)
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(folder))
        # Databases, logs and mails are made by many hands; none of them is anybody else's to read.
        stack.callback(os.umask, os.umask(0o077))
        make_private(folder)
        key = key_of(folder)
        secrets = composition.secrets_of(folder)
        refuse_damaged(folder)
        migrate_all(folder)
        listening = bound(port)
        stack.callback(listening.close)
        url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        offset_in(folder.clock_offset)
        clocks = clocks_of(composition.settings_of(composition.SERVICES[-1], folder, url, url + SIMULATOR, secrets))
        simulator = stripe_simulator.create_app(
            composition.simulator_settings(folder, url + SIMULATOR, url, secrets), now=clocks.business
        )
        await stack.enter_async_context(stripe_simulator.running(simulator))
        transport = await stack.enter_async_context(messaging.opened(folder))
        built = {
            name: composition.build(name, folder, url, url + SIMULATOR, secrets, clocks, transport)
            for name in composition.SERVICES
        }
        for service in built.values():
            await stack.enter_async_context(running_service(service))
        front = Front({name: composition.app_of(service) for name, service in built.items()}, simulator, url)
        await stack.enter_async_context(serving(front, listening))
        stack.callback(_stopping, built)
        await _all_answer(url)
        write_private(folder.running, json.dumps({"url": url, "pid": os.getpid()}))
        stack.callback(folder.running.unlink, missing_ok=True)
        yield Embedded(url, folder, built, key)


def _stopping(services: Mapping[str, Service]) -> None:
    """Tell streams and readiness that the end has come, before the server waits for open answers."""
    for service in services.values():
        service.stopping.set()
        service.vitals.stopping = True


async def _all_answer(url: str) -> None:
    """Wait until every service says over HTTP that it is ready. Raises `CheckFailed` with what is wrong."""
    trouble = "nothing answers"
    async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as http:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while True:
                    answer = await http.get(f"{url}/readyz")
                    if answer.status_code == 200:
                        return
                    trouble = answer.text
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise CheckFailed(f"not ready after {READY_SECONDS:g} s: {trouble}") from None
