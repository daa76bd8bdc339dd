"""The transition table: every move, who makes it, from which state to which. Everything else is read from it.

`decide` looks moves up here; `next` and `allowed` list the open ones; the README's diagrams are drawn from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from skillscoop_contracts.domain import commands as c
from skillscoop_contracts.domain.contract import RUNNING, TAKES_PAYMENT, Contract, Milestone, Phase, Role
from skillscoop_contracts.domain.decisions import agreement, completion, delivery, disputes, funding
from skillscoop_contracts.domain.facts import Facts


@dataclass(frozen=True, slots=True)
class Block:
    """What is in the way of a move that its state would allow; `extra` tells more to whoever tried."""

    code: str
    detail: str
    extra: Mapping[str, object] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """When somebody else's clock ends a move's chance, and what then happens."""

    due_at: datetime
    on_timeout: str


Guard = Callable[[Contract, Milestone | None], Block | None]
Clock = Callable[[Contract, Milestone | None], Deadline | None]


@dataclass(frozen=True, slots=True)
class Move:
    """One row: `path` maps each state it starts from to the states it may lead to (none: always blocked there).

    `kind`: a person's command, a timer, or news from another service. A milestone's move also needs its contract in
    one of the phases `during`. `already` tells a command that was given before and changes nothing again.
    """

    action: str
    actor: Role
    kind: Literal["command", "timer", "news"]
    of: Literal["contract", "milestone"]
    path: Mapping[str, tuple[str, ...]]
    decide: Callable[[Contract, Any, datetime], Facts]
    during: frozenset[Phase] = frozenset()
    guards: tuple[Guard, ...] = ()
    clock: Clock | None = None
    already: Callable[[Milestone | None], bool] | None = None


def _no_pending_revision(contract: Contract, _: Milestone | None) -> Block | None:
    if contract.pending is None:
        return None
    return Block(
        "revision_pending",
        "Changed terms wait for the freelancer: re-approve before continuing.",
        {"revision": contract.pending.revision},
    )


def _not_frozen(_: Contract, milestone: Milestone | None) -> Block | None:
    if milestone is None or not milestone.frozen_by:
        return None
    return Block("milestone_frozen", "A dispute holds this money until it is decided or withdrawn.")


def _all_done(contract: Contract, _: Milestone | None) -> Block | None:
    found = completion.obstacles(contract)
    if not found:
        return None
    blocking = [{"milestone_id": one.milestone_id, "code": one.code, "state": one.state} for one in found]
    return Block("completion_blocked", "Something is still open.", {"blocking": blocking}, reason=found[0].code)


def _answer_due(contract: Contract, _: Milestone | None) -> Deadline | None:
    due = agreement.answer_due_at(contract)
    return Deadline(due, "revision_dropped" if contract.pending else "expired") if due else None


def _checkout_due(_: Contract, milestone: Milestone | None) -> Deadline | None:
    due = milestone.checkout_expires_at if milestone else None
    return Deadline(due, "funding_canceled") if due else None


def _completion_due(contract: Contract, _: Milestone | None) -> Deadline | None:
    due = contract.auto_complete_at
    return Deadline(due, "completed" if contract.paid_to_freelancer else "ended") if due else None


def _cancel_asked(milestone: Milestone | None) -> bool:
    return milestone is not None and milestone.state == "funding" and milestone.cancel_asked


_CLOSED = ("completed", "ended")
_SETTLED = ("released", "refunded", "split")

MOVES: dict[type[Any], Move] = {
    c.EditTerms: Move(
        "terms", "client", "command", "contract",
        {"draft": ("draft",), "proposed": ("proposed",), "active": ("revising",), "revising": ("revising",)},
        agreement.edit_terms,
    ),
    c.SendForReview: Move("send", "client", "command", "contract", {"draft": ("proposed",)}, agreement.send_for_review),
    c.RequestChanges: Move(
        "request_changes", "freelancer", "command", "contract",
        {"proposed": ("proposed",), "revising": ("revising",)},
        agreement.request_changes, clock=_answer_due,
    ),
    c.ApproveTerms: Move(
        "approve", "freelancer", "command", "contract",
        {"proposed": ("active",), "revising": ("active",)},
        agreement.approve_terms, clock=_answer_due,
    ),
    c.DeclineTerms: Move(
        "decline", "freelancer", "command", "contract",
        {"proposed": ("declined",), "revising": ("active",)},
        agreement.decline_terms, clock=_answer_due,
    ),
    c.WithdrawTerms: Move(
        "withdraw", "client", "command", "contract",
        {"proposed": ("withdrawn",), "revising": ("active",)},
        agreement.withdraw_terms,
    ),
    c.LapseTerms: Move(
        "lapse", "system", "timer", "contract",
        {"proposed": ("expired",), "revising": ("active",)},
        agreement.lapse_terms, clock=_answer_due,
    ),
    c.CompleteContract: Move(
        "complete", "client", "command", "contract",
        {"active": _CLOSED, "revising": ()},
        completion.complete_contract, guards=(_all_done,), clock=_completion_due,
    ),
    c.AutoComplete: Move(
        "auto_complete", "system", "timer", "contract", {"active": _CLOSED},
        completion.auto_complete, clock=_completion_due,
    ),
    c.Fund: Move(
        "fund", "client", "command", "milestone", {"planned": ("funding",)},
        funding.fund, during=RUNNING, guards=(_no_pending_revision,),
    ),
    c.CancelFunding: Move(
        "cancel_funding", "client", "command", "milestone", {"funding": ("funding",)},
        funding.cancel_funding, during=RUNNING, clock=_checkout_due, already=_cancel_asked,
    ),
    c.LapseFunding: Move(
        "lapse", "system", "timer", "milestone", {"funding": ("funding",)},
        funding.lapse_funding, during=RUNNING, clock=_checkout_due, already=_cancel_asked,
    ),
    c.NotePaymentHeld: Move(
        "payment_held", "system", "news", "milestone", dict.fromkeys(sorted(TAKES_PAYMENT), ("funded",)),
        funding.note_payment_held, during=RUNNING,
    ),
    c.NotePaymentOver: Move(
        "payment_over", "system", "news", "milestone", {"funding": ("planned",)},
        funding.note_payment_over, during=RUNNING,
    ),
    c.NotePaymentReturned: Move(
        "payment_returned", "system", "news", "milestone", {}, funding.note_payment_returned,
    ),
    c.Submit: Move(
        "submit", "freelancer", "command", "milestone", {"funded": ("submitted",)},
        delivery.submit, during=RUNNING, guards=(_no_pending_revision, _not_frozen),
    ),
    c.Release: Move(
        "release", "client", "command", "milestone", {"funded": ("settling",), "submitted": ("settling",)},
        delivery.release, during=RUNNING, guards=(_not_frozen,),
    ),
    c.NoteSettlementBlocked: Move(
        "settlement_blocked", "system", "news", "milestone", {"settling": ("settling",)},
        delivery.note_settlement_blocked, during=RUNNING,
    ),
    c.FinishSettlement: Move(
        "settlement_completed", "system", "news", "milestone", {"settling": _SETTLED},
        delivery.finish_settlement, during=RUNNING,
    ),
    c.FreezeForDispute: Move(
        "freeze", "support", "news", "milestone", {"funded": ("funded",), "submitted": ("submitted",)},
        disputes.freeze_for_dispute, during=RUNNING,
    ),
    c.UnfreezeForDispute: Move(
        "unfreeze", "support", "news", "milestone", {"funded": ("funded",), "submitted": ("submitted",)},
        disputes.unfreeze_for_dispute, during=RUNNING,
    ),
    c.SettleDispute: Move(
        "decide", "support", "news", "milestone", {"funded": ("settling",), "submitted": ("settling",)},
        disputes.settle_dispute, during=RUNNING,
    ),
}  # fmt: skip
"""News is never out of place: whatever the state, its decision answers it, if only by changing nothing."""
