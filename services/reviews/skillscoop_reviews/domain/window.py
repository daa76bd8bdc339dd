"""The review window of a contract: when both sides may review each other, and when what they wrote becomes public.

Until then a review is sealed: the other side may know that it exists and nothing more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar


class State(StrEnum):
    """A window waits for the contract's end, is open, and closes by publishing."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


class Part(StrEnum):
    """What somebody is to one contract."""

    CLIENT = "client"
    FREELANCER = "freelancer"
    SYSTEM = "system"


PARTIES = frozenset({Part.CLIENT, Part.FREELANCER})


class Refusal(Exception):
    """A command the domain refuses. Nothing was changed."""


class Hidden(Refusal):
    """Asked by a stranger."""


class NotYours(Refusal):
    """A person asks for what only the system does."""


class WindowNotOpen(Refusal):
    """Reviews are written while the window is open, neither before nor after."""


@dataclass(frozen=True)
class Words:
    """What a review says: `rating` and each aspect from 1 to 5, and a text."""

    rating: int
    text: str
    aspects: Mapping[str, int]


@dataclass(frozen=True)
class Review:
    """One side's review of the other. `published_at` is None while it is sealed."""

    id: str
    author_id: str
    subject_id: str
    words: Words
    created_at: datetime
    updated_at: datetime
    version: int = 1
    published_at: datetime | None = None


@dataclass(frozen=True)
class Window:
    """The root: one per contract. `closes_at` is when silence closes it; before it opens there is none."""

    contract_id: str
    client_id: str
    freelancer_id: str
    title: str
    state: State = State.WAITING
    version: int = 1
    closes_at: datetime | None = None
    reviews: tuple[Review, ...] = ()

    def by(self, author_id: str) -> Review | None:
        """The review `author_id` wrote, if any."""
        return next((one for one in self.reviews if one.author_id == author_id), None)


@dataclass(frozen=True)
class Open:
    """The contract is over and something was paid: both have `days` days."""

    action: ClassVar[str] = "open"
    days: int


@dataclass(frozen=True)
class Write:
    """Write one's review, or write it anew; `review_id` is used for the first one."""

    action: ClassVar[str] = "review"
    review_id: str
    words: Words


@dataclass(frozen=True)
class Lapse:
    """Time passed: the window may be over."""

    action: ClassVar[str] = "lapse"


Command = Open | Write | Lapse


@dataclass(frozen=True)
class Opened:
    """The window opened."""

    closes_at: datetime


@dataclass(frozen=True)
class Received:
    """A side wrote its first words."""

    review: Review


@dataclass(frozen=True)
class Edited:
    """A side wrote its review anew."""

    review: Review


@dataclass(frozen=True)
class Published:
    """A review became public."""

    review: Review


@dataclass(frozen=True)
class Closed:
    """Nothing can be written any more."""


Fact = Opened | Received | Edited | Published | Closed
Facts = list[Fact]


def part_of(window: Window, actor_id: str | None) -> Part | None:
    """What somebody is to the contract; None as an id is the system, None as the answer a stranger."""
    if actor_id is None:
        return Part.SYSTEM
    return {window.client_id: Part.CLIENT, window.freelancer_id: Part.FREELANCER}.get(actor_id)


def _open(window: Window, wish: Open, author: str | None, now: datetime) -> Facts:
    return [Opened(now + timedelta(days=wish.days))]


def _write(window: Window, wish: Write, author: str | None, now: datetime) -> Facts:
    """The second of the two reviews publishes both. One that comes after the time, before the clock rang, is late."""
    if window.closes_at is None or now >= window.closes_at or author is None:
        raise WindowNotOpen
    before = window.by(author)
    if before and before.words == wish.words:
        return []
    if before:
        return [Edited(replace(before, words=wish.words, version=before.version + 1, updated_at=now))]
    other = window.freelancer_id if author == window.client_id else window.client_id
    written = Received(Review(wish.review_id, author, other, wish.words, now, now))
    return [written, *(_publish(apply(window, written), now) if window.by(other) else [])]


