"""The service as a process of its own: a listener does not keep it from ending, and mail leaves by itself."""

import asyncio
import os
import signal
import sys
from email import message_from_bytes, policy
from pathlib import Path

import httpx2
from skillscoop_messages.envelope import encode
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport.base import RawMessage
from skillscoop_messages.transport.embedded import EmbeddedTransport

from tests.integration.notifications.conftest import envelope
from tests.integration.notifications.story import BEN, NOON, TraceContext
from tests.support.identity import Issuer
from tests.support.ports import free_port


async def test_news_reach_a_listener_and_a_mailbox_and_the_process_ends_at_once(
    tmp_path: Path, keys: Issuer, jwks_file: Path
) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path}/notifications.sqlite",
        "BUS_URL": f"embedded://{tmp_path}/bus.sqlite",
        "JWKS_FILE": str(jwks_file),
        "MAIL_FOLDER": str(tmp_path / "mail"),
        "PORT": str(port),
    }

    async def start(role: str) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "skillscoop_notifications", "--role", role)
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)

    assert await (await start("migrate")).wait() == 0
    process = await start("all")
    try:
        async with asyncio.timeout(60), httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while True:
                try:
                    if (await client.get("/readyz")).status_code == 200:
                        break
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.1)
            ben = keys.headers(BEN)
            contact = {"email": "ben@example.org", "name": "Ben", "locale": "en", "time_zone": "UTC"}
            assert (await client.put("/v1/me/contact", json=contact, headers=ben)).status_code == 200
            async with client.stream("GET", "/v1/stream", headers=ben, timeout=None) as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == ": connected"
                await say(tmp_path / "bus.sqlite")
                said = [await anext(lines) for _ in range(4)]
                assert said[1:3] == ["id: 1", "event: message"]
                assert (await client.get("/v1/notifications", headers=ben)).json()["data"][0][
                    "kind"
                ] == "milestone.funded"
                while not (files := list((tmp_path / "mail").glob("*.eml"))):
                    await asyncio.sleep(0.05)
                message = message_from_bytes(files[0].read_bytes(), policy=policy.default)
                assert message["Subject"] == "Please confirm your mail address"
                process.send_signal(signal.SIGTERM)
                async for _ in lines:
                    pass
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def say(bus: Path) -> None:
    """Another service says that a milestone is funded."""
    transport = EmbeddedTransport(bus, SUBSCRIPTIONS.values())
    await transport.open()
    told = envelope(TraceContext().funded(), 1, NOON)
    assert await transport.publish([RawMessage(told.id, told.type, told.data.subject, encode(told))]) == {told.id}
    await transport.close()
