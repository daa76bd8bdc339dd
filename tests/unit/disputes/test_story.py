"""What the table cannot show: deadlines, splits, second approval, and reports in any order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from skillscoop_disputes.domain import commands as ask
from skillscoop_disputes.domain import facts as fact
from skillscoop_disputes.domain.dispute import Share, State
from skillscoop_disputes.domain.errors import Blocked, NotYours, SplitInvalid
from skillscoop_disputes.domain.filing import milestones_of_form
from skillscoop_disputes.domain.moves import EVIDENCE_LIMIT, decide

from tests.unit.disputes.cases import (
    ACTORS,
    CAREFUL,
    DECIDED,
    DECLINED,
    EVIDENCE,
    FINISHED,
    IN_STATE,
    NOW,
    OPEN,
    PROPOSED,
    SPLIT,
    Step,
    after,
    run,
)


def test_silence_moves_the_case_to_review_flagged() -> None:
    opened = IN_STATE[State.OPEN]
    due = NOW + timedelta(days=7)
    assert opened.due_at == due
    assert run(opened, ask.Lapse(), "system", due - timedelta(seconds=1)) == opened
    silent = run(opened, ask.Lapse(), "system", due)
    assert (silent.state, silent.silent) == (State.IN_REVIEW, True)
    with pytest.raises(Blocked):
        decide(silent, ask.AnswerForm("Too late"), ACTORS["respondent"], due)


def test_an_answer_stops_the_clock_and_is_given_once() -> None:
    answered = run(IN_STATE[State.OPEN], ask.AnswerForm("My side"), "respondent")
    assert (answered.state, answered.due_at) == (State.OPEN, None)
    with pytest.raises(Blocked):
        decide(answered, ask.AnswerForm("Again"), ACTORS["respondent"], NOW)


def test_a_case_taken_up_early_leaves_the_other_side_its_days() -> None:
    taken = run(IN_STATE[State.OPEN], ask.Assign("sam"), "agent")
    assert run(taken, ask.AnswerForm("My side"), "respondent", NOW + timedelta(days=6)).answer is not None
    with pytest.raises(Blocked):
        decide(taken, ask.AnswerForm("My side"), ACTORS["respondent"], NOW + timedelta(days=7))


def test_an_unanswered_proposal_lapses_and_support_may_decide() -> None:
    proposed = IN_STATE[State.PROPOSED]
    due = NOW + timedelta(days=5)
    assert proposed.due_at == due
    lapsed = run(proposed, ask.Lapse(), "system", due)
    assert lapsed.state is State.IN_REVIEW
    assert lapsed.proposal is not None
    assert lapsed.proposal.outcome == "lapsed"
    assert run(lapsed, ask.Decide(SPLIT, "So be it"), "agent").state is State.RESOLVED


def test_both_parties_accepting_resolves_without_a_second_approval() -> None:
    one = run(after(CAREFUL, *PROPOSED), ask.AcceptProposal(), "opener")
    assert one.state is State.PROPOSED
    assert decide(one, ask.AcceptProposal(), ACTORS["opener"], NOW) == []
    both = run(one, ask.AcceptProposal(), "respondent")
    assert both.state is State.RESOLVED
    assert both.decision is not None
    assert (both.decision.number, both.decision.accepted, both.decision.split) == (1, True, SPLIT)
    assert both.proposal is not None
    assert both.proposal.outcome == "accepted"


def test_a_party_that_accepted_may_still_decline_while_the_other_is_silent() -> None:
    one = run(IN_STATE[State.PROPOSED], ask.AcceptProposal(), "opener")
    assert run(one, ask.DeclineProposal(), "opener").state is State.IN_REVIEW


def test_support_cannot_decide_before_a_proposal_failed() -> None:
    fresh = after(OPEN, PROPOSED[0])
    with pytest.raises(Blocked, match="proposal_required"):
        decide(fresh, ask.Decide(SPLIT, "At once"), ACTORS["agent"], NOW)


def test_above_the_amount_a_decision_waits_for_somebody_else() -> None:
    waiting = after(CAREFUL, *DECIDED)
    assert waiting.state is State.AWAITING_SECOND_APPROVAL
    with pytest.raises(NotYours):
        decide(waiting, ask.ApproveDecision(), ACTORS["agent"], NOW)
    with pytest.raises(NotYours):
        decide(waiting, ask.Assign("sam"), ACTORS["support"], NOW)
    approved = run(waiting, ask.ApproveDecision(), "support")
    assert approved.state is State.RESOLVED
    assert approved.decision is not None
    assert (approved.decision.by, approved.decision.approved_by) == ("sam", "max")
    rejected = run(waiting, ask.RejectDecision("Look again"), "support")
    assert (rejected.state, rejected.second_approver) == (State.IN_REVIEW, None)


def test_exactly_the_amount_needs_no_second_approval() -> None:
    assert after(OPEN, *DECIDED).state is State.RESOLVED


@pytest.mark.parametrize("party", ["ada", "ben"])
def test_a_party_is_never_the_agent(party: str) -> None:
    with pytest.raises(NotYours, match="party_cannot_be_agent"):
        decide(IN_STATE[State.OPEN], ask.Assign(party), ACTORS["support"], NOW)


@pytest.mark.parametrize(
    ("split", "codes"),
    [
        ((Share("ms_1", 1),), {"milestone_missing"}),
        ((Share("ms_1", 7_001), Share("ms_2", 0)), {"more_than_held"}),
        ((Share("ms_1", -1), Share("ms_2", 0)), {"more_than_held"}),
        ((Share("ms_1", 1), Share("ms_1", 1), Share("ms_2", 0)), {"milestone_repeated"}),
        ((Share("ms_1", 1), Share("ms_2", 0), Share("ms_9", 1)), {"milestone_not_disputed"}),
        ((), {"milestone_missing"}),
    ],
)
def test_a_split_divides_exactly_the_disputed_money(split: tuple[Share, ...], codes: set[str]) -> None:
    for command in (ask.Propose(split, "x"), ask.Decide(split, "x")):
        with pytest.raises(SplitInvalid) as refused:
            decide(IN_STATE[State.IN_REVIEW], command, ACTORS["agent"], NOW)
        assert {one.code for one in refused.value.problems} == codes


def test_the_case_closes_whichever_report_comes_last() -> None:
    executed = Step(ask.RecordExecution(1), "system")
    resolved = (OPEN, *DECIDED)
    for order in ((executed, *FINISHED), (FINISHED[0], executed, FINISHED[1]), (*FINISHED, executed)):
        closed = after(*resolved, *order)
        assert closed.state is State.CLOSED
        assert closed.assigned_to is None


def test_an_answer_to_an_older_decision_is_old_news() -> None:
    again = after(OPEN, *DECIDED, Step(ask.RefuseExecution(1, (("ms_1", 5_000),)), "system"))
    assert again.state is State.IN_REVIEW
    assert [one.held for one in again.milestones] == [5_000, 3_000]
    second = run(again, ask.Decide((Share("ms_1", 5_000), Share("ms_2", 0)), "Again"), "agent")
    assert second.decisions == 2
    assert decide(second, ask.RefuseExecution(1, ()), ACTORS["system"], NOW) == []
    assert decide(second, ask.RecordExecution(1), ACTORS["system"], NOW) == []
    assert run(second, ask.RefuseExecution(2, ()), "system").state is State.IN_REVIEW


def test_an_execution_already_recorded_cannot_be_refused_any_more() -> None:
    executed = after(OPEN, *DECIDED, Step(ask.RecordExecution(1), "system"))
    assert decide(executed, ask.RefuseExecution(1, ()), ACTORS["system"], NOW) == []


def test_a_withdrawn_case_belongs_to_nobody() -> None:
    taken = after(OPEN, *DECLINED)
    facts = decide(taken, ask.Withdraw(), ACTORS["opener"], NOW)
    assert facts == [fact.Withdrawn(), fact.Assigned(None, None)]


def test_reassigning_to_the_same_agent_is_already_so() -> None:
    assert decide(IN_STATE[State.IN_REVIEW], ask.Assign("sam"), ACTORS["support"], NOW) == []
    free = run(IN_STATE[State.IN_REVIEW], ask.Unassign(), "support")
    assert decide(free, ask.Unassign(), ACTORS["support"], NOW) == []


def test_evidence_is_limited() -> None:
    dispute = IN_STATE[State.OPEN]
    for _ in range(EVIDENCE_LIMIT):
        dispute = run(dispute, ask.AddEvidence(EVIDENCE), "opener")
    with pytest.raises(Blocked, match="evidence_limit"):
        decide(dispute, ask.AddEvidence(EVIDENCE), ACTORS["opener"], NOW)
    assert decide(dispute, ask.AddEvidence(replace(EVIDENCE, by="ben")), ACTORS["respondent"], NOW)


HELD = {"ms_1": 7_000, "ms_2": 3_000, "ms_3": 0}


def test_a_form_without_milestones_is_about_all_held_money() -> None:
    assert milestones_of_form(None, (), HELD, [], "usd") == ("ms_1", "ms_2")
    assert milestones_of_form(None, (), HELD, ["ms_1"], "usd") == ("ms_2",)


def test_a_form_may_name_milestones() -> None:
    assert milestones_of_form(("ms_1", "ms_3"), (Share("ms_1", 7_000),), HELD, [], "usd") == ("ms_1", "ms_3")


@pytest.mark.parametrize(
    ("asked", "claimed", "code"),
    [
        (("ms_3",), (), "nothing_held"),
        (("ms_1",), ("ms_1",), "already_disputed"),
        (("ms_1", "ms_2"), ("ms_1",), "already_disputed"),
        (None, ("ms_1", "ms_2"), "already_disputed"),
    ],
)
def test_a_form_needs_held_money_that_nobody_disputes_yet(
    asked: tuple[str, ...] | None, claimed: tuple[str, ...], code: str
) -> None:
    with pytest.raises(Blocked, match=code):
        milestones_of_form(asked, (), HELD, claimed, "usd")
    with pytest.raises(Blocked, match="nothing_held"):
        milestones_of_form(None, (), {}, (), "usd")


def test_a_form_about_unknown_milestones_or_too_much_money_is_invalid() -> None:
    with pytest.raises(SplitInvalid):
        milestones_of_form(("ms_9",), (), HELD, (), "usd")
    with pytest.raises(SplitInvalid):
        milestones_of_form(("ms_1",), (Share("ms_1", 7_001),), HELD, (), "usd")
    with pytest.raises(SplitInvalid):
        milestones_of_form(("ms_1",), (Share("ms_2", 1),), HELD, (), "usd")
    with pytest.raises(SplitInvalid):
        milestones_of_form(("ms_1",), (Share("ms_1", 6_995),), HELD, (), "kwd")
