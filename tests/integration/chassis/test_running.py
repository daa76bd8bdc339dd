"""A service that runs: its jobs, its transport, its health, its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from skillscoop_chassis import wiring
from skillscoop_chassis.process import run_process
from skillscoop_chassis.running import running
from skillscoop_chassis.service import Job, Service
from skillscoop_chassis.settings import ServiceSettings
from skillscoop_messages import parked, scheduled
from skillscoop_messages.consumer import Consumer, Subscriber
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.errors import TopologyMismatch
from skillscoop_messages.transport.base import RawMessage

from tests.support.example import build
from tests.support.identity import Issuer


async def test_running_service_is_ready_and_rings_its_alarms(service: Service, http: httpx2.AsyncClient) -> None:
    fired = asyncio.Event()

    async def ring(_tx: Transaction, key: str) -> None:
        assert key == "ms_1"
        fired.set()

    service.timers["contracts.ring"] = ring
    async with running(service):
        async with service.database.begin() as tx:
            await scheduled.schedule(tx, "contracts.ring", "ms_1", tx.now() - timedelta(seconds=1))
        assert service.messaging is not None
        service.messaging.scheduled.nudge()
        async with asyncio.timeout(10):
            await fired.wait()
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ok", "trouble": {}})
        metrics = (await http.get("/metrics")).text
        assert "outbox_oldest_unpublished_seconds 0.0" in metrics
        assert 'messages_total{outcome="fired",subscriber="contracts.ring"} 1.0' in metrics


async def test_failing_job_is_run_again(service: Service) -> None:
    runs = asyncio.Semaphore(0)

    async def job() -> None:
        runs.release()
        raise LookupError

    service.jobs.append(Job("fails", timedelta(milliseconds=1), job))
    async with running(service), asyncio.timeout(10):
        for _ in range(3):
            await runs.acquire()


async def test_api_role_runs_no_jobs_and_takes_no_messages(service: Service) -> None:
    heard: list[str] = []

    async def job() -> None:
        heard.append("job")

    service.jobs.append(Job("job", timedelta(seconds=1), job))
    async with running(service, "api"):
        assert {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("contracts.")} == {
            "contracts.relay"
        }
    assert heard == []


async def test_nothing_is_left_running(service: Service) -> None:
    before = asyncio.all_tasks()
    async with running(service):
        pass

    assert asyncio.all_tasks() == before


async def test_not_ready_while_the_broker_is_in_trouble_or_the_process_ends(
    service: Service, http: httpx2.AsyncClient
) -> None:
    async with running(service, "api"):
        service.transport.away = "the broker is away"  # type: ignore[attr-defined]
        blocked = await http.get("/readyz")
        assert (blocked.status_code, blocked.json()["trouble"]) == (503, {"broker": "the broker is away"})
        service.transport.away = None  # type: ignore[attr-defined]
        service.vitals.stopping = True
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/livez")).status_code == 200


MONEY = "contracts.finish_settlement_when_completed"


async def ignore_it(_tx: Transaction, _envelope: Envelope[Any]) -> None:
    """A handler that does nothing."""


async def test_a_parked_message_that_moves_money_is_seen_in_readiness_and_metrics(
    service: Service, http: httpx2.AsyncClient
) -> None:
    """Given a running service, when a message that moves money is parked, then it is not ready and says why, and its
    metric can be alerted on; when an operator has dealt with it, then it is ready again."""
    service.subscribers.append(Subscriber(MONEY, ignore_it))
    async with running(service):
        assert (await http.get("/readyz")).status_code == 200
        async with service.database.begin() as tx:
            raw = RawMessage("message-1", "payments.settlement.completed.v1", "ms_1", b"{}")
            await scheduled.postpone_message(
                tx, MONEY, raw, None, scheduled.Verdict(tx.wall(), 1, "permanent"), "refused"
            )

        seen = await http.get("/readyz")
        metrics = (await http.get("/metrics")).text
        assert (seen.status_code, seen.json()["trouble"]) == (503, {"parked": "1 messages that move money are parked"})
        assert "parked_money 1.0" in metrics

        async with service.database.begin() as tx:
            assert await parked.discard(tx, f"{MONEY}:message-1")
        assert (await http.get("/readyz")).status_code == 200


async def test_what_is_deaf_to_its_end_does_not_keep_the_process_from_stopping(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a consumer and a transport that do not end when they are told to, when the service stops, then it stops all
    the same, and names what it left behind."""
    released = asyncio.Event()

    async def deaf(*_: object) -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    service.subscribers.append(Subscriber(MONEY, ignore_it))
    monkeypatch.setattr(Consumer, "run", deaf)
    monkeypatch.setattr(service.transport, "close", deaf)
    for limit in ("CONSUMER_STOP_SECONDS", "STOP_SECONDS", "CLOSE_SECONDS"):
        monkeypatch.setattr(wiring, limit, 0.05)

    async def live() -> None:
        async with running(service):
            await asyncio.sleep(0)

    _, pending = await asyncio.wait((asyncio.ensure_future(live()),), timeout=20)
    released.set()

    assert not pending
    assert "contracts.consumer" in caplog.text


async def test_broker_away_at_the_start_keeps_nobody_from_working(
    service: Service, http: httpx2.AsyncClient, keys: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, answers = service.transport.open, [ConnectionError(), ConnectionError()]

    async def open() -> None:
        if answers:
            raise answers.pop()
        await real()

    monkeypatch.setattr(service.transport, "open", open)
    async with running(service):
        away = await http.get("/readyz")
        made = await http.post("/v1/things", json={"title": "x"}, headers=keys.headers("ada"))
        assert (away.status_code, away.json()["trouble"]) == (503, {"broker": "cannot be reached"})
        assert made.status_code == 201
        async with asyncio.timeout(10):
            while (await http.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
        assert "contracts.relay" in {task.get_name() for task in asyncio.all_tasks()}


async def test_broker_with_other_queues_ends_the_start(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def open() -> None:
        raise TopologyMismatch("another queue")

    monkeypatch.setattr(service.transport, "open", open)
    with pytest.raises(TopologyMismatch):
        async with running(service):
            pass


def test_wrong_settings_end_with_one_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////tmp/secret-folder")
    monkeypatch.setenv("PORT", "hunter2")
    with pytest.raises(SystemExit) as ended:
        run_process(build, ServiceSettings, argv=["--role", "api"])

    told = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert {line.split(":")[0] for line in told} == {"BUS_URL", "PORT"}
    assert not any("hunter2" in line or "secret-folder" in line for line in told)
