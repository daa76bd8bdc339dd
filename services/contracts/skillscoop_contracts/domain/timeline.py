"""What the timeline says of each fact: action, reason, subject and a few numbers.

A fact's entry follows from the fact. `action` is its class variable of that name, else its own name in words
(`FundingFailed` → `funding_failed`); `data` holds the attributes its class variable `shows` names; `reason` is its
attribute `reason` or `comment`; the subject is the milestone, the dispute or else the contract it names. Entries that
have to be worked out stand in `_WORKED_OUT`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from skillscoop_contracts.domain.completion import ContractClosed
from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.delivery import MilestoneSettled, SettlementBlocked, SettlementDecided, WorkSubmitted
from skillscoop_contracts.domain.disputes import DecisionRefused, DisputeAnswered
from skillscoop_contracts.domain.drafting import TermsProposed
from skillscoop_contracts.domain.funding import FundingAnswered, FundingCancelAsked
from skillscoop_contracts.domain.table import Fact, Facts
from skillscoop_contracts.domain.transition import name_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: `subject` is (type, id); amounts in `data` are minor units of its currency."""

    action: str
    subject: tuple[str, str]
    reason: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def entries(contract: Contract, facts: Facts, by: By) -> list[Entry]:
    """The lines these facts add, in their order."""
    return [entry for fact in facts if (entry := _WORKED_OUT.get(type(fact), _as_named)(contract, fact, by))]


def _as_named(contract: Contract, fact: Fact, _: By) -> Entry:
    action = getattr(fact, "action", None) or name_of(type(fact))
    reason = getattr(fact, "reason", None) or getattr(fact, "comment", None)
    return Entry(action, _subject(contract, fact), reason, {name: getattr(fact, name) for name in _shown(fact)})


def _shown(fact: Fact) -> tuple[str, ...]:
    return getattr(fact, "shows", ())


def _subject(contract: Contract, fact: Fact) -> tuple[str, str]:
    if milestone_id := getattr(fact, "milestone_id", None):
        return "milestone", milestone_id
    if dispute_id := getattr(fact, "dispute_id", None):
        return "dispute", dispute_id
    return "contract", contract.id


def _proposed(contract: Contract, fact: TermsProposed, _: By) -> Entry:
    action = "send" if fact.previous_revision is None else "terms"
    data = {"revision": fact.revision, "total": fact.terms.total, "expires_at": fact.expires_at.isoformat()}
    return Entry(action, ("contract", contract.id), None, data)


def _cancel_asked(_: Contract, fact: FundingCancelAsked, __: By) -> Entry:
    action = "lapse" if fact.reason == "lapsed" else "cancel_funding"
    reason = None if fact.reason == "client" else fact.reason
    return Entry(action, ("milestone", fact.milestone_id), reason, {"funding_id": fact.funding_id})


def _submitted(_: Contract, fact: WorkSubmitted, __: By) -> Entry:
    return Entry("submit", ("milestone", fact.milestone_id), fact.submission.note)


def _decided(_: Contract, fact: SettlementDecided, __: By) -> Entry:
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


def _blocked(_: Contract, fact: SettlementBlocked, __: By) -> Entry | None:
    if not fact.changed:
        return None
    return Entry("settlement_blocked", ("milestone", fact.milestone_id), fact.reason)


def _settled(_: Contract, fact: MilestoneSettled, __: By) -> Entry:
    data = {"paid": fact.paid, "fee": fact.fee, "refunded": fact.refunded}
    return Entry(fact.state, ("milestone", fact.milestone_id), None, data)


def _answered(_: Contract, fact: DisputeAnswered, __: By) -> Entry:
    refused = {one.milestone_id: one.reason for one in fact.refused}
    return Entry("dispute_answered", ("dispute", fact.dispute_id), None, {"frozen": fact.frozen, "refused": refused})


def _refused(_: Contract, fact: DecisionRefused, __: By) -> Entry:
    why = {one.milestone_id: one.reason for one in fact.milestones}
    return Entry(
        "dispute_decision_refused", ("dispute", fact.dispute_id), None, {"decision": fact.decision, "milestones": why}
    )


def _closed(contract: Contract, fact: ContractClosed, by: By) -> Entry:
    action = "auto_complete" if by.role == "system" else "complete"
    return Entry(action, ("contract", contract.id), None, {"state": fact.state, "paid_to_freelancer": fact.paid})


def _funding_answered(_: Contract, fact: FundingAnswered, __: By) -> Entry:
    return Entry("funding_answered", ("milestone", fact.milestone_id), fact.answer, {"funding_id": fact.funding_id})


_WORKED_OUT: dict[type[Any], Callable[[Contract, Any, By], Entry | None]] = {
    TermsProposed: _proposed,
    FundingCancelAsked: _cancel_asked,
    FundingAnswered: _funding_answered,
    WorkSubmitted: _submitted,
    SettlementDecided: _decided,
    SettlementBlocked: _blocked,
    MilestoneSettled: _settled,
    DisputeAnswered: _answered,
    DecisionRefused: _refused,
    ContractClosed: _closed,
}
