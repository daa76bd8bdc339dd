"""Every state, every command, every actor: what must come out, written down a second time and compared."""

from typing import Any

import pytest
from skillscoop_contracts.domain.agreement import ApproveTerms, DeclineTerms, LapseTerms, RequestChanges, WithdrawTerms
from skillscoop_contracts.domain.available_actions import allowed, next_of_contract, next_of_milestone
from skillscoop_contracts.domain.completion import AutoComplete, CompleteContract
from skillscoop_contracts.domain.contract import By, Contract, Milestone
from skillscoop_contracts.domain.decide import decide
from skillscoop_contracts.domain.delivery import FinishSettlement, NoteSettlementBlocked, Release, Submit
from skillscoop_contracts.domain.disputes import DecisionRefused, SettleDispute
from skillscoop_contracts.domain.drafting import ContractDrafted, EditTerms, SendForReview
from skillscoop_contracts.domain.errors import Forbidden, IllegalTransition, Refused, UnknownObject
from skillscoop_contracts.domain.evolve import evolve
from skillscoop_contracts.domain.funding import CancelFunding, Fund, LapseFunding
from skillscoop_contracts.domain.table import APPLICATIONS, TRANSITIONS, Fact

from tests.unit.contracts.world import EVERYBODY, LATER, commands, situations

ACCEPTED, ALREADY = "accepted", "already so"

OWNER = {
    EditTerms: "client", SendForReview: "client", WithdrawTerms: "client", CompleteContract: "client",
    Fund: "client", CancelFunding: "client", Release: "client",
    ApproveTerms: "freelancer", DeclineTerms: "freelancer", RequestChanges: "freelancer", Submit: "freelancer",
    LapseTerms: "system", AutoComplete: "system", LapseFunding: "system",
}  # fmt: skip
STARTS_IN = {
    EditTerms: {"draft", "proposed", "active", "revising"},
    SendForReview: {"draft"},
    RequestChanges: {"proposed", "revising"},
    ApproveTerms: {"proposed", "revising"},
    DeclineTerms: {"proposed", "revising"},
    WithdrawTerms: {"proposed", "revising"},
    LapseTerms: {"proposed", "revising"},
}
FINAL = {"released", "refunded", "split", "dropped"}
RUNNING = {"active", "revising"}


def expected(contract: Contract, milestone: Milestone, command: Any) -> str:
    """What the rules say, in the simplest words."""
    kind, phase, state = type(command), contract.phase, milestone.state
    frozen, asked = bool(milestone.frozen_by), milestone.cancel_asked
    owner = OWNER.get(kind)
    if owner is not None and command.by.role != owner:
        return "forbidden"
    if kind in STARTS_IN:
        if phase not in STARTS_IN[kind]:
            return ALREADY if kind is LapseTerms else "illegal"
        # New terms state milestone 1 as planned work: where it was dropped before, they name something that is gone.
        return "invalid" if kind is EditTerms and state == "dropped" else ACCEPTED
    if kind in (CompleteContract, AutoComplete):
        done = phase == "active" and state in FINAL
        if kind is AutoComplete:
            return ACCEPTED if done else ALREADY
        return ACCEPTED if done else "completion_blocked" if phase in RUNNING else "illegal"
    if owner is None:
        return expected_of_event(contract, milestone, command)
    return expected_of_milestone(kind, phase, state, frozen, asked)


def expected_of_milestone(kind: Any, phase: str, state: str, frozen: bool, asked: bool) -> str:
    """What the rules say of commands and timers on a milestone."""
    start = {
        Fund: {"planned"}, CancelFunding: {"funding"}, LapseFunding: {"funding"},
        Submit: {"funded"}, Release: {"funded", "submitted"},
    }[kind]  # fmt: skip
    if phase not in RUNNING or state not in start:
        return ALREADY if kind is LapseFunding else "illegal"
    if kind in (CancelFunding, LapseFunding):
        return ALREADY if asked else ACCEPTED
    if kind in (Fund, Submit) and phase == "revising":
        return "revision_pending"
    return "milestone_frozen" if frozen else ACCEPTED


