"""Where the story plays: the people, the contract, and the bookkeeping of what every step did."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from skillscoop_cli.failures import CheckFailed
from skillscoop_cli.story.client import Api, Call
from skillscoop_cli.story.ledger import changes
from skillscoop_cli.story.people import Cast, Person
from skillscoop_cli.story.record import Check, Followed, Outcome, Step

Trace = Callable[[Iterable[str]], Awaitable[list[Followed]]]
"""The events that name one of some ids and were not told yet, with where they went."""


class Narrator(Protocol):
    """Who tells the story while it happens."""

    def chapter(self, title: str) -> None:
        """A part of the trace begins."""

    def step(self, step: Step) -> None:
        """A step is over."""

    def closing(self, outcome: Outcome) -> None:
        """The story is over, well or badly."""


@dataclass(slots=True)
class Stage:
    """Everything a chapter needs. `contract` and `milestones` are ids, known from the first chapter on.

    `simulator` is the base address of what plays Stripe; `operators` says whether operators' routes can be reached;
    `watched` are ids beside the contract's whose events belong to the story.
    """

    api: Api
    cast: Cast
    narrator: Narrator
    outcome: Outcome
    trace: Trace | None = None
    contract: str = ""
    milestones: list[str] = field(default_factory=list)
    dispute: str = ""
    simulator: str = ""
    operators: bool = True
    watched: list[str] = field(default_factory=list)
    _chapter: str = ""
    _ledger: dict[str, Any] = field(default_factory=dict)

    @property
    def contract_path(self) -> str:
        """Path of the contract."""
        return f"/v1/contracts/{self.contract}"

    def milestone_path(self, number: int) -> str:
        """Path of the first, second or third milestone."""
        return f"/v1/milestones/{self.milestones[number - 1]}"

    def chapter(self, title: str) -> None:
        """Begin a part of the trace."""
        self._chapter = title
        self.narrator.chapter(title)

    @asynccontextmanager
    async def step(self, title: str, *, money: bool = False) -> AsyncIterator["Telling"]:
        """One step: what is called inside is told together with the events, and with `money` the ledger lines, it led
        to. Told also when it fails."""
        step = Step(len(self.outcome.steps) + 1, self._chapter, title)
        self.outcome.steps.append(step)
        started = time.monotonic()
        try:
            yield Telling(self, step)
            if money:
                await self._ledger_lines(step)
            if self.trace is not None and self.contract:
                step.events = await self.trace((self.contract, *self.watched))
        finally:
            step.milliseconds = (time.monotonic() - started) * 1_000
            self.narrator.step(step)

    async def _ledger_lines(self, step: Step) -> None:
        after = await self.api.look(self.cast.ada, f"{self.contract_path}/ledger")
        if after is not None:
            step.ledger = changes(self._ledger, after.body)
            self._ledger = after.body


@dataclass(frozen=True, slots=True)
class Telling:
    """The hand of a chapter in its current step."""

    stage: Stage
    step: Step

    async def call(self, who: Person | None, method: str, path: str, body: Any = None, **how: Any) -> Call:
        """`Api.call`, told as part of this step."""
        answer = await self.stage.api.call(who, method, path, body, **how)
        self.step.calls.append(answer)
        return answer

    def note(self, text: str) -> None:
        """Tell something that was seen."""
        self.step.notes.append(text)

    def check(self, name: str, held: bool, detail: str = "") -> None:
        """Something that must hold. Raises `CheckFailed` when it does not."""
        self.stage.outcome.checks.append(Check(name, held, detail))
        if not held:
            raise CheckFailed(f"{name}: {detail}" if detail else name)
