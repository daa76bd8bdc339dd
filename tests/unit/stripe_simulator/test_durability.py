"""What survives a kill -9, and the simulator below a path of another application."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import stripe
from starlette.applications import Starlette
from starlette.routing import Mount
from stripe_simulator import SimulatorSettings, create_app, from_environment, running

from tests.unit.stripe_simulator.simulator import Mailbox, address, free_socket, sdk, serving


@asynccontextmanager
async def _process(port: int, data: Path, endpoint: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The standalone form as a process of its own, up and answering."""
    targets = [{"url": f"{endpoint}/platform", "secret": "whsec_platform", "kind": "platform"}]
    environment = {
        **os.environ,
        "SIMULATOR_PORT": str(port),
        "SIMULATOR_DATA": str(data),
        "SIMULATOR_WEBHOOKS": json.dumps(targets),
    }
    process = subprocess.Popen([sys.executable, "-m", "stripe_simulator"], env=environment, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if b"running on" in line:
                break
            assert b"Traceback" not in line
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    with free_socket() as sock:
        return int(sock.getsockname()[1])


async def test_after_kill_9_nothing_is_forgotten_and_waiting_webhooks_go_to_the_endpoints_new_address(
    tmp_path: Path, port: int, mailbox: Mailbox
) -> None:
    url = f"http://127.0.0.1:{port}"
    asked: Any = {
        "amount": 5_000,
        "currency": "usd",
        "confirm": True,
        "payment_method": "pm_card_visa",
        "allowed_payment_method_types": ["card"],
    }
    options: Any = {"idempotency_key": "k1"}
    nobody = "http://127.0.0.1:9"
    async with sdk(url) as client, _process(port, tmp_path, nobody) as process:
        paid = await client.v1.payment_intents.create_async(asked, options)
        process.send_signal(signal.SIGKILL)
        process.wait()

    async with sdk(url) as client, _process(port, tmp_path, mailbox.url):
        await mailbox.until(lambda: "payment_intent.succeeded" in mailbox.types(client))
        again = await client.v1.payment_intents.create_async(asked, options)
        charge = await client.v1.charges.retrieve_async(str(again.latest_charge))
    assert again.id == paid.id
    assert str(charge.balance_transaction).startswith("txn_")


async def test_it_lives_below_a_path_of_another_application(tmp_path: Path) -> None:
    sock = free_socket()
    public = f"{address(sock)}/stripe-simulator"
    simulator = create_app(SimulatorSettings(tmp_path, public))
    outer = Starlette(routes=[Mount("/stripe-simulator", simulator)])
    async with (
        running(simulator),
        serving(outer, sock) as base,
        aiohttp.ClientSession() as browser,
        sdk(f"{base}/stripe-simulator") as client,
    ):
        session = await client.v1.checkout.sessions.create_async(
            {
                "mode": "payment",
                "success_url": f"{base}/ok",
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {"currency": "jpy", "unit_amount": 500, "product_data": {"name": "W"}},
                    }
                ],
            }
        )
        assert str(session.url).startswith(f"{public}/checkout/")
        form = {"number": "4000000000003220", "exp": "12/34", "cvc": "123"}
        async with browser.post(str(session.url), data=form) as challenge:
            assert str(challenge.url).startswith(f"{public}/challenge/")
        async with browser.post(challenge.url, data={"action": "complete"}, allow_redirects=False) as done:
            assert done.headers["location"] == f"{base}/ok"
        async with browser.get(f"{public}/_sim/state") as state:
            assert len((await state.json())["objects"]["charge"]) == 1
        async with browser.post(
            f"{public}/_sim/faults", json={"path": "/v1/customers", "kind": "drop_after"}
        ) as ordered:
            assert ordered.status == 200
        with pytest.raises((stripe.APIConnectionError, aiohttp.ClientError)):
            await client.v1.customers.create_async()


async def test_reset_brings_back_the_beginning(simulator: Any) -> None:
    before = await simulator.state()
    await simulator.pay()
    await simulator.control("/clock/advance", {"seconds": 86_400})
    await simulator.control("/reset")
    after = await simulator.state()
    for name in ("now", "clock_offset", "balances", "deliveries", "timers", "idempotency_keys"):
        assert after[name] == before[name]
    assert set(after["objects"]) == set(before["objects"])


async def test_time_is_played_and_stays_played(simulator: Any) -> None:
    paid = await simulator.pay()
    await simulator.control("/clock/advance", {"seconds": 2 * 86_400})
    charge = await simulator.client.v1.charges.retrieve_async(paid.latest_charge, {"expand": ["balance_transaction"]})
    assert charge.balance_transaction.status == "available"


@pytest.mark.parametrize("webhooks", ["no json", '[{"url": "http://a"}]', '[{"url":"u","secret":"s","kind":"x"}]'])
def test_settings_that_cannot_be_read_are_told(webhooks: str) -> None:
    with pytest.raises(ValueError, match="SIMULATOR_WEBHOOKS"):
        from_environment({"SIMULATOR_WEBHOOKS": webhooks})
