"""Every state, every command, timer and event, every actor: what must come out, written down a second time.

The table's rows are held against what really happens in both directions: nothing happens that a row does not say, and
no row says anything that never happens. A wrong row planted into the table is therefore seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest
from skillscoop_contracts.domain.agreement import (
    ApproveTerms,
    DeclineTerms,
    LapseTerms,
    RequestChanges,
    WithdrawTerms,
)
from skillscoop_contracts.domain.available_actions import allowed, next_of_contract, next_of_milestone
from skillscoop_contracts.domain.completion import AutoComplete, CompleteContract
from skillscoop_contracts.domain.contract import MILESTONE_STATES, PHASES, By, Contract, Milestone
from skillscoop_contracts.domain.decide import decide, starts_here, subject_of
from skillscoop_contracts.domain.delivery import FinishSettlement, NoteSettlementBlocked, Release, Retract, Submit
from skillscoop_contracts.domain.disputes import DecisionRefused, FreezeForDispute, SettleDispute, UnfreezeForDispute
from skillscoop_contracts.domain.drafting import ContractDrafted, EditTerms, SendForReview
from skillscoop_contracts.domain.errors import Forbidden, IllegalTransition, InvalidTerms, Refused, UnknownObject
from skillscoop_contracts.domain.evolve import OutsideTable, check_path, evolve, moved
from skillscoop_contracts.domain.funding import (
    CancelFunding,
    Fund,
    LapseFunding,
    NotePaymentHeld,
    NotePaymentOver,
    NotePaymentReturned,
)
from skillscoop_contracts.domain.table import APPLICATIONS, TRANSITIONS, Fact
from skillscoop_contracts.domain.transition import Transition, nothing, settles
from skillscoop_contracts.publish import BUILDERS, TOLD_TO_NOBODY, events_of
from skillscoop_contracts.usecases import TIMERS, timer_of
from skillscoop_messages.scheduled import MoneyTimer

from tests.unit.contracts.situations import EVERYBODY, SCHEDULED, commands, other_events, situations

ACCEPTED, ALREADY = "accepted", "already so"

MAY = {
    EditTerms: {"client"}, SendForReview: {"client"}, WithdrawTerms: {"client"}, CompleteContract: {"client"},
    Fund: {"client"}, CancelFunding: {"client"}, Release: {"client"},
    ApproveTerms: {"freelancer"}, DeclineTerms: {"freelancer"}, RequestChanges: {"freelancer"}, Submit: {"freelancer"},
    Retract: {"freelancer"},
    LapseTerms: {"system"}, AutoComplete: {"system"}, LapseFunding: {"system"},
    NotePaymentHeld: {"system"}, NotePaymentOver: {"system"}, NotePaymentReturned: {"system"},
    NoteSettlementBlocked: {"system"}, FinishSettlement: {"system"},
    FreezeForDispute: {"client", "freelancer"}, UnfreezeForDispute: {"system"}, SettleDispute: {"support"},
}  # fmt: skip
STARTS_IN = {
    EditTerms: {"draft", "proposed", "active", "revising"},
    SendForReview: {"draft"},
    RequestChanges: {"proposed", "revising"},
    ApproveTerms: {"proposed", "revising"},
    DeclineTerms: {"proposed", "revising"},
    WithdrawTerms: {"proposed", "revising"},
    LapseTerms: {"proposed", "revising"},
    CompleteContract: {"active", "revising"},
    AutoComplete: {"active"},
    Fund: {"planned"},
    CancelFunding: {"funding"},
    LapseFunding: {"funding"},
    Submit: {"funded"},
    Retract: {"submitted"},
    Release: {"funded", "submitted"},
    NotePaymentHeld: {"planned", "funding"},
    NotePaymentOver: {"funding"},
    NotePaymentReturned: set(MILESTONE_STATES),
    NoteSettlementBlocked: {"settling"},
    FinishSettlement: {"settling"},
    FreezeForDispute: set(PHASES),
    UnfreezeForDispute: set(PHASES),
    SettleDispute: set(PHASES),
}
FINAL = {"released", "refunded", "split", "dropped"}
RUNNING = {"active", "revising"}


def expected(contract: Contract, milestone: Milestone, command: Any) -> str:
    """What the rules say, in the simplest words."""
    kind, phase, state = type(command), contract.phase, milestone.state
    if command.by.role not in MAY[kind]:
        return "forbidden"
    if kind in (CompleteContract, AutoComplete):
        done = phase == "active" and state in FINAL
        if kind is AutoComplete:
            return ACCEPTED if done else ALREADY
        return ACCEPTED if done else "completion_blocked" if phase in RUNNING else "illegal"
    if kind in (EditTerms, SendForReview, RequestChanges, ApproveTerms, DeclineTerms, WithdrawTerms, LapseTerms):
        return expected_of_terms(kind, contract, state)
    if kind not in (Fund, CancelFunding, LapseFunding, Submit, Retract, Release):
        return expected_of_event(contract, milestone, command)
    return expected_of_milestone(kind, phase, state, bool(milestone.frozen_by), milestone.cancel_asked)


def expected_of_terms(kind: Any, contract: Contract, state: str) -> str:
    """What the rules say of stating terms and answering them."""
    if contract.phase not in STARTS_IN[kind]:
        return ALREADY if kind is LapseTerms else "illegal"
    drops = contract.pending is not None and contract.pending.terms.line("ms_1") is None
    if kind is ApproveTerms and drops and state not in ("planned", "dropped"):
        return "revision_outdated"
    # New terms state milestone 1 as planned work: where it was dropped before, they name something that is gone.
    return "invalid" if kind is EditTerms and state == "dropped" else ACCEPTED


def expected_of_milestone(kind: Any, phase: str, state: str, frozen: bool, asked: bool) -> str:
    """What the rules say of commands and timers on a milestone."""
    if phase not in RUNNING or state not in STARTS_IN[kind]:
        return ALREADY if kind is LapseFunding else "illegal"
    if kind in (CancelFunding, LapseFunding):
        return ALREADY if asked else ACCEPTED
    if kind in (Fund, Submit) and phase == "revising":
        return "revision_pending"
    return "milestone_frozen" if frozen else ACCEPTED


def expected_of_event(contract: Contract, milestone: Milestone, command: Any) -> str:
    """What the rules say of events from other services; one is never out of place."""
    if isinstance(command, NoteSettlementBlocked | FinishSettlement):
        if milestone.settlement is None:
            return "unknown"
        return ACCEPTED if milestone.state == "settling" and contract.phase in RUNNING else ALREADY
    return ACCEPTED


def state_after(contract: Contract, milestone: Milestone, command: Any) -> str:
    """Where the rules say an accepted event leaves the milestone."""
    state, runs = milestone.state, contract.phase in RUNNING
    waits = runs and state == "funding" and milestone.funding_id == getattr(command, "funding_id", None)
    match command:
        case NotePaymentHeld() if runs and state in ("planned", "funding"):
            if (command.paid, command.currency) == (milestone.amount, "usd"):
                return "funded"
            return "planned" if waits else state
        case NotePaymentOver() if waits:
            return "planned"
        case FinishSettlement():
            to_both = command.transferred and command.refunded
            return "split" if to_both else "released" if command.transferred else "refunded"
        case SettleDispute() if command.shares and milestone.frozen_by:
            return "settling"
        case _:
            return state


def outcome(contract: Contract, command: Any) -> tuple[str, list[Any]]:
    """What really comes out, and the facts."""
    try:
        facts = decide(contract, command, SCHEDULED)
    except Forbidden:
        return "forbidden", []
    except IllegalTransition:
        return "illegal", []
    except Refused as refused:
        return refused.code, []
    except UnknownObject:
        return "unknown", []
    except InvalidTerms:
        return "invalid", []
    except Exception as error:
        return repr(error), []
    return (ACCEPTED if facts else ALREADY), facts


Case = tuple[Contract, Milestone, Any]
CASES: dict[type[Any], list[Case]] = {}
for _contract, _milestone in situations():
    for _by in EVERYBODY:
        for _command in (*commands(_contract, _by), *other_events(_by)):
            CASES.setdefault(type(_command), []).append((_contract, _milestone, _command))

KINDS = [pytest.param(kind, id=kind.__name__) for kind in TRANSITIONS]


def faults(kind: type[Any]) -> Iterator[str]:
    """Where the row of this command, timer or event and what really happens differ."""
    reached: set[tuple[str, str]] = set()
    along: set[tuple[str, str]] = set()
    phases: set[str] = set()
    row = TRANSITIONS[kind]
    for contract, milestone, command in CASES[kind]:
        wanted, (found, facts) = expected(contract, milestone, command), outcome(contract, command)
        if found != wanted:
            yield f"{contract.phase}, {milestone.state}, {command}: {found} instead of {wanted}"
        if starts_here(contract, subject_of(contract, row, command), row):
            phases.add(contract.phase)
        if found != ACCEPTED:
            continue
        after = evolve(contract, facts, SCHEDULED)
        then = after.milestones[0].state
        if row.kind == "event" and then != (must := state_after(contract, milestone, command)):
            yield f"{contract.phase}, {milestone.state}, {command}: {then} instead of {must}"
        try:
            check_path(command, contract, after)
        except OutsideTable as error:
            yield f"{contract.phase}, {milestone.state}, {command}: {error}"
        subject, *others = list(moved(command, contract, after)) or [(milestone.state, milestone.state, ())]
        reached.add(subject[:2])
        along.update(other[:2] for other in others)
    if set(row.path) != STARTS_IN[kind]:
        yield f"it starts in {sorted(row.path)} instead of {sorted(STARTS_IN[kind])}"
    yield from (f"it never meets a contract that is {phase}" for phase in row.during - phases)
    yield from (f"{arrow} never happens" for arrow in _arrows(row.path) - reached)
    yield from (f"{arrow} never happens to a milestone" for arrow in _arrows(row.milestones) - along)


def _arrows(path: Any) -> set[tuple[str, str]]:
    return {(start, end) for start, ends in path.items() for end in ends}


def test_every_command_timer_and_event_is_in_the_table_and_among_the_cases() -> None:
    assert set(CASES) == set(TRANSITIONS) == set(MAY)
    assert {type(one) for one in commands(next(situations())[0], EVERYBODY[0])} == set(TRANSITIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_and_actor_comes_out_as_the_rules_and_the_table_say(kind: type[Any]) -> None:
    assert list(faults(kind)) == []


def wrong_rows(row: Transition) -> Iterator[tuple[str, Transition]]:
    """This row with one thing wrong, in every way it can be."""
    for actor in ("client", "freelancer", "support", "system"):
        without = tuple(one for one in row.actors if one != actor)
        # A row always has somebody: whoever may not stands in for the only one who may.
        others = without or tuple({"support", "system"} - {actor})
        yield f"actor {actor}", replace(row, actors=others if actor in row.actors else (*row.actors, actor))
    for name in ("path", "milestones"):
        path, states = getattr(row, name), PHASES if row.of == "contract" and name == "path" else MILESTONE_STATES
        for start, ends in path.items():
            yield f"{name} without {start}", replace(row, **{name: {k: v for k, v in path.items() if k != start}})
            for end in states:
                other = tuple(one for one in ends if one != end) if end in ends else (*ends, end)
                yield f"{name} {start}-{end}", replace(row, **{name: {**path, start: other}})
        for start in states:
            if start not in path:
                yield f"{name} from {start}", replace(row, **{name: {**path, start: (start,)}})
    for phase in PHASES if row.of == "milestone" else ():
        yield f"during {phase}", replace(row, during=row.during ^ {phase})
    for guard in row.guards:
        yield f"without {guard.__name__}", replace(row, guards=tuple(one for one in row.guards if one is not guard))
    if row.kind == "timer":
        yield "without its clock", replace(row, clock=None)
    if row.already:
        yield "done twice", replace(row, already=None)
    if row.otherwise is not nothing:
        yield "without its other answer", replace(row, otherwise=nothing)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_row_is_seen(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a row with one thing wrong, when all cases are walked, then at least one does not come out as it must."""
    unseen = []
    for what, row in wrong_rows(TRANSITIONS[kind]):
        with monkeypatch.context() as planted:
            planted.setitem(TRANSITIONS, kind, row)
            if next(faults(kind), None) is None:
                unseen.append(what)
    assert unseen == []


