"""Waiting for a library's answer: never without a limit, and never deaf to our own cancellation."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar

from skillscoop_messages.errors import TransportError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_abandoned: set[asyncio.Future[Any]] = set()


async def within(seconds: float, work: Awaitable[T]) -> T:
    """The result of `work`, which runs as a task of its own so that nothing in it can keep us waiting.

    A client library may swallow a cancellation that lands while it closes a channel, or wait on after a timeout; here
    both reach the caller at once and the work is left behind, cancelled. Raises TimeoutError after `seconds`, what the
    work raises, and TransportError where the library cancelled the work by itself.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait((task,), timeout=seconds)
    except BaseException:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise TimeoutError(f"no answer within {seconds:g} s")
    if task.cancelled():
        raise TransportError("closed while it was in use")
    return task.result()


async def quietly(seconds: float, closing: Awaitable[object]) -> None:
    """Close something that may be dead already; whatever it says, we are done with it."""
    try:
        await within(seconds, closing)
    except Exception as error:
        logger.debug("closed without an answer: %s: %s", type(error).__name__, error)


async def finished(seconds: float, tasks: Iterable[asyncio.Future[Any]]) -> set[asyncio.Future[Any]]:
    """Wait for tasks to end, whatever becomes of them, for at most `seconds`; those that have not ended."""
    waiting = set(tasks)
    if not waiting:
        return set()
    done, pending = await asyncio.wait(waiting, timeout=seconds)
    for task in done:
        _ended(task)
    return pending


async def stop(seconds: float, tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait for their end, twice at most `seconds`: a cancellation may have been swallowed once."""
    pending = set(tasks)
    for _ in range(2):
        for task in pending:
            task.cancel()
        pending = await finished(seconds, pending)
        if not pending:
            return
    for task in pending:
        logger.error("does not end although it was cancelled, left behind: %r", task)
        _abandon(task)


async def first_of(*works: Awaitable[object]) -> None:
    """Return when the first has ended, whatever becomes of it; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.add_done_callback(_ended)
            task.cancel()


def raise_if_cancelled() -> None:
    """Raise CancelledError where this task has been cancelled and something on the way swallowed it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _abandon(task: asyncio.Future[Any]) -> None:
    """Leave a task behind: cancelled, kept from being collected, its last words unread."""
    _abandoned.add(task)
    task.add_done_callback(_abandoned.discard)
    task.add_done_callback(_ended)
    task.cancel()


def _ended(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()
