"""What a decision did. Facts change the state, become rows and the timeline, and are told to others as events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from skillscoop_contracts.domain.contract import Contract, Settlement, Submission
from skillscoop_contracts.domain.policy import FeeRule, Policy
from skillscoop_contracts.domain.terms import Terms

RefusalReason = Literal["wrong_amount", "already_funded", "milestone_dropped", "contract_over"]


@dataclass(frozen=True, slots=True)
class ContractDrafted:
    """A contract came into being, with revision 1 as a draft."""

    contract: Contract


@dataclass(frozen=True, slots=True)
class DraftEdited:
    """The draft says something else; its revision stays 1."""

    revision: int
    terms: Terms
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TermsProposed:
    """A revision waits for the freelancer, `pending` beside terms in force. `previous_revision` is what it replaces."""

    revision: int
    previous_revision: int | None
    terms: Terms
    hash: str
    at: datetime
    expires_at: datetime
    pending: bool


@dataclass(frozen=True, slots=True)
class ChangesRequested:
    """The freelancer commented on a proposed revision."""

    revision: int
    comment: str


@dataclass(frozen=True, slots=True)
class TermsApproved:
    """A revision is in force. `policy` is the contract's own from now on."""

    revision: int
    terms: Terms
    hash: str
    policy: Policy
    at: datetime


@dataclass(frozen=True, slots=True)
class TermsDeclined:
    """The freelancer does not want the revision."""

    revision: int
    reason: str


@dataclass(frozen=True, slots=True)
class TermsWithdrawn:
    """The client does not want the revision any more."""

    revision: int


@dataclass(frozen=True, slots=True)
class TermsLapsed:
    """Nobody answered the revision in time."""

    revision: int


@dataclass(frozen=True, slots=True)
class FundingRequested:
    """A try to fund is under way: `amount` minor units, to be paid before `expires_at`."""

    milestone_id: str
    funding_id: str
    amount: int
    method: str
    return_url: str | None
    fee: FeeRule
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FundingCancelAsked:
    """A try shall end; payments will answer. `superseded`: another try of the same milestone was paid."""

    milestone_id: str
    funding_id: str
    reason: Literal["client", "lapsed", "superseded"]


@dataclass(frozen=True, slots=True)
class MilestoneFunded:
    """The price is held, `held` minor units."""

    milestone_id: str
    funding_id: str
    payment_id: str
    held: int


@dataclass(frozen=True, slots=True)
class FundingFailed:
    """The try everybody waited for ended without money we keep; the milestone is planned again."""

    milestone_id: str
    funding_id: str
    answer: Literal["failed", "canceled", "refused"]
    reason: str


@dataclass(frozen=True, slots=True)
class FundingAnswered:
    """An answer nobody waited for any more: it only closes the try."""

    milestone_id: str
    funding_id: str
    answer: Literal["failed", "canceled"]


@dataclass(frozen=True, slots=True)
class PaymentRefused:
    """Money came that nobody wants; payments gives it back."""

    milestone_id: str
    funding_id: str
    payment_id: str
    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class PaymentReturned:
    """Money nobody wanted went back, `returned` minor units."""

    milestone_id: str
    funding_id: str
    payment_id: str
    returned: int


@dataclass(frozen=True, slots=True)
class WorkSubmitted:
    """The freelancer says the work is ready."""

    milestone_id: str
    submission: Submission


@dataclass(frozen=True, slots=True)
class SettlementDecided:
    """The one decision on the held money. Irrevocable; `dispute_id` where a dispute made it."""

    milestone_id: str
    settlement: Settlement
    fee_rule: FeeRule
    dispute_id: str | None = None


@dataclass(frozen=True, slots=True)
class SettlementBlocked:
    """The delivery waits for `reason`. `news` is False when only the number of the news is newer."""

    milestone_id: str
    settlement_id: str
    reason: str
    sequence: int
    news: bool


@dataclass(frozen=True, slots=True)
class MilestoneSettled:
    """The decision was delivered. Minor units: `paid` to the freelancer net of `fee`, `refunded` to the client."""

    milestone_id: str
    settlement_id: str
    state: Literal["released", "refunded", "split"]
    paid: int
    fee: int
    refunded: int


@dataclass(frozen=True, slots=True)
class MilestoneFrozen:
    """A dispute holds the money fast."""

    milestone_id: str
    dispute_id: str


@dataclass(frozen=True, slots=True)
class MilestoneUnfrozen:
    """The dispute lets the money go."""

    milestone_id: str
    dispute_id: str


@dataclass(frozen=True, slots=True)
class RefusedFreeze:
    """Why one milestone was not frozen."""

    milestone_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class DisputeAnswered:
    """The one answer to a dispute's wish to freeze."""

    dispute_id: str
    frozen: tuple[str, ...]
    refused: tuple[RefusedFreeze, ...]


@dataclass(frozen=True, slots=True)
class DisputeDropped:
    """The dispute was taken back; remembered, in case its opening comes after this."""

    dispute_id: str


@dataclass(frozen=True, slots=True)
class DecisionExecuted:
    """Every milestone of a dispute's decision is settling."""

    dispute_id: str
    decision: int
    settled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Why one milestone of a decision cannot be settled as decided; `held` in minor units."""

    milestone_id: str
    state: str
    held: int
    reason: str


@dataclass(frozen=True, slots=True)
class DecisionRefused:
    """A dispute's decision cannot be executed, and nothing of it was."""

    dispute_id: str
    decision: int
    milestones: tuple[Unsettled, ...]


@dataclass(frozen=True, slots=True)
class ContractClosed:
    """The contract is over: `completed` when the freelancer was paid something (`paid`, minor units), else `ended`."""

    state: Literal["completed", "ended"]
    paid: int


Fact = (
    ContractDrafted
    | DraftEdited
    | TermsProposed
    | ChangesRequested
    | TermsApproved
    | TermsDeclined
    | TermsWithdrawn
    | TermsLapsed
    | FundingRequested
    | FundingCancelAsked
    | MilestoneFunded
    | FundingFailed
    | FundingAnswered
    | PaymentRefused
    | PaymentReturned
    | WorkSubmitted
    | SettlementDecided
    | SettlementBlocked
    | MilestoneSettled
    | MilestoneFrozen
    | MilestoneUnfrozen
    | DisputeAnswered
    | DisputeDropped
    | DecisionExecuted
    | DecisionRefused
    | ContractClosed
)
Facts = list[Fact]