def test_next_lists_exactly_what_would_succeed() -> None:
    for kind, row in TRANSITIONS.items():
        for contract, milestone, command in CASES[kind]:
            if row.kind == "event" or command.by.role not in row.actors:
                continue
            actions = next_of_milestone(contract, milestone) if row.of == "milestone" else next_of_contract(contract)
            listed = [one for one in actions if (one.action, one.actor) == (row.action, command.by.role)]
            found, _ = outcome(contract, command)
            if found == "invalid":
                continue
            is_open = bool(listed) and listed[0].blocked_reason is None
            assert is_open == (found == ACCEPTED), (contract.phase, milestone.state, command, listed, found)
            # A timer that something blocks is listed with what blocks it, and has nothing to do.
            blocked_timer = row.kind == "timer" and bool(listed) and not is_open
            assert bool(listed) == (found not in ("illegal", ALREADY) or blocked_timer)


def test_allowed_names_only_ones_own_open_actions() -> None:
    for contract, milestone in situations():
        for by in EVERYBODY:
            names = allowed(contract, milestone, by.role)
            actors = {one.actor for one in next_of_milestone(contract, milestone) if one.action in names}
            assert actors <= {by.role, "system"}


def test_accepted_facts_change_versions_by_one_and_never_hold_more_than_the_price() -> None:
    for contract, milestone, command in (case for cases in CASES.values() for case in cases):
        found, facts = outcome(contract, command)
        if found != ACCEPTED:
            continue
        after = evolve(contract, facts, SCHEDULED)
        held = after.milestones[0]
        assert 0 <= held.held <= held.amount
        # A revision that has another milestone in its place puts this one last, dropped.
        if held.id == milestone.id:
            assert held.version - milestone.version == int(held != milestone)
        assert after.version - contract.version in (0, 1)


