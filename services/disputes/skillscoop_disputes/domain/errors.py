"""Why the domain says no, as one tree.

Refusal
├── Hidden         the caller is nobody in this dispute and must not learn that it exists
├── NotYours       somebody else's move (`code`)
├── WrongState     nobody's move in this state (`state`, `allowed` moves)
├── Blocked        the right person and state, but something is in the way (`code`)
├── NotHeardOf     money on a milestone that nobody here knows of, perhaps not yet
├── NoAgent        a case is given to somebody who is not known to work on disputes
└── SplitInvalid   a split that does not fit the disputed money (`problems`)
"""

from dataclasses import dataclass


class Refusal(Exception):
    """A command the domain refuses. Nothing was changed."""


class Hidden(Refusal):
    """Asked by a stranger."""


@dataclass
class NotYours(Refusal):
    """The move belongs to somebody else; `code` says to whom, or why not to the caller."""

    code: str
    detail: str


@dataclass
class WrongState(Refusal):
    """The move does not exist in this state. `allowed` are the moves of anybody that do."""

    action: str
    state: str
    allowed: tuple[str, ...]


@dataclass
class Blocked(Refusal):
    """The move exists in this state but cannot be made now; `code` is also the `blocked_reason` in `next`."""

    code: str
    detail: str


class NotHeardOf(Refusal):
    """A form names a milestone on which we never heard of money: it has none, or the event is on its way."""


class NoAgent(Refusal):
    """Nobody who works on disputes is known by the id a case is given to."""


@dataclass(frozen=True)
class SplitProblem:
    """What is wrong with one entry of a split; `index` is its place, or None for the split as a whole."""

    index: int | None
    code: str
    detail: str


@dataclass
class SplitInvalid(Refusal):
    """The split does not divide exactly the disputed milestones, each within what is held on it."""

    problems: tuple[SplitProblem, ...]
