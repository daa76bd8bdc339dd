"""Disputes in every state, brought there by the moves themselves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from skillscoop_disputes.domain import commands as ask
from skillscoop_disputes.domain import facts as fact
from skillscoop_disputes.domain.dispute import SYSTEM, Actor, Dispute, Disputed, Evidence, Rules, Share, State
from skillscoop_disputes.domain.moves import decide

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HELD = 10_000
ACTORS = {
    "opener": Actor("ada"),
    "respondent": Actor("ben"),
    "agent": Actor("sam", support=True),
    "second": Actor("sue", support=True),
    "support": Actor("max", support=True),
    "stranger": Actor("eve"),
    "system": SYSTEM,
}
SPLIT = (Share("ms_1", 6_000), Share("ms_2", 0))
FROZEN = (Disputed("ms_1", "Payment page", 7_000), Disputed("ms_2", "Search", 3_000))


def filed() -> Dispute:
    """A form that was just filed."""
    return Dispute(
        id="dsp_1",
        contract_id="ctr_1",
        client_id="ada",
        freelancer_id="ben",
        title="Checkout",
        opened_by="ada",
        reason="work_quality",
        statement="It does not work.",
        desired=(),
        asked=None,
        currency="usd",
        created_at=NOW,
        updated_at=NOW,
    )


def run(before: Dispute, command: ask.Command, actor: str, now: datetime = NOW) -> Dispute:
    """The dispute after a command."""
    after = before
    for one in decide(before, command, ACTORS[actor], now):
        after = fact.apply(after, one)
    return after


@dataclass(frozen=True)
class Step:
    """A command by somebody."""

    command: ask.Command
    actor: str


def confirm(second_approval_amount: int = HELD) -> ask.Confirm:
    """Contracts' answer that everything is frozen."""
    return ask.Confirm(FROZEN, Rules(7, 5, second_approval_amount))


def after(*steps: Step, start: Dispute | None = None) -> Dispute:
    """A filed dispute after these steps."""
    dispute = start or filed()
    for step in steps:
        dispute = run(dispute, step.command, step.actor)
    return dispute


PROPOSED = (Step(ask.Assign("sam"), "agent"), Step(ask.Propose(SPLIT, "Fair."), "agent"))
DECLINED = (*PROPOSED, Step(ask.DeclineProposal(), "respondent"))
DECIDED = (*DECLINED, Step(ask.Decide(SPLIT, "Final."), "agent"))
FINISHED = (Step(ask.FinishMilestone("ms_1"), "system"), Step(ask.FinishMilestone("ms_2"), "system"))
OPEN = Step(confirm(), "system")
CAREFUL = Step(confirm(HELD - 1), "system")

IN_STATE = {
    State.OPENING: after(),
    State.OPEN: after(OPEN),
    State.IN_REVIEW: after(OPEN, *DECLINED),
    State.PROPOSED: after(OPEN, *PROPOSED),
    State.AWAITING_SECOND_APPROVAL: after(CAREFUL, *DECIDED, Step(ask.Assign("sue"), "second")),
    State.RESOLVED: after(OPEN, *DECIDED),
    State.CLOSED: after(OPEN, *DECIDED, *FINISHED),
    State.REFUSED: after(Step(ask.Refuse(), "system")),
    State.WITHDRAWN: after(OPEN, Step(ask.Withdraw(), "opener")),
}

EVIDENCE = Evidence("evd_1", "ada", "photo.png", 3, "image/png", "00", NOW)
COMMANDS: dict[str, ask.Command] = {
    "confirm": confirm(),
    "refuse": ask.Refuse(),
    "answer": ask.AnswerForm("I did my best."),
    "evidence": ask.AddEvidence(EVIDENCE),
    "assign": ask.Assign("max"),
    "unassign": ask.Unassign(),
    "notes": ask.Note("Called both."),
    "propose": ask.Propose(SPLIT, "Fair."),
    "accept": ask.AcceptProposal(),
    "decline": ask.DeclineProposal(),
    "decide": ask.Decide(SPLIT, "Final."),
    "approve_decision": ask.ApproveDecision(),
    "reject_decision": ask.RejectDecision(),
    "withdraw": ask.Withdraw(),
    "lapse": ask.Lapse(),
    "record_execution": ask.RecordExecution(1),
    "refuse_execution": ask.RefuseExecution(1, (("ms_1", 5_000),)),
    "finish_milestone": ask.FinishMilestone("ms_1"),
}
LATE = NOW + timedelta(days=8)
