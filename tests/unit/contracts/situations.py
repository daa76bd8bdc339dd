"""Contracts in every state, and every command with arguments that fit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from skillscoop_contracts.domain.agreement import ApproveTerms, DeclineTerms, LapseTerms, RequestChanges, WithdrawTerms
from skillscoop_contracts.domain.completion import AutoComplete, CompleteContract
from skillscoop_contracts.domain.contract import (
    MILESTONE_STATES,
    PHASES,
    By,
    Contract,
    DisputeCase,
    Freeze,
    Funding,
    Milestone,
    Pending,
    Settlement,
    Submission,
)
from skillscoop_contracts.domain.delivery import FinishSettlement, NoteSettlementBlocked, Release, Retract, Submit
from skillscoop_contracts.domain.disputes import FreezeForDispute, SettleDispute, UnfreezeForDispute
from skillscoop_contracts.domain.drafting import DraftLine, EditTerms, SendForReview
from skillscoop_contracts.domain.funding import (
    CancelFunding,
    Fund,
    LapseFunding,
    NotePaymentHeld,
    NotePaymentOver,
    NotePaymentReturned,
)
from skillscoop_contracts.domain.policy import first_policy
from skillscoop_contracts.domain.terms import Line, Terms, terms_hash

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SCHEDULED = NOW + timedelta(days=30)
"""When every clock has run out."""

POLICY = first_policy()
PRICE = 12_500
CLIENT, FREELANCER, SUPPORT, SYSTEM = By("client", "ada"), By("freelancer", "ben"), By("support", "sam"), By("system")
EVERYBODY = (CLIENT, FREELANCER, SUPPORT, SYSTEM)


def milestone(state: Any = "planned", *, frozen: bool = False, cancel_asked: bool = False) -> Milestone:
    """One milestone of 12,500 in a state, with everything that state brings along."""
    holding = state in ("funded", "submitted", "settling")
    decided = state in ("settling", "released", "refunded", "split")
    to_freelancer = {"refunded": 0, "split": 5_000}.get(state, PRICE)
    return Milestone(
        id="ms_1",
        position=1,
        description="Part 1",
        amount=PRICE,
        created_at=NOW,
        updated_at=NOW,
        state=state,
        held=PRICE if holding else 0,
        frozen_by=(Freeze("dispute", "dsp_1"),) if frozen else (),
        funding_id=None if state == "planned" else "fnd_1",
        payment_id="pay_1" if holding or decided else None,
        checkout_expires_at=NOW + timedelta(hours=1) if state == "funding" else None,
        cancel_asked=cancel_asked,
        submission=Submission("Done", (), (), NOW) if state == "submitted" else None,
        settlement=Settlement("stl_1", to_freelancer, PRICE - to_freelancer, 0, "release", "ada", NOW)
        if decided
        else None,
        paid=to_freelancer if state in ("released", "split") else 0,
    )


def contract(phase: Any = "active", *milestones: Milestone) -> Contract:
    """A contract in a phase, by default with one planned milestone."""
    parts = milestones or (milestone(),)
    listed = tuple(one.line for one in parts if one.state != "dropped")
    terms = Terms("A job", "usd", listed)
    approved = phase not in ("draft", "proposed", "declined", "withdrawn", "expired")
    pending = Pending(2, replace(terms, title="A bigger job"), "hash", NOW - timedelta(days=1), NOW + timedelta(days=6))
    plain = Contract(
        id="ctr_1",
        title="A job",
        state="active" if phase == "revising" else phase,
        client_id="ada",
        freelancer_id="ben",
        currency="usd",
        revision=1,
        last_revision=2 if phase == "revising" else 1,
        terms_hash=terms_hash("ctr_1", terms),
        milestones=parts,
        created_at=NOW,
        updated_at=NOW,
        pending=pending if phase == "revising" else None,
        policy=POLICY if approved else None,
        offer_expires_at=NOW + timedelta(days=14) if phase == "proposed" else None,
        cases=(DisputeCase("dsp_1", "answered"),),
        fundings=(Funding("fnd_0", "ms_1", PRICE, "superseded"), Funding("fnd_1", "ms_1", PRICE, "open")),
    )
    finished = phase == "active" and all(one.is_final for one in parts)
    return replace(plain, auto_complete_at=NOW + timedelta(days=14)) if finished else plain


def situations() -> Iterator[tuple[Contract, Milestone]]:
    """Every phase with every state of a milestone, frozen and not, cancellation asked and not.

    Before the first approval milestones are only planned. Changed terms that wait also come as some that drop the
    milestone. One contract has a time to complete by itself although something is open.
    """
    for phase in PHASES:
        agreed = phase in ("active", "revising", "completed", "ended")
        for state in MILESTONE_STATES if agreed else ("planned",):
            yield contract(phase, milestone(state)), milestone(state)
            if state in ("funded", "submitted"):
                yield contract(phase, milestone(state, frozen=True)), milestone(state, frozen=True)
            if state == "funding":
                yield contract(phase, milestone(state, cancel_asked=True)), milestone(state, cancel_asked=True)
            if phase == "revising" and state != "dropped":
                yield dropping(contract(phase, milestone(state))), milestone(state)
    yield replace(contract("active"), auto_complete_at=NOW + timedelta(days=14)), milestone()


def dropping(current: Contract) -> Contract:
    """The same contract, whose changed terms have another milestone instead of this one."""
    assert current.pending is not None
    terms = replace(current.pending.terms, lines=(Line("ms_2", "Part 2", 700),))
    return replace(current, pending=replace(current.pending, terms=terms))


def edit(by: By) -> EditTerms:
    """New terms that touch no milestone that is there."""
    kept = DraftLine("ms_1", "ms_x", "Part 1", PRICE)
    return EditTerms(by, "Another title", (kept, DraftLine(None, "ms_2", "Part 2", 700)), POLICY)


def commands(current: Contract, by: By) -> list[Any]:
    """Every command, as somebody gives it who sees the contract as it is."""
    revision = current.pending.revision if current.pending else current.revision
    held = current.milestones[0].held
    amount = held or PRICE
    return [
        edit(by),
        SendForReview(by, POLICY),
        RequestChanges(by, revision, "Cheaper"),
        ApproveTerms(by, revision, POLICY),
        DeclineTerms(by, revision, "No"),
        WithdrawTerms(by),
        LapseTerms(by),
        CompleteContract(by),
        AutoComplete(by),
        Fund(by, "ms_1", "fnd_2", PRICE, current.revision, "checkout"),
        CancelFunding(by, "ms_1"),
        LapseFunding("ms_1", by),
        Submit(by, "ms_1", "Done"),
        Retract(by, "ms_1"),
        Release(by, "ms_1", "stl_2", amount),
        NotePaymentHeld("ms_1", "fnd_1", "pay_1", PRICE, "usd", by),
        NotePaymentOver("ms_1", "fnd_1", "canceled", "client", by),
        NotePaymentReturned("ms_1", "fnd_1", "pay_1", PRICE, by),
        NoteSettlementBlocked("ms_1", "stl_1", "payee_not_ready", 1, by),
        FinishSettlement("ms_1", "stl_1", PRICE, 0, 0, 0, by),
        FreezeForDispute(by, "dsp_2", None),
        UnfreezeForDispute("dsp_1", by),
        SettleDispute(by, "dsp_1", 1, (("ms_1", held),), {"ms_1": "stl_2"}),
    ]


def other_events(by: By) -> list[Any]:
    """What else other services may say: another amount, an earlier try, another delivery, a decision on nothing."""
    return [
        NotePaymentHeld("ms_1", "fnd_1", "pay_1", PRICE - 1, "usd", by),
        NotePaymentHeld("ms_1", "fnd_0", "pay_0", PRICE, "usd", by),
        NotePaymentHeld("ms_1", "fnd_0", "pay_0", PRICE, "eur", by),
        NotePaymentOver("ms_1", "fnd_0", "failed", "card_declined", by),
        FinishSettlement("ms_1", "stl_1", 0, PRICE, 0, 0, by),
        FinishSettlement("ms_1", "stl_1", 5_000, PRICE - 5_000, 0, 0, by),
        SettleDispute(by, "dsp_1", 1, (), {}),
    ]


def line(**changes: Any) -> Line:
    """A milestone of 12,500 as terms state it."""
    return replace(Line("ms_1", "Part 1", PRICE), **changes)
