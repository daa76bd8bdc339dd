"""The story over processes of their own, PostgreSQL and RabbitMQ: the same code as in one process."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from tests.support.installation import PROGRAM, nothing_of_the_callers
from tests.support.processes import Processes, running_processes

PATIENCE = 120


def walk(processes: Processes) -> subprocess.CompletedProcess[str]:
    """Walk the story against the processes' front, as a person would."""
    return subprocess.run(
        [sys.executable, PROGRAM, "walk", "--url", processes.url, "--data", str(processes.data.path), "--json"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=nothing_of_the_callers(),
        check=False,
    )


async def test_the_story_holds_over_processes(
    tmp_path: Path, postgres_server: object, rabbit_server: object, bus_namespace: str
) -> None:
    """Given five processes over PostgreSQL and RabbitMQ, when the story is walked, then every check holds."""
    async with running_processes(tmp_path / "data", postgres_server.url, rabbit_server.url, bus_namespace) as processes:  # type: ignore[attr-defined]
        done = await asyncio.to_thread(walk, processes)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["ok"] is True
