"""A transport in memory, driven step by step from a seed: duplicates, reordering and deaths happen on demand."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from skillscoop_messages.errors import TransportError
from skillscoop_messages.transport.base import BATCH, DEAD, BatchHandler, Cancel, RawMessage, Subscription
from skillscoop_messages.transport.names import DELIVERY_LIMIT

Kind = Literal["deliver", "deliver_and_forget", "deliver_twice"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing the transport may do next with the deliveries `numbers` of a subscription.

    `deliver` hands them over and settles them. `deliver_and_forget` hands them over but loses the acknowledgement, as
    when the consumer dies between commit and ack. `deliver_twice` leaves a copy of each behind.
    """

    kind: Kind
    subscription: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Faults:
    """How often things go wrong, as shares of 1. All zero: a transport without faults, in order.

    `lose` is how often one queue loses a message that was confirmed, as when it was deleted and made again.
    """

    reorder: float = 0.0
    twice: float = 0.0
    forget: float = 0.0
    lose_confirm: float = 0.0
    lose: float = 0.0
    refuse: float = 0.0


CALM = Faults()
ROUGH = Faults(reorder=0.5, twice=0.1, forget=0.1, lose_confirm=0.1, refuse=0.05)


@dataclass
class _Delivery:
    raw: RawMessage
    tries: int = 0


class SimulatedTransport:
    """Nothing moves by itself: `step` runs one action to its end, so a run repeats exactly from its seed."""

    def __init__(self, seed: int, subscriptions: Collection[Subscription], faults: Faults = CALM) -> None:
        self.faults = faults
        self.away: str | None = None
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose
        self._waiting: dict[str, dict[int, _Delivery]] = {}
        self._interested: dict[str, list[str]] = {}
        for subscription in subscriptions:
            self._waiting[subscription.name] = {}
            for type in subscription.types:
                self._interested.setdefault(type, []).append(subscription.name)
        self._handlers: dict[str, BatchHandler] = {}
        self._number = 0

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """The process is gone: nobody is subscribed; what waits stays."""
        self._handlers.clear()

    async def publish(self, batch: Sequence[RawMessage]) -> set[str]:
        """Store each message for every interested subscription. With faults some, or all, stay unconfirmed."""
        if self.away is not None:
            raise TransportError(self.away)
        if self._random.random() < self.faults.refuse:
            raise TransportError("the simulated transport refused the batch")
        for raw in batch:
            for name in self._interested.get(raw.type, ()):
                if not self.faults.lose or self._random.random() >= self.faults.lose:
                    self._add(name, raw)
        return {raw.id for raw in batch if self._random.random() >= self.faults.lose_confirm}

    async def subscribe(self, subscription: Subscription, handle: BatchHandler) -> Cancel:
        """Remember the handler; it is called by `step` only."""
        self._waiting.setdefault(subscription.name, {})
        self._handlers[subscription.name] = handle

        async def cancel() -> None:
            self._handlers.pop(subscription.name, None)

        return cancel

    async def backlog(self) -> dict[str, int]:
        """What waits, by subscription."""
        return {name: len(waiting) for name, waiting in self._waiting.items() if waiting}

    def trouble(self) -> str | None:
        """What `away` was set to."""
        return self.away

    def enabled(self) -> list[Action]:
        """Everything the transport could do now. The first action of each subscription is the orderly one."""
        if self.away is not None:
            return []
        actions = []
        for name in sorted(self._handlers):
            numbers = tuple(self._waiting[name])
            if not numbers:
                continue
            actions.append(Action("deliver", name, numbers[:BATCH]))
            if name.endswith(DEAD):
                continue
            actions += [Action("deliver", name, (number,)) for number in numbers[1:BATCH]]
            actions += [Action("deliver_twice", name, (number,)) for number in numbers[:BATCH]]
            actions.append(Action("deliver_and_forget", name, numbers[:BATCH]))
        return actions

    async def step(self, action: Action) -> None:
        """Do one action to its end. A handler that raises keeps its deliveries; after 20 tries they are dead."""
        waiting = self._waiting[action.subscription]
        taken = {number: waiting[number] for number in action.numbers if number in waiting}
        handle = self._handlers.get(action.subscription)
        if not taken or handle is None:
            return
        try:
            await handle([delivery.raw for delivery in taken.values()])
        except BaseException as error:
            self._give_back(action.subscription, taken)
            if not isinstance(error, Exception):
                raise
            return
        if action.kind == "deliver_and_forget":
            self._give_back(action.subscription, taken)
            return
        for number, delivery in taken.items():
            del waiting[number]
            if action.kind == "deliver_twice":
                self._add(action.subscription, delivery.raw)

    def choose(self) -> Action | None:
        """Pick the next action by seed and faults; None when nothing can move."""
        if self.away is not None:
            return None
        ready = [name for name in sorted(self._handlers) if self._waiting[name]]
        if not ready:
            return None
        name = self._random.choice(ready)
        returned = [number for number, delivery in self._waiting[name].items() if delivery.tries]
        if returned:
            # It may have killed the process that had it: alone, the least suspicious first.
            number = min(returned, key=lambda one: self._waiting[name][one].tries)
            return Action(self._kind(name), name, (number,))
        numbers = list(self._waiting[name])
        if self._random.random() < self.faults.reorder:
            self._random.shuffle(numbers)
            numbers = numbers[: self._random.randint(1, BATCH)]
        return Action(self._kind(name), name, tuple(numbers[:BATCH]))

    async def run_until_quiet(self, most: int = 10_000) -> int:
        """Take chosen steps until nothing waits for anybody subscribed; how many. Raises after `most` steps."""
        for steps in range(most):
            action = self.choose()
            if action is None:
                return steps
            await self.step(action)
        raise TransportError(f"not quiet after {most} steps")

    def _kind(self, name: str) -> Kind:
        if name.endswith(DEAD):
            return "deliver"
        luck = self._random.random()
        if luck < self.faults.twice:
            return "deliver_twice"
        return "deliver_and_forget" if luck < self.faults.twice + self.faults.forget else "deliver"

    def _add(self, name: str, raw: RawMessage) -> None:
        self._number += 1
        self._waiting[name][self._number] = _Delivery(raw)

    def _give_back(self, name: str, taken: dict[int, _Delivery]) -> None:
        for number, delivery in taken.items():
            delivery.tries += 1
            if delivery.tries > DELIVERY_LIMIT and not name.endswith(DEAD):
                del self._waiting[name][number]
                self._waiting.setdefault(name + DEAD, {})
                self._add(name + DEAD, delivery.raw)
