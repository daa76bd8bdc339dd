"""The gateway as compose runs it, in front of one stand-in that plays every service."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_ports
from tests.support.servers.private import DidNotStart, listening, program

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "deploy" / "gateway"
DOCS = ROOT / "cli" / "skillscoop_cli" / "docs_page"
START_SECONDS = 20


@dataclass(frozen=True)
class Gateway:
    """A gateway that runs: its two ports and its log."""

    port: int
    operators: int
    log: Path

    @property
    def url(self) -> str:
        """Clients' address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def operators_url(self) -> str:
        """Operators' address."""
        return f"http://127.0.0.1:{self.operators}"


@contextmanager
def running_gateway(folder: Path, upstream: int) -> Iterator[Gateway]:
    """The repository's configuration with other ports and paths; every process of every service is at `upstream`."""
    port, operators = free_ports(2)
    for source in SOURCE.iterdir():
        (folder / source.name).write_text(_moved(source.read_text(), folder, upstream, port, operators))
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                *(program("nginx") or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")),
                *("-e", "stderr", "-g", "daemon off;" + (" user root;" if os.geteuid() == 0 else "")),
            ],
            stdout=out,
            stderr=out,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not (listening(port) and listening(operators)):
            if process.poll() is not None or time.monotonic() > until:
                raise DidNotStart(log.read_text())
            time.sleep(0.02)
        yield Gateway(port, operators, log)
    finally:
        process.terminate()
        process.wait(10)


def _moved(text: str, folder: Path, upstream: int, port: int, operators: int) -> str:
    """The same configuration for other ports and another folder; names of services become one address."""
    text = re.sub(r"\b[a-z]+-(?:api|worker):8000", f"127.0.0.1:{upstream}", text)
    text = text.replace("127.0.0.1:8081", f"127.0.0.1:{operators}")
    for usual, ours in ((8080, port), (8081, operators)):
        text = text.replace(f"listen {usual}", f"listen 127.0.0.1:{ours}")
    text = text.replace("/etc/nginx/skillscoop", str(folder)).replace("/tmp/", f"{folder}/")
    text = text.replace("/etc/nginx/docs", str(DOCS))
    return text.replace("worker_processes auto", "worker_processes 1")
