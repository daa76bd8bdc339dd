"""Who may use the control plane: this machine's own programs, and no page of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.unit.stripe_simulator.simulator import Simulator

FOREIGN: dict[str, dict[str, str]] = {
    "another origin": {"Origin": "https://evil.example"},
    "no origin at all": {"Origin": "null"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1"},
    "a name that leads here": {"Host": "evil.example"},
    "a name that leads here, with a port": {"Host": "evil.example:8080"},
    "a name that begins like ours": {"Host": "127.0.0.1.evil.example"},
    "what a browser says of another site": {"Sec-Fetch-Site": "cross-site"},
    "what a browser says of a neighbour": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize(("method", "path"), [("POST", "/reset"), ("GET", "/state"), ("DELETE", "/faults")])
async def test_pages_of_other_sites_play_nothing(
    simulator: Simulator, headers: dict[str, str], method: str, path: str
) -> None:
    """Given a page of another site, when it calls the control plane from a browser here, then nothing happens."""
    await simulator.pay()
    async with simulator.browser.request(method, f"{simulator.url}/_sim{path}", json={}, headers=headers) as answer:
        assert answer.status == 403

    assert len(await simulator.objects("payment_intent")) == 1


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_forms_play_nothing(simulator: Simulator, kind: str) -> None:
    """Given what a browser sends without asking first, a form or plain text, when it comes, then it is refused."""
    await simulator.pay()
    sent = {"data": b'{"seconds": 60}', "headers": {"Content-Type": kind}}
    async with simulator.browser.post(f"{simulator.url}/_sim/clock/advance", **sent) as answer:
        assert answer.status == 415
    async with simulator.browser.post(
        f"{simulator.url}/_sim/reset", data=b"", headers={"Content-Type": kind}
    ) as answer:
        assert answer.status == 415

    assert len(await simulator.objects("payment_intent")) == 1


async def test_our_own_page_and_programs_play(simulator: Simulator) -> None:
    """Given a caller under our own name, with our own origin or none, when it calls, then it is heard."""
    port = urlsplit(simulator.url).port
    for headers in ({}, {"Origin": simulator.url, "Sec-Fetch-Site": "same-origin"}, {"Host": f"localhost:{port}"},
                    {"Host": "simulator:8000"}):  # fmt: skip
        async with simulator.browser.get(f"{simulator.url}/_sim/state", headers=headers) as answer:
            assert answer.status == 200, headers


async def test_pages_run_nothing_and_stand_in_no_frame(simulator: Simulator) -> None:
    """Given each of the simulator's pages, when a browser opens it, then it is told what it may not do with it."""
    for path in ("/", "/checkout/none", "/onboarding/none", "/challenge/none"):
        async with simulator.browser.get(f"{simulator.url}{path}") as answer:
            assert answer.headers["x-frame-options"] == "DENY", path
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
