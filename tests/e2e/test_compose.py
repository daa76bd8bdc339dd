"""The README's way with Docker: built from this tree, started, and walked through as people would."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.installation import PROGRAM
from tests.support.ports import free_port
from tests.support.servers.found import docker_answers

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
BUILT_HERE = "skillscoop/"
PROJECT = f"skillscooptest{os.getpid()}"
"""A project of this run's own: what another run keeps, or was killed over, is none of its business."""


def outside_images() -> list[str]:
    """The images that are not built from this tree: those compose starts, and those it builds on."""
    named = re.findall(r"^ +(?:image: |[A-Z]+_IMAGE: )(\S+)$", COMPOSE.read_text(), re.MULTILINE)
    named = [re.sub(r"^\$\{[A-Z]+_IMAGE:-([^}]+)\}$", r"\1", name) for name in named]
    return sorted({name for name in named if not name.startswith(BUILT_HERE)})


def compose(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """One compose command on a project of this test's own."""
    return subprocess.run(
        ["docker", "compose", "--project-name", PROJECT, "--file", str(COMPOSE), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        timeout=900,
    )


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Free ports and a data folder; the project is taken down afterwards with everything it kept."""
    if not docker_answers() or shutil.which("docker") is None or compose("version", environment={}).returncode:
        pytest.skip("no Docker engine with compose answers here")
    missing = [
        image
        for image in outside_images()
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode
        and subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, check=False).returncode
    ]
    if missing:
        pytest.skip(f"these images cannot be had here: {', '.join(missing)}")
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    chosen = {
        "SKILLSCOOP_DATA": str(data),
        **{name: str(free_port()) for name in ("GATEWAY_PORT", "OPERATORS_PORT", "SIMULATOR_PORT", "MAIL_PORT")},
    }
    yield chosen
    compose("down", "--volumes", "--timeout", "5", environment=chosen)


@pytest.mark.time_limit(3_600)
def test_the_story_holds_in_compose(environment: dict[str, str]) -> None:
    """Given compose is up, when the story is walked through the gateway, then every check holds."""
    up = compose("up", "--build", "--wait", environment=environment)
    assert up.returncode == 0, (
        up.stderr[-3000:] + compose("logs", "--tail", "20", environment=environment).stdout[-6000:]
    )
    walked = subprocess.run(
        [sys.executable, PROGRAM, "walk", "--json", "--data", environment["SKILLSCOOP_DATA"]],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        # The command line finds compose and its operators' port by itself.
        env={**os.environ, **environment},
    )
    assert walked.returncode == 0, walked.stdout[-3000:] + walked.stderr[-3000:]
    assert json.loads(walked.stdout)["ok"] is True
    ready = httpx2.get(f"http://127.0.0.1:{environment['OPERATORS_PORT']}/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    own = "PGPASSWORD=$(cat /run/secrets/contracts-database) psql -h 127.0.0.1 -U contracts -c 'SELECT 1'"
    opened = {
        database: compose("exec", "-T", "postgres", "sh", "-c", f"{own} {database}", environment=environment).returncode
        for database in ("contracts", "payments")
    }
    assert opened["contracts"] == 0
    assert opened["payments"] != 0
