"""The process around an embedded installation: its log, its signals, and an end that is never late."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import DataFolder

T = TypeVar("T")
LAST_SECONDS = 8.0
"""After this long the process ends where it stands; every file of the folder can bear that."""
LOG_BYTES = 20_000_000


def host(folder: DataFolder, port: int, play: Callable[[Any], Awaitable[T]]) -> T | None:
    """Run everything, and `play` on it; `None` when SIGTERM or SIGINT ended it. Raises `Refused` as `running` does."""
    os.umask(0o077)
    _log_to(folder.log)
    factory: Any = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_played(folder, port, play))


async def _played(folder: DataFolder, port: int, play: Callable[[Any], Awaitable[T]]) -> T | None:
    from skillscoop_cli.embedded.runner import running

    async def whole() -> T:
        async with running(folder, port) as installation:
            return await play(installation)

    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(whole())
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            task.cancel()
            loop.call_later(LAST_SECONDS, os._exit, 0)
            # And should the loop itself be over by then, and only some library's thread refuse to end:
            signal.alarm(int(LAST_SECONDS) + 1)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if not stopped:
            raise
        return None


def _log_to(file: Path) -> None:
    """Send the services' log to a file of the data folder; the terminal belongs to the verb."""
    from skillscoop_chassis.telemetry import set_up_logging

    set_up_logging("skillscoop", "json", "info")
    try:
        if file.exists() and file.stat().st_size > LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))
        out = file.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise Refused(f"the log {file} cannot be written: {error.strerror}") from error
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(out)
