"""A full disk: not ready, said in one line, nothing proposed that deletes data, and all well when there is room."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.installation import PATIENCE, Installation


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB of its own. Needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return filler


def readiness(url: str, status: int) -> str:
    """What /readyz says once it answers with `status`."""
    ends = time.monotonic() + PATIENCE
    while (answer := httpx2.get(f"{url}/readyz", timeout=PATIENCE)).status_code != status:
        assert time.monotonic() < ends, answer.text
        time.sleep(0.1)
    return answer.text


def test_a_full_disk_is_said_and_survived(
    small_disk: Path, tmp_path: Path, one_line: Callable[[subprocess.CompletedProcess[str]], str]
) -> None:
    """Given an installation, when its disk fills up, then it is not ready, starts no more and says why in one line;
    when there is room again, then it is ready again and starts with all its data."""
    installation = Installation(small_disk / "data", tmp_path / "errors.txt")
    try:
        process, url = installation.up()
        filler = fill(small_disk)
        assert "disk full" in readiness(url, 503)
        filler.unlink()
        readiness(url, 200)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)

        filler = fill(small_disk)
        line = one_line(installation.run("up", "--port", "0"))
        filler.unlink()
        installation.up()
    finally:
        installation.end()
        log = installation.data / "logs" / "skillscoop.log"
        written = log.read_text() if log.exists() else ""

    assert "disk full" in line
    assert "--fresh" not in line
    assert "Traceback" not in written
