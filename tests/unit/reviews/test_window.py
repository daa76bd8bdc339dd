"""Every state, command and actor of a review window."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from skillscoop_chassis.diagram import state_diagram
from skillscoop_reviews.domain import window as reviews
from skillscoop_reviews.domain.window import (
    Closed,
    Command,
    Edited,
    Fact,
    Hidden,
    Lapse,
    NotYours,
    Open,
    Opened,
    Published,
    Received,
    State,
    Window,
    WindowNotOpen,
    Words,
    Write,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)
END = NOW + timedelta(days=14)
GOOD = Words(5, "Great.", {})
BAD = Words(1, "Awful.", {})
README = Path(__file__).parents[3] / "services" / "reviews" / "README.md"

ACTORS = {"client": "ada", "freelancer": "ben", "stranger": "eve", "system": None}
COMMANDS: dict[str, Command] = {"open": Open(14), "write": Write("rvw_new", GOOD), "lapse": Lapse()}


def window(state: State) -> Window:
    """A window in a state; where it was open, the client has written."""
    waiting = Window("ctr_1", "ada", "ben", "Checkout")
    if state is State.WAITING:
        return waiting
    opened = run(waiting, Open(14), None)
    written = run(opened, Write("rvw_ada", GOOD), "ada")
    return written if state is State.OPEN else run(written, Lapse(), None, END)


def run(before: Window, command: Command, actor: str | None, now: datetime = NOW) -> Window:
    after = before
    for fact in reviews.decide(before, command, actor, now):
        after = reviews.apply(after, fact)
    return after


def kinds(facts: list[Fact]) -> tuple[type, ...]:
    return tuple(type(one) for one in facts)


# Everything not listed is refused: to strangers as unknown, to the wrong actor as not theirs, else by the state.
EXPECTED: dict[tuple[State, str, str], tuple[type, ...]] = {
    (State.WAITING, "open", "system"): (Opened,),
    (State.WAITING, "lapse", "system"): (),
    (State.OPEN, "open", "system"): (),
    (State.OPEN, "write", "client"): (),
    (State.OPEN, "write", "freelancer"): (Received, Published, Published, Closed),
    (State.OPEN, "lapse", "system"): (),
    (State.CLOSED, "open", "system"): (),
    (State.CLOSED, "lapse", "system"): (),
}
OWNERS = {"open": {"system"}, "write": {"client", "freelancer"}, "lapse": {"system"}}


@pytest.mark.parametrize(("state", "command", "actor"), list(product(State, COMMANDS, ACTORS)))
def test_every_state_command_and_actor(state: State, command: str, actor: str) -> None:
    before = window(state)
    expected = EXPECTED.get((state, command, actor))
    if expected is not None:
        assert kinds(reviews.decide(before, COMMANDS[command], ACTORS[actor], NOW)) == expected
        return
    refusal = Hidden if actor == "stranger" else WindowNotOpen if actor in OWNERS[command] else NotYours
    with pytest.raises(refusal):
        reviews.decide(before, COMMANDS[command], ACTORS[actor], NOW)


@pytest.mark.parametrize(("state", "command", "actor"), list(product(State, COMMANDS, ACTORS)))
def test_next_lists_exactly_what_would_succeed(state: State, command: str, actor: str) -> None:
    before = window(state)
    action = COMMANDS[command].action
    offered = [one for one in reviews.next_moves(before, NOW) if (one.action, one.actor) == (action, actor)]
    changing = Write("rvw_x", BAD) if command == "write" else COMMANDS[command]
    try:
        works = bool(reviews.decide(before, changing, ACTORS[actor], NOW))
    except reviews.Refusal:
        works = False
    reported = command == "open"
    assert any(one.blocked_reason is None for one in offered) == (works and not reported)


def test_writing_again_replaces_the_words_until_both_are_in() -> None:
    opened = run(window(State.WAITING), Open(14), None)
    first = run(opened, Write("rvw_1", GOOD), "ben")
    again = reviews.decide(first, Write("rvw_2", BAD), "ben", NOW)
    assert kinds(again) == (Edited,)
    edited = run(first, Write("rvw_2", BAD), "ben")
    review = edited.by("ben")
    assert review is not None
    assert (review.id, review.version, review.words, review.published_at) == ("rvw_1", 2, BAD, None)


def test_the_second_side_publishes_both_and_closes() -> None:
    after = run(window(State.OPEN), Write("rvw_ben", BAD), "ben")
    assert after.state is State.CLOSED
    assert {(one.author_id, one.subject_id, one.published_at) for one in after.reviews} == {
        ("ada", "ben", NOW),
        ("ben", "ada", NOW),
    }


def test_the_window_closes_on_time_with_whatever_is_in() -> None:
    before = window(State.OPEN)
    assert reviews.decide(before, Lapse(), None, END - timedelta(seconds=1)) == []
    assert kinds(reviews.decide(before, Lapse(), None, END)) == (Published, Closed)
    empty = run(window(State.WAITING), Open(14), None)
    assert kinds(reviews.decide(empty, Lapse(), None, END)) == (Closed,)


def test_words_that_come_after_the_time_but_before_the_alarm_are_late() -> None:
    with pytest.raises(WindowNotOpen):
        reviews.decide(window(State.OPEN), Write("rvw_x", GOOD), "ben", END)


def test_the_readme_shows_the_table_that_runs() -> None:
    diagram = state_diagram("waiting: contract created", reviews.arrows(), reviews.last_states())
    assert diagram in README.read_text(encoding="utf-8")
