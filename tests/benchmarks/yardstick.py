"""The yardstick: what a careful user of well-known frameworks gets on this machine, driven in the same run.

It lives outside this repository. Its own packages are put into an environment of its own, because they are no
dependencies of ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

NEEDS = (
    "aio-pika",
    "asyncpg",
    "fastapi",
    "faststream[rabbit]",
    "msgspec",
    "orjson",
    "psutil",
    "psycopg[binary,pool]",
    "sqlalchemy[asyncio]",
    "uvicorn[standard]",
)
DATABASE = "skillscoop_yardstick"


def run(folder: Path, servers: Mapping[str, str], variants: Sequence[str], flows: int, rate: float) -> list[str]:
    """Drive the yardstick's variants once; its result lines. Raises RuntimeError with its errors when it fails."""
    uv = os.environ.get("UV") or shutil.which("uv") or "uv"
    with psycopg.connect(servers["postgres"], autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {DATABASE}")
        base = servers["postgres"].rsplit("/", 1)[0]
        packages = [word for package in NEEDS for word in ("--with", package)]
        command = [uv, "run", "--no-project", "--isolated", "--python", "3.11", *packages, "python", "drive.py"]
        try:
            done = subprocess.run(
                [*command, "--n", str(flows), "--reps", "1", "--rates", str(int(rate)), *variants],
                cwd=folder,
                env={
                    **{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
                    "PERF_PG": f"{base}/{DATABASE}",
                    "PERF_MQ": servers["rabbit"] if servers["rabbit"].count("/") > 2 else servers["rabbit"] + "/",
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    if done.returncode:
        raise RuntimeError(f"the yardstick failed: {done.stderr[-2000:]}")
    return [line for line in done.stdout.splitlines() if line.startswith("pipe ")]
