"""Every state, command and actor of a dispute, against a table written by hand from the rules."""

from datetime import datetime
from itertools import product
from pathlib import Path

import pytest
from skillscoop_chassis.diagram import state_diagram
from skillscoop_disputes.domain.available_actions import available_actions
from skillscoop_disputes.domain.dispute import State, part_of
from skillscoop_disputes.domain.errors import Blocked, Hidden, NotYours, Refusal, WrongState
from skillscoop_disputes.domain.moves import MOVES, arrows, decide, last_states

from tests.unit.disputes.cases import ACTORS, COMMANDS, IN_STATE, LATE, NOW, run

S = State
README = Path(__file__).parents[3] / "services" / "disputes" / "README.md"
TEAM = {"agent", "second_approver", "support"}
PARTIES = {"opener", "respondent"}

# Who may ever do it, and what state it leads to from where. In review a proposal has failed before; in `proposed`
# nobody has accepted yet; the waiting decision has its second approver; contracts reports on both milestones apart.
RULES: dict[str, tuple[set[str], dict[State, State]]] = {
    "confirm": ({"system"}, {S.OPENING: S.OPEN}),
    "refuse": ({"system"}, {S.OPENING: S.REFUSED}),
    "answer": ({"respondent"}, {S.OPEN: S.OPEN, S.IN_REVIEW: S.IN_REVIEW}),
    "evidence": (PARTIES, {S.OPENING: S.OPENING, S.OPEN: S.OPEN}),
    "assign": (
        TEAM,
        {
            S.OPEN: S.IN_REVIEW,
            S.IN_REVIEW: S.IN_REVIEW,
            S.PROPOSED: S.PROPOSED,
            S.AWAITING_SECOND_APPROVAL: S.AWAITING_SECOND_APPROVAL,
        },
    ),
    "unassign": (
        TEAM,
        {
            S.IN_REVIEW: S.IN_REVIEW,
            S.PROPOSED: S.PROPOSED,
            S.AWAITING_SECOND_APPROVAL: S.AWAITING_SECOND_APPROVAL,
        },
    ),
    "notes": (
        {"agent", "second_approver"},
        {
            S.IN_REVIEW: S.IN_REVIEW,
            S.PROPOSED: S.PROPOSED,
            S.AWAITING_SECOND_APPROVAL: S.AWAITING_SECOND_APPROVAL,
            S.RESOLVED: S.RESOLVED,
        },
    ),
    "propose": ({"agent"}, {S.IN_REVIEW: S.PROPOSED}),
    "accept": (PARTIES, {S.PROPOSED: S.PROPOSED}),
    "decline": (PARTIES, {S.PROPOSED: S.IN_REVIEW}),
    "decide": ({"agent"}, {S.IN_REVIEW: S.RESOLVED}),
    "approve_decision": ({"second_approver", "support"}, {S.AWAITING_SECOND_APPROVAL: S.RESOLVED}),
    "reject_decision": ({"second_approver", "support"}, {S.AWAITING_SECOND_APPROVAL: S.IN_REVIEW}),
    "withdraw": (
        {"opener"},
        {S.OPENING: S.WITHDRAWN, S.OPEN: S.WITHDRAWN, S.IN_REVIEW: S.WITHDRAWN, S.PROPOSED: S.WITHDRAWN},
    ),
    "lapse": ({"system"}, {S.OPEN: S.OPEN, S.PROPOSED: S.PROPOSED}),
    "record_execution": ({"system"}, {S.RESOLVED: S.RESOLVED}),
    "refuse_execution": ({"system"}, {S.RESOLVED: S.IN_REVIEW}),
    "finish_milestone": ({"system"}, {state: state for state in S}),
}
EVERYTHING = list(product(State, COMMANDS, ACTORS))


def part(state: State, actor: str) -> str:
    """What the actor is in that state by the rules: only assigned people of support are more than support."""
    if actor in ("opener", "respondent", "stranger", "system", "support"):
        return actor
    worked_on = state in (S.IN_REVIEW, S.PROPOSED, S.AWAITING_SECOND_APPROVAL, S.RESOLVED)
    if actor == "agent":
        return "agent" if worked_on else "support"
    return "second_approver" if state is S.AWAITING_SECOND_APPROVAL else "support"


def expected(state: State, command: str, actor: str) -> State | type[Refusal]:
    """The state afterwards, or the refusal."""
    who, where = RULES[command]
    role = part(state, actor)
    if role == "stranger":
        return Hidden
    if role not in who:
        return NotYours
    if state not in where:
        return state if role == "system" else WrongState
    if command in ("approve_decision", "reject_decision") and role == "support":
        return Blocked
    return where[state]


def test_the_fixtures_stand_in_their_states() -> None:
    assert {state: dispute.state for state, dispute in IN_STATE.items()} == {state: state for state in State}
    assert set(COMMANDS) == set(MOVES) == set(RULES)


@pytest.mark.parametrize(("state", "command", "actor"), EVERYTHING)
def test_every_state_command_and_actor(state: State, command: str, actor: str) -> None:
    before = IN_STATE[state]
    outcome = expected(state, command, actor)
    if isinstance(outcome, State):
        after = run(before, COMMANDS[command], actor)
        assert after.state is outcome
        assert after == before or outcome in MOVES[command].path[state]
        return
    with pytest.raises(outcome):
        decide(before, COMMANDS[command], ACTORS[actor], NOW)


NAMES = {"opener": "client", "respondent": "freelancer", "system": "system"}


@pytest.mark.parametrize("moment", [NOW, LATE], ids=["in time", "overdue"])
@pytest.mark.parametrize("state", State)
def test_next_lists_exactly_what_would_succeed(state: State, moment: datetime) -> None:
    for command, actor in product(COMMANDS, ACTORS):
        check_next(state, command, actor, moment)


def check_next(state: State, command: str, actor: str, moment: datetime) -> None:
    """An open move without a reason against it succeeds, and what succeeds is listed."""
    before = IN_STATE[state]
    if MOVES[command].reported or actor == "stranger":
        assert actor == "stranger" or not [one for one in available_actions(before, moment) if one.action == command]
        return
    name = NAMES.get(actor, "support")
    offered = [one for one in available_actions(before, moment) if (one.action, one.actor) == (command, name)]
    assert len(offered) <= 1
    works = succeeds(state, command, actor, moment)
    if name != "support":
        assert any(one.blocked_reason is None for one in offered) == works
    elif works:
        assert [one.blocked_reason for one in offered] == [None]


def succeeds(state: State, command: str, actor: str, moment: datetime) -> bool:
    """Whether the command changes something."""
    try:
        return bool(decide(IN_STATE[state], COMMANDS[command], ACTORS[actor], moment))
    except Refusal:
        return False


def test_a_refusal_tells_state_and_what_is_allowed() -> None:
    with pytest.raises(WrongState) as refused:
        decide(IN_STATE[S.RESOLVED], COMMANDS["withdraw"], ACTORS["opener"], NOW)
    assert (refused.value.state, refused.value.allowed) == ("resolved", ("notes",))


def test_a_party_with_a_support_token_stays_a_party() -> None:
    ada = type(ACTORS["opener"])("ada", support=True)
    assert part_of(IN_STATE[S.OPEN], ada) == "opener"
    with pytest.raises(NotYours):
        decide(IN_STATE[S.OPEN], COMMANDS["assign"], ada, NOW)


def test_the_readme_shows_the_table_that_runs() -> None:
    assert state_diagram("opening: file", arrows(), last_states()) in README.read_text(encoding="utf-8")
