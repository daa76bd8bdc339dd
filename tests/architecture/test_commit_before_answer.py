"""No success leaves before its commit: kill the process exactly there and look at what the caller got."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa

from tests.support.databases import create_tables
from tests.support.example import TARGETS, THINGS
from tests.support.identity import Issuer
from tests.support.ports import free_port
from tests.support.servers.private import listening

PROGRAM = Path(__file__).parents[1] / "support" / "dies_at_commit.py"


@contextmanager
def process(url: str, jwks: Path, when: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    running = subprocess.Popen([sys.executable, str(PROGRAM), url, str(jwks), str(port), when], stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 60
        while not listening(port):
            assert running.poll() is None, running.stderr and running.stderr.read().decode()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", running
    finally:
        running.terminate()
        running.wait(15)
        if running.stderr:
            running.stderr.close()


def count(url: str) -> int:
    engine = sa.create_engine(sa.make_url(url).set(drivername="sqlite"), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(THINGS)).scalar_one())


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
def test_process_killed_at_the_commit_has_promised_nothing(
    sqlite_url: str, jwks_file: Path, keys: Issuer, when: str, kept: int
) -> None:
    create_tables(sqlite_url, TARGETS)
    body, headers = {"title": "x"}, {**keys.headers("ada"), "Idempotency-Key": "once"}

    with process(sqlite_url, jwks_file, when) as (address, running):
        with pytest.raises(httpx2.TransportError):
            httpx2.post(f"{address}/v1/things", json=body, headers=headers, timeout=30)
        assert running.wait(30) == -9
    assert count(sqlite_url) == kept

    with process(sqlite_url, jwks_file, "never") as (address, _):
        again = httpx2.post(f"{address}/v1/things", json=body, headers=headers, timeout=30)
    assert again.status_code == 201
    assert ("idempotent-replayed" in again.headers) is bool(kept)
    assert count(sqlite_url) == 1


def test_process_ends_on_sigterm_and_lets_open_requests_finish(sqlite_url: str, jwks_file: Path, keys: Issuer) -> None:
    create_tables(sqlite_url, TARGETS)
    with process(sqlite_url, jwks_file, "never") as (address, running):
        assert httpx2.get(f"{address}/readyz", timeout=30).status_code == 200
        assert httpx2.get(f"{address}/v1/things", headers=keys.headers("ada"), timeout=30).status_code == 200
        running.terminate()
        assert running.wait(10) == 0