@pytest.mark.parametrize("state", ["funded", "submitted"])
def test_a_decision_settles_what_its_dispute_froze(state: str) -> None:
    for contract, milestone in situations():
        if contract.phase != "active" or milestone.state != state:
            continue
        command = SettleDispute(By("support", "sam"), "dsp_1", 1, (("ms_1", 5_000),), {"ms_1": "stl_2"})
        facts = decide(contract, command, SCHEDULED)
        after = evolve(contract, facts, SCHEDULED).milestones[0]
        if milestone.frozen_by:
            assert (after.state, after.frozen_by) == ("settling", ())
            assert after.settlement is not None
            assert after.settlement.to_freelancer + after.settlement.to_client == milestone.held
        else:
            assert [type(fact) for fact in facts] == [DecisionRefused]


def test_a_decision_that_leads_where_its_row_does_not_is_an_error() -> None:
    """Given a release, when its facts are held against the row of another command, then nothing of it may be kept."""
    for contract, milestone, command in CASES[Release]:
        found, facts = outcome(contract, command)
        if found == ACCEPTED and milestone.state == "funded":
            after = evolve(contract, facts, SCHEDULED)
            with pytest.raises(OutsideTable):
                check_path(Submit(command.by, "ms_1", "Done"), contract, after)


def test_every_fact_changes_the_state_somehow() -> None:
    assert set(APPLICATIONS) | {ContractDrafted} == set(get_args(Fact))


