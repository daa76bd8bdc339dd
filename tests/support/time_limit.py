"""A limit for every test: when it is over, the stacks of all threads and asyncio tasks are shown and the test fails.

A test that does not even then come back (it waits in C, say) ends its process, with the stacks on stderr. The limit is
`time_limit` of the configuration in seconds, or the test's own `@pytest.mark.time_limit(seconds)`.
"""

from __future__ import annotations

import asyncio
import faulthandler
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

AGAIN_SECONDS = 10.0
"""A test that swallowed the first failure gets another one."""

_stderr: list[int] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """The limit is a line of the configuration file."""
    parser.addini("time_limit", "seconds after which a test fails, with all stacks", default="300")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real stderr, which pytest takes away while a test runs."""
    config.addinivalue_line("markers", "time_limit(seconds): this test may take longer or must be quicker than others")
    _stderr[:] = [os.dup(2)]


def pytest_unconfigure() -> None:
    """Give the copy of stderr back."""
    while _stderr:
        os.close(_stderr.pop())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Set the limit around set-up, test and teardown together."""
    own = item.get_closest_marker("time_limit")
    with limited(float(own.args[0] if own else item.config.getini("time_limit")), item.nodeid):
        return (yield)


@contextmanager
def limited(seconds: float, what: str) -> Iterator[None]:
    """Fail the block after `seconds`; end the process after half as many again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"{what} took longer than {seconds:g} s\n{stacks()}", pytrace=False)

    before = signal.signal(signal.SIGALRM, over)
    faulthandler.dump_traceback_later(seconds * 1.5 + AGAIN_SECONDS, exit=True, file=_stderr[0])
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def stacks() -> str:
    """Where every thread and every asyncio task of this thread's loop is just now."""
    out = io.StringIO()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        print(f"\nthread {names.get(ident, ident)}:", file=out)
        traceback.print_stack(frame, file=out)
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:
        tasks = set()
    for task in tasks:
        print(f"\ntask {task.get_name()}:", file=out)
        task.print_stack(file=out)
    return out.getvalue()