def _lapse(window: Window, wish: Lapse, author: str | None, now: datetime) -> Facts:
    due = window.closes_at is not None and now >= window.closes_at
    return _publish(window, now) if due else []


def _publish(window: Window, now: datetime) -> Facts:
    public = [replace(one, published_at=now, updated_at=now, version=one.version + 1) for one in window.reviews]
    return [*(Published(one) for one in public), Closed()]


@dataclass(frozen=True)
class Move:
    """One row: who may do it, from which states to which, and what it makes true.

    `reported` moves come from contracts' facts: they are no open move of anybody and are not listed in `next`.
    """

    action: str
    by: frozenset[Part]
    path: Mapping[State, tuple[State, ...]]
    effect: Callable[[Window, Any, str | None, datetime], Facts]
    on_timeout: str | None = None
    reported: bool = False


TABLE: tuple[Move, ...] = (
    Move("open", frozenset({Part.SYSTEM}), {State.WAITING: (State.OPEN,)}, _open, reported=True),
    Move("review", PARTIES, {State.OPEN: (State.OPEN, State.CLOSED)}, _write, on_timeout="lapse"),
    Move("lapse", frozenset({Part.SYSTEM}), {State.OPEN: (State.CLOSED,)}, _lapse),
)
MOVES: Mapping[str, Move] = {move.action: move for move in TABLE}


def decide(window: Window, command: Command, actor_id: str | None, now: datetime) -> Facts:
    """What becomes true when `actor_id` (None: the system) asks for this at `now`; nothing when it is so already.

    Raises Hidden to a stranger, NotYours for what only the system does, WindowNotOpen before and after the window.
    The clock and contracts' reports are never refused.
    """
    move = MOVES[command.action]
    part = part_of(window, actor_id)
    if part is None:
        raise Hidden
    if part not in move.by:
        raise NotYours
    if window.state not in move.path:
        if part is Part.SYSTEM:
            return []
        raise WindowNotOpen
    return move.effect(window, command, actor_id, now)


def apply(window: Window, fact: Fact) -> Window:
    """The window after the fact; its version is the business of whoever stores it."""
    match fact:
        case Opened(closes_at):
            return replace(window, state=State.OPEN, closes_at=closes_at)
        case Received(review):
            return replace(window, reviews=(*window.reviews, review))
        case Edited(review) | Published(review):
            return replace(window, reviews=tuple(review if one.id == review.id else one for one in window.reviews))
        case Closed():
            return replace(window, state=State.CLOSED)


@dataclass(frozen=True)
class OpenMove:
    """One open move of `actor` (client, freelancer or system); without `blocked_reason` it would succeed now."""

    action: str
    actor: str
    due_at: datetime | None = None
    on_timeout: str | None = None
    blocked_reason: str | None = None


def next_moves(window: Window, now: datetime) -> list[OpenMove]:
    """The open moves of all actors, in the table's order."""
    over = window.closes_at is not None and now >= window.closes_at
    return [
        OpenMove(
            action=move.action,
            actor=part.value,
            due_at=window.closes_at,
            on_timeout=move.on_timeout,
            blocked_reason=None if over is (part is Part.SYSTEM) else ("window_over" if over else "not_due"),
        )
        for move in TABLE
        if window.state in move.path and not move.reported
        for part in Part
        if part in move.by
    ]


def arrows() -> list[tuple[str, str, str]]:
    """The table's changes of state: (from, to, action)."""
    return [
        (before.value, after.value, move.action)
        for move in TABLE
        for before, afters in move.path.items()
        for after in afters
        if before is not after
    ]


def last_states() -> list[str]:
    """The states that no move leaves."""
    leaving = {before for move in TABLE for before in move.path}
    return [state.value for state in State if state not in leaving]
