"""A simulator on a real socket, Stripe's own SDK pointed at it, and an endpoint that takes its webhooks."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import stripe
import uvicorn
from aiohttp import web
from stripe_simulator import SimulatorSettings, WebhookTarget, create_app

SECRETS = {"platform": "whsec_platform", "connect": "whsec_connect", "thin": "whsec_thin"}


@dataclass
class Clock:
    """Business time that stands still until it is played."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 2, 9, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        """The time it is."""
        return self.now

    def pass_days(self, days: int) -> None:
        """Let business time go on."""
        self.now += timedelta(days=days)


@dataclass
class Mailbox:
    """An endpoint that keeps what it was sent; `status` is what it answers, by kind."""

    url: str = ""
    got: list[tuple[str, bytes, str]] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        """Keep one delivery."""
        kind = request.match_info["kind"]
        async with self.arrived:
            self.got.append((kind, await request.read(), request.headers["stripe-signature"]))
            self.arrived.notify_all()
        return web.Response(status=self.status.get(kind, 200))

    def events(self, client: stripe.StripeClient) -> list[dict[str, Any]]:
        """Snapshot events so far, each checked by the SDK against its signature."""
        return [
            client.construct_event(body, signature, SECRETS[kind]).to_dict()
            for kind, body, signature in list(self.got)
            if kind != "thin"
        ]

    def types(self, client: stripe.StripeClient) -> list[str]:
        """Types of the snapshot events so far, in the order they came."""
        return [event["type"] for event in self.events(client)]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of what arrived."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(holds)


@asynccontextmanager
async def serving(app: Any, sock: socket.socket) -> AsyncIterator[str]:
    """The application on a loopback socket; yields its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, timeout_keep_alive=120)
    )
    task = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield address(sock)
    finally:
        server.should_exit = True
        await task


def free_socket() -> socket.socket:
    """A bound loopback socket on any free port."""
    # Named as TCP, so that the event loop switches Nagle's delay off; else each answer waits 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    return sock


def address(sock: socket.socket) -> str:
    """The base address of what listens there."""
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


@asynccontextmanager
async def sdk(
    url: str, key: str = "sk_test_simulated", retries: int = 0, timeout: float = 20
) -> AsyncIterator[stripe.StripeClient]:
    """Stripe's client pointed at the simulator; `timeout` in seconds."""
    http_client = stripe.AIOHTTPClient(timeout=timeout)
    try:
        yield stripe.StripeClient(
            key, base_addresses={"api": url}, http_client=http_client, max_network_retries=retries
        )
    finally:
        await http_client.close_async()


@dataclass
class Simulator:
    """All parts of one test."""

    url: str
    settings: SimulatorSettings
    client: stripe.StripeClient
    browser: aiohttp.ClientSession
    mailbox: Mailbox
    clock: Clock

    async def control(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        """Use the control plane."""
        async with self.browser.request(method, f"{self.url}/_sim{path}", json=body or {}) as answer:
            told = await answer.json()
            assert answer.status == 200, told
            return told

    async def state(self) -> Any:
        """Everything the simulator knows."""
        return await self.control("/state", method="GET")

    async def objects(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, oldest first."""
        return list((await self.state())["objects"].get(kind, []))

    async def pay(self, amount: int = 10_000, method: str = "pm_card_visa", **more: Any) -> Any:
        """Fund by a payment intent that is confirmed at once."""
        asked = {"amount": amount, "currency": "usd", "confirm": True, "payment_method": method}
        asked |= {"allowed_payment_method_types": ["card"], **more}
        return await self.client.v1.payment_intents.create_async(asked)  # type: ignore[arg-type]

    async def recipient(self, onboarded: bool = True) -> str:
        """A connected account; its id."""
        account = await self.client.v2.core.accounts.create_async(
            {
                "dashboard": "express",
                "identity": {"country": "us"},
                "configuration": {
                    "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
                },
                "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
            }
        )
        if onboarded:
            await self.control(f"/accounts/{account.id}/onboard")
        return account.id


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """The endpoint for webhooks."""
    box = Mailbox()
    app = web.Application()
    app.router.add_post("/{kind}", box.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    sock = free_socket()
    await web.SockSite(runner, sock).start()
    box.url = address(sock)
    yield box
    await runner.cleanup()


@pytest.fixture
def settings(tmp_path: Path, mailbox: Mailbox) -> SimulatorSettings:
    """Settings of the simulator under test; a test module may override this."""
    targets = tuple(WebhookTarget(f"{mailbox.url}/{kind}", secret, kind) for kind, secret in SECRETS.items())  # type: ignore[arg-type]
    return SimulatorSettings(tmp_path, "", targets, retry_delays=(0.05,))


@pytest.fixture
async def simulator(settings: SimulatorSettings, mailbox: Mailbox) -> AsyncIterator[Simulator]:
    """A running simulator and everything around it."""
    sock, clock = free_socket(), Clock()
    settings = replace(settings, public_url=address(sock))
    async with (
        serving(create_app(settings, clock), sock) as url,
        # A connection kept for the next click may be closed by the server in the very moment of it.
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as browser,
        sdk(url) as client,
    ):
        yield Simulator(url, settings, client, browser, mailbox, clock)
