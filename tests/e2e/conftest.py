"""The installed command, run as people run it: a process of its own, on a data folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import ports
from tests.support.installation import Installation


@pytest.fixture
def skillscoop(tmp_path: Path) -> Iterator[Installation]:
    """The command on a fresh data folder."""
    installation = Installation(tmp_path / "data", tmp_path / "errors.txt")
    yield installation
    installation.end()


@pytest.fixture
def free_port() -> int:
    """A loopback port nobody uses just now."""
    return ports.free_port()


@pytest.fixture
def one_line() -> Callable[[subprocess.CompletedProcess[str]], str]:
    """The only line a refused verb wrote; fails when there is more, or a traceback."""

    def line(done: subprocess.CompletedProcess[str]) -> str:
        assert done.returncode == 2, (done.stdout, done.stderr)
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        return lines[0]

    return line
