"""What the timeline says of each fact: action, reason, subject and a few numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from skillscoop_contracts.domain import facts as f
from skillscoop_contracts.domain.contract import By, Contract


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: `subject` is (type, id); amounts in `data` are minor units of its currency."""

    action: str
    subject: tuple[str, str]
    reason: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def entries(contract: Contract, facts: list[f.Fact], by: By) -> list[Entry]:
    """The lines these facts add, in their order."""
    return [entry for fact in facts if (entry := _ENTRIES[type(fact)](contract, fact, by))]


def _terms(action: str) -> Callable[[Contract, Any, By], Entry]:
    def entry(contract: Contract, fact: Any, _: By) -> Entry:
        reason = getattr(fact, "reason", None) or getattr(fact, "comment", None)
        return Entry(action, ("contract", contract.id), reason, {"revision": fact.revision})

    return entry


def _proposed(contract: Contract, fact: f.TermsProposed, _: By) -> Entry:
    action = "send" if fact.previous_revision is None else "terms"
    data = {"revision": fact.revision, "total": fact.terms.total, "expires_at": fact.expires_at.isoformat()}
    return Entry(action, ("contract", contract.id), None, data)


def _milestone(action: str, reason: str | None = None, **data: str) -> Callable[[Contract, Any, By], Entry]:
    """A line about a milestone; `reason` and the values of `data` name attributes of the fact."""

    def entry(_: Contract, fact: Any, __: By) -> Entry:
        told = {name: getattr(fact, attribute) for name, attribute in data.items()}
        return Entry(action, ("milestone", fact.milestone_id), getattr(fact, reason) if reason else None, told)

    return entry


def _cancel_asked(_: Contract, fact: f.FundingCancelAsked, __: By) -> Entry:
    action = "lapse" if fact.reason == "lapsed" else "cancel_funding"
    reason = None if fact.reason == "client" else fact.reason
    return Entry(action, ("milestone", fact.milestone_id), reason, {"funding_id": fact.funding_id})


def _submitted(_: Contract, fact: f.WorkSubmitted, __: By) -> Entry:
    return Entry("submit", ("milestone", fact.milestone_id), fact.submission.note)


def _decided(_: Contract, fact: f.SettlementDecided, __: By) -> Entry:
    settlement = fact.settlement
    data = {
        "settlement_id": settlement.id,
        "to_freelancer": settlement.to_freelancer,
        "to_client": settlement.to_client,
        "fee": settlement.fee,
    }
    action = "release" if settlement.reason == "release" else "decide"
    if fact.dispute_id:
        data["dispute_id"] = fact.dispute_id
    return Entry(action, ("milestone", fact.milestone_id), settlement.reason, data)


def _blocked(_: Contract, fact: f.SettlementBlocked, __: By) -> Entry | None:
    if not fact.news:
        return None
    return Entry("settlement_blocked", ("milestone", fact.milestone_id), fact.reason)


def _settled(_: Contract, fact: f.MilestoneSettled, __: By) -> Entry:
    data = {"paid": fact.paid, "fee": fact.fee, "refunded": fact.refunded}
    return Entry(fact.state, ("milestone", fact.milestone_id), None, data)


def _answered(_: Contract, fact: f.DisputeAnswered, __: By) -> Entry:
    refused = {one.milestone_id: one.reason for one in fact.refused}
    return Entry("dispute_answered", ("dispute", fact.dispute_id), None, {"frozen": fact.frozen, "refused": refused})


def _dropped(_: Contract, fact: f.DisputeDropped, __: By) -> Entry:
    return Entry("dispute_withdrawn", ("dispute", fact.dispute_id))


def _executed(_: Contract, fact: f.DecisionExecuted, __: By) -> Entry:
    return Entry("dispute_executed", ("dispute", fact.dispute_id), None, {"decision": fact.decision})


def _refused(_: Contract, fact: f.DecisionRefused, __: By) -> Entry:
    why = {one.milestone_id: one.reason for one in fact.milestones}
    return Entry(
        "dispute_decision_refused", ("dispute", fact.dispute_id), None, {"decision": fact.decision, "milestones": why}
    )


def _closed(contract: Contract, fact: f.ContractClosed, by: By) -> Entry:
    action = "auto_complete" if by.role == "system" else "complete"
    return Entry(action, ("contract", contract.id), None, {"state": fact.state, "paid_to_freelancer": fact.paid})


def _drafted(contract: Contract, _: f.ContractDrafted, __: By) -> Entry:
    return Entry("create", ("contract", contract.id))


_ENTRIES: dict[type[Any], Callable[[Contract, Any, By], Entry | None]] = {
    f.ContractDrafted: _drafted,
    f.DraftEdited: _terms("terms"),
    f.TermsProposed: _proposed,
    f.ChangesRequested: _terms("request_changes"),
    f.TermsApproved: _terms("approve"),
    f.TermsDeclined: _terms("decline"),
    f.TermsWithdrawn: _terms("withdraw"),
    f.TermsLapsed: _terms("lapse"),
    f.FundingRequested: _milestone("fund", funding_id="funding_id", amount="amount"),
    f.FundingCancelAsked: _cancel_asked,
    f.MilestoneFunded: _milestone("funded", funding_id="funding_id", payment_id="payment_id", held="held"),
    f.FundingFailed: _milestone("funding_failed", "reason", funding_id="funding_id"),
    f.FundingAnswered: _milestone("funding_answered", "answer", funding_id="funding_id"),
    f.PaymentRefused: _milestone("payment_refused", "reason", funding_id="funding_id", payment_id="payment_id"),
    f.PaymentReturned: _milestone("payment_returned", payment_id="payment_id", returned="returned"),
    f.WorkSubmitted: _submitted,
    f.SettlementDecided: _decided,
    f.SettlementBlocked: _blocked,
    f.MilestoneSettled: _settled,
    f.MilestoneFrozen: _milestone("freeze", dispute_id="dispute_id"),
    f.MilestoneUnfrozen: _milestone("unfreeze", dispute_id="dispute_id"),
    f.DisputeAnswered: _answered,
    f.DisputeDropped: _dropped,
    f.DecisionExecuted: _executed,
    f.DecisionRefused: _refused,
    f.ContractClosed: _closed,
}