def test_every_fact_is_told_to_others_or_listed_as_told_to_nobody() -> None:
    assert set(BUILDERS) | TOLD_TO_NOBODY == set(get_args(Fact))
    assert set(BUILDERS) & TOLD_TO_NOBODY == set()


def test_a_fact_nobody_decided_to_tell_or_not_to_tell_is_an_error() -> None:
    """Given a fact that publish does not know, when events are made of it, then it is an error and not silence."""

    @dataclass(frozen=True)
    class Forgotten:
        milestone_id: str

    forgotten: Any = Forgotten("ms_1")
    with pytest.raises(KeyError):
        events_of(next(situations())[0], [forgotten], EVERYBODY[0])


def test_timers_wait_under_names_that_never_change() -> None:
    """Rows of timers that are set already hold these names."""
    assert set(TIMERS) == {"contracts.lapse_terms", "contracts.lapse_funding", "contracts.auto_complete"}


def test_a_timer_that_may_settle_waits_while_the_service_is_behind() -> None:
    settling = {timer_of(kind) for kind, row in TRANSITIONS.items() if row.kind == "timer" and settles(row)}
    assert {name for name, handler in TIMERS.items() if isinstance(handler, MoneyTimer)} == settling
    assert settles(TRANSITIONS[Release])
    assert settles(TRANSITIONS[SettleDispute])
    assert not settles(TRANSITIONS[AutoComplete])
