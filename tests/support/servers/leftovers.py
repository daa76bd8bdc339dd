"""What a test run leaves behind when it is killed: found by the run's folder, ended and removed by a process beside it.

The process waits on a pipe that the run holds open. However the run ends (SIGTERM, kill -9, a crash), the pipe closes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

RUN_FOLDER = "SKILLSCOOP_TEST_RUN"
"""Variable that names the run's folder; whatever the run starts inherits it."""

END_SECONDS = 5.0
ROOT = Path(__file__).resolve().parents[3]
_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from tests.support.servers import leftovers; leftovers.main()"


def watched(folder: Path) -> subprocess.Popen[bytes]:
    """Start the process that cleans up after this one. Close its stdin to have it done now."""
    return subprocess.Popen(
        [sys.executable, "-c", _CODE, str(ROOT), str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
        env={name: value for name, value in os.environ.items() if name != RUN_FOLDER},
    )


def main() -> None:
    """Wait for the run to end, then clean up. Signals meant for the run are none of ours."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    remove(Path(sys.argv[2]))


def remove(folder: Path) -> None:
    """End every process that belongs to the run, drop what it made on servers of others, and remove its folder."""
    for _ in range(5):
        ours = belonging_to(folder)
        for process in ours:
            with suppress(psutil.Error):
                process.send_signal(_gently(process))
        _, alive = psutil.wait_procs(ours, timeout=END_SECONDS)
        for process in alive:
            with suppress(psutil.Error):
                process.kill()
        if not ours:
            break
        psutil.wait_procs(alive, timeout=END_SECONDS)
    _drop_noted(folder)
    shutil.rmtree(folder, ignore_errors=True)


def belonging_to(folder: Path) -> list[psutil.Process]:
    """Processes that carry the run's folder in their environment, their arguments or their working directory."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with suppress(psutil.Error):
            if _carries(process, folder):
                found.append(process)
    return found


def _carries(process: psutil.Process, folder: Path) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    marks: tuple[Any, ...] = ()
    with suppress(psutil.AccessDenied):
        marks += (process.environ().get(RUN_FOLDER) == str(folder),)
    with suppress(psutil.AccessDenied):
        marks += (any(str(folder) in word for word in process.cmdline()),)
    with suppress(psutil.AccessDenied):
        marks += (Path(process.cwd()).is_relative_to(folder),)
    return any(marks)


def _gently(process: psutil.Process) -> signal.Signals:
    """PostgreSQL's word for "at once" is SIGQUIT; on SIGTERM it would wait for its clients."""
    return signal.SIGQUIT if process.name() == "postgres" else signal.SIGTERM


def note(kind: str, server: str, name: str) -> None:
    """Remember something made on a server that outlives the run: a database, or a namespace of the broker."""
    folder = os.environ.get(RUN_FOLDER)
    if folder is None:
        return
    with (Path(folder) / "made-elsewhere").open("a") as file:
        file.write(json.dumps([kind, server, name]) + "\n")


def _drop_noted(folder: Path) -> None:
    """Drop what was noted, as far as its servers still answer; the run's own ones were ended above."""
    notes = folder / "made-elsewhere"
    if not notes.exists():
        return
    from tests.support.broker import remove_namespace
    from tests.support.databases import FreshDatabases

    until = time.monotonic() + 60
    for line in notes.read_text().splitlines():
        with suppress(Exception):
            kind, server, name = json.loads(line)
            if time.monotonic() > until:
                return
            if kind == "database":
                FreshDatabases(server).drop(name)
            else:
                remove_namespace(server, name)
