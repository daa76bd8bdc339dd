"""The installed command, run as people run it: a process of its own, on a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.support.servers.leftovers import RUN_FOLDER

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).parent / "skillscoop"
PATIENCE = 90
"""Seconds after which something surely hangs; nothing is asserted about how long it really takes."""


def nothing_of_the_callers() -> dict[str, str]:
    """This process's environment without what would change what the command does."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == RUN_FOLDER or not name.startswith(("SKILLSCOOP_", "STRIPE_"))
    }


@dataclass
class Installation:
    """A data folder, and the processes a test started on it."""

    data: Path
    errors: Path
    _started: list[subprocess.Popen[str]] = field(default_factory=list)
    _open: list[IO[str]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """What the command sees: the test's data folder, and nothing of the caller's."""
        return {**nothing_of_the_callers(), "SKILLSCOOP_DATA": str(self.data)}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end."""
        return subprocess.run(
            [PROGRAM, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**self.environment(), **environment},
            cwd=self.data.parent,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """What a verb that must succeed prints, read as JSON."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def up(self, port: int = 0, *options: str) -> tuple[subprocess.Popen[str], str]:
        """Start `up` and wait for its line; the process and the address."""
        errors = self.errors.open("a")
        self._open.append(errors)
        process = subprocess.Popen(
            [PROGRAM, "up", "--port", str(port), *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=self.environment(),
        )
        self._started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), f"{line!r}, {self.errors.read_text()}"
        return process, line.split()[1]

    def end(self) -> None:
        """End what still runs."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)
            if process.stdout is not None:
                process.stdout.close()
        for file in self._open:
            file.close()
