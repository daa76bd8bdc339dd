"""Cancel a coroutine at one chosen await: what it does then must not depend on where it stood."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any

ENDS_WITHIN = 20.0


@dataclass
class Cancelled:
    """A task that is cancelled when it has suspended for the `at`-th time, `later` turns of the loop after that."""

    at: int
    scheduled: int = 0
    awaits: int = 0
    asked: bool = False
    task: asyncio.Task[Any] | None = None

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run the work under watch."""
        self.task = asyncio.ensure_future(_driven(self, work))
        return self.task

    async def end(self) -> str:
        """How it ended: `cancelled`, `finished`, or what it raised. Fails when it goes on."""
        assert self.task is not None
        _, pending = await asyncio.wait((self.task,), timeout=ENDS_WITHIN)
        assert not pending, f"cancelled at await {self.at} (+{self.scheduled}), and went on"
        if self.task.cancelled():
            return "cancelled"
        error = self.task.exception()
        return "finished" if error is None else f"{type(error).__name__}: {error}"

    def suspended(self) -> None:
        """The work waits for something."""
        self.awaits += 1
        if self.awaits == self.at:
            self._in_turns(self.scheduled)

    def _in_turns(self, turns: int) -> None:
        loop = asyncio.get_running_loop()
        if turns:
            loop.call_soon(self._in_turns, turns - 1)
        else:
            loop.call_soon(self._cancel)

    def _cancel(self) -> None:
        assert self.task is not None
        self.asked = self.task.cancel()


@types.coroutine
def _driven(watch: Cancelled, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    thrown: BaseException | None = None
    while True:
        try:
            waited_for = work.send(None) if thrown is None else work.throw(thrown)
        except StopIteration as end:
            return end.value
        thrown = None
        watch.suspended()
        try:
            yield waited_for
        except BaseException as error:
            thrown = error


async def at_every_await(
    make: Callable[[], Coroutine[Any, Any, Any]], turns: range = range(4), most: int = 400
) -> list[str]:
    """Cancel `make()` at its first await, at its second, and so on until it finishes first; how each time ended.

    Each is done `turns` times over, the cancellation that many turns of the loop later.
    """
    ends = []
    for scheduled in turns:
        for at in range(1, most):
            watch = Cancelled(at, scheduled)
            watch.start(make())
            end = await watch.end()
            if not watch.asked:
                assert end == "finished", end
                break
            ends.append(end)
    return ends
