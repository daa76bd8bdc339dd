"""What processes cost: processor seconds, memory of their own, time until they answer."""

from __future__ import annotations

import contextlib
import platform
import socket
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil


def interpreter() -> str:
    """Which Python runs the processes; one built without profiles takes up to 1.4 times as long."""
    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    built = "with" if optimized else "without"
    name = platform.python_implementation()
    return f"{name} {platform.python_version()}, {platform.python_compiler()}, built {built} profiles"


def processor_seconds(process: psutil.Process) -> float:
    """User and system time of a process with its children, living and reaped."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                spent = one.cpu_times()
                total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


def listening_on(url: str) -> psutil.Process | None:
    """The oldest process that listens on the port of `url`: a server's first process."""
    port = urlsplit(url).port
    pids = {
        found.pid
        for found in psutil.net_connections("tcp")
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port and found.pid
    }
    return psutil.Process(min(pids)) if pids else None


def proportional_memory(pid: int) -> float:
    """PSS of one process in MB: shared pages count in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def spent(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """Processor seconds so far, by name."""
    return {name: processor_seconds(process) for name, process in processes.items()}


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def seconds_until_ready(port: int, since: float, patience: float = 20.0) -> float:
    """Seconds from `since` (perf_counter) until /readyz on a loopback port answers 200."""
    while time.perf_counter() - since < patience:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: benchmark\r\nconnection: close\r\n\r\n")
            if connection.recv(32).startswith(b"HTTP/1.1 200"):
                return time.perf_counter() - since
        time.sleep(0.005)
    raise TimeoutError(f"nothing ready on port {port}")
