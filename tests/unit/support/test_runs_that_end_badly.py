"""Test runs that hang or are killed: what they say, and that they leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.servers.leftovers import RUN_FOLDER
from tests.support.servers.private import program

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60

HANGING = """
import asyncio, threading, time, pytest

@pytest.mark.asyncio
@pytest.mark.time_limit(0.5)
async def test_waits_for_nobody():
    async def waits_in_a_task():
        await asyncio.Event().wait()
    async with asyncio.TaskGroup() as group:
        group.create_task(waits_in_a_task())

def test_the_next_one_runs():
    pass
"""

WITH_SERVERS = """
import os, time, subprocess, sys

def test_holds_servers(private_postgres, private_rabbit, tmp_path):
    (tmp_path / "large").write_bytes(bytes(1_000_000))
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with open(os.environ["SAY"], "w") as out:
        out.write(os.environ["SKILLSCOOP_TEST_RUN"] + "\\n")
    time.sleep(600)
"""

WITHOUT_SERVERS = WITH_SERVERS.replace("private_postgres, private_rabbit, ", "")


def own_run(test: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """A run of its own of one file, with this repository's fixtures."""
    kept = {name: value for name, value in os.environ.items() if name != RUN_FOLDER and "PYTEST" not in name}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(test.parent)),
            *("-p", "tests.conftest", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", *options, str(test)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=test.parent,
        env={**kept, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        start_new_session=True,
    )


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file of tests."""

    def written(text: str) -> Path:
        path = tmp_path / "test_of_its_own.py"
        path.write_text(text)
        return path

    return written


def test_a_test_that_hangs_fails_with_the_stacks_of_all_threads_and_tasks(file: Callable[[str], Path]) -> None:
    """Given a test that waits for ever, when its limit is over, then it fails with every stack; the next one runs."""
    out, _ = own_run(file(HANGING)).communicate(timeout=PATIENCE)

    assert "took longer than 0.5 s" in out
    assert "thread MainThread:" in out
    assert "waits_in_a_task" in out
    assert "1 failed, 1 passed" in out


def awaited(what: Callable[[], object]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until
        time.sleep(0.2)


def carrying(folder: str) -> list[psutil.Process]:
    """Processes with the run's folder in their environment, arguments or working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            marks = [process.environ().get(RUN_FOLDER, ""), process.cwd(), *process.cmdline()]
        except psutil.Error:
            continue
        if process.status() != psutil.STATUS_ZOMBIE and any(folder in mark for mark in marks):
            found.append(process)
    return found


@pytest.mark.parametrize(
    ("test", "number", "options"),
    [
        pytest.param(WITHOUT_SERVERS, signal.SIGKILL, ["-p", "xdist.plugin", "-n", "1"], id="killed-with-workers"),
        pytest.param(WITH_SERVERS, signal.SIGTERM, [], id="ended-with-servers", marks=pytest.mark.servers),
    ],
)
def test_a_run_that_is_ended_leaves_no_process_and_no_file(
    file: Callable[[str], Path], tmp_path: Path, test: str, number: signal.Signals, options: list[str]
) -> None:
    """Given a run in the middle of a test, when it is ended by a signal, then its servers and files are gone."""
    if test is WITH_SERVERS and (program("initdb") is None or program("rabbitmq-server") is None):
        pytest.skip("the server programs are not installed")
    said = tmp_path / "folder"
    run = own_run(file(test), *options, SAY=str(said))
    try:
        awaited(lambda: (said.exists() and said.read_text().endswith("\n")) or run.poll() is not None)
        assert run.poll() is None, run.communicate()
        folder = said.read_text().strip()
        assert carrying(folder)

        run.send_signal(number)
        run.wait(PATIENCE)

        awaited(lambda: not carrying(folder))
        awaited(lambda: not Path(folder).exists())
    finally:
        run.kill()
        run.communicate()