def expected_of_event(contract: Contract, milestone: Milestone, command: Any) -> str:
    """What the rules say of events; one is never out of place."""
    state, settled = milestone.state, milestone.settlement is not None
    if isinstance(command, NoteSettlementBlocked | FinishSettlement):
        if not settled:
            return "unknown"
        return ACCEPTED if state == "settling" else ALREADY
    return ACCEPTED


def outcome(contract: Contract, command: Any) -> tuple[str, list[Any]]:
    """What really comes out, and the facts."""
    try:
        facts = decide(contract, command, LATER)
    except Forbidden:
        return "forbidden", []
    except IllegalTransition:
        return "illegal", []
    except Refused as refused:
        return refused.code, []
    except UnknownObject:
        return "unknown", []
    except Exception as error:
        return {"InvalidTerms": "invalid"}.get(type(error).__name__, repr(error)), []
    return (ACCEPTED if facts else ALREADY), facts


CASES = [
    (contract, milestone, command)
    for contract, milestone in situations()
    for by in EVERYBODY
    for command in commands(contract, by)
]


def test_every_command_is_in_the_table_and_among_the_cases() -> None:
    assert {type(command) for _, _, command in CASES} == set(TRANSITIONS)
    assert len(CASES) == (5 + 4 * 12) * 4 * 22


def test_every_state_command_and_actor_comes_out_as_the_rules_say() -> None:
    wrong = []
    for contract, milestone, command in CASES:
        found, _ = outcome(contract, command)
        wanted = expected(contract, milestone, command)
        if found != wanted:
            wrong.append((contract.phase, milestone.state, milestone.frozen_by, command, found, wanted))
    assert wrong == []


def test_accepted_facts_lead_where_the_table_says_and_move_only_what_they_change() -> None:
    for contract, milestone, command in CASES:
        found, facts = outcome(contract, command)
        if found != ACCEPTED:
            continue
        after = evolve(contract, facts, LATER)
        transition = TRANSITIONS[type(command)]
        if transition.kind != "event":
            before, then = (milestone.state, after.milestones[0].state) if transition.of == "milestone" else (
                contract.phase, after.phase
            )  # fmt: skip
            assert then in transition.path[before], (contract.phase, command)
        held = after.milestones[0]
        assert 0 <= held.held <= held.amount
        assert held.version - milestone.version == int(held != milestone)
        assert after.version - contract.version in (0, 1)


def test_next_lists_exactly_what_would_succeed() -> None:
    for contract, milestone, command in CASES:
        transition = TRANSITIONS[type(command)]
        if transition.kind == "event" or command.by.role != transition.actor:
            continue
        moves = next_of_milestone(contract, milestone) if transition.of == "milestone" else next_of_contract(contract)
        listed = [one for one in moves if (one.action, one.actor) == (transition.action, transition.actor)]
        found, _ = outcome(contract, command)
        if found == "invalid":
            continue
        is_open = bool(listed) and listed[0].blocked_reason is None
        assert is_open == (found == ACCEPTED), (contract.phase, milestone.state, command, listed, found)
        assert bool(listed) == (found not in ("illegal", ALREADY))


def test_allowed_names_only_ones_own_open_moves() -> None:
    for contract, milestone in situations():
        for by in EVERYBODY:
            names = allowed(contract, milestone, by.role)
            actors = {one.actor for one in next_of_milestone(contract, milestone) if one.action in names}
            assert actors <= {by.role, "system"}


@pytest.mark.parametrize("state", ["funded", "submitted"])
def test_a_decision_settles_what_its_dispute_froze(state: str) -> None:
    for contract, milestone in situations():
        if contract.phase != "active" or milestone.state != state:
            continue
        command = SettleDispute(By("support", "sam"), "dsp_1", 1, (("ms_1", 5_000),), {"ms_1": "stl_2"})
        facts = decide(contract, command, LATER)
        after = evolve(contract, facts, LATER).milestones[0]
        if milestone.frozen_by:
            assert (after.state, after.frozen_by) == ("settling", ())
            assert after.settlement is not None
            assert after.settlement.to_freelancer + after.settlement.to_client == milestone.held
        else:
            assert [type(fact) for fact in facts] == [DecisionRefused]


def test_every_fact_changes_the_state_somehow() -> None:
    assert set(APPLICATIONS) | {ContractDrafted} == set(Fact.__args__)
