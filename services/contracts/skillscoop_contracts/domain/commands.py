"""What somebody wants of a contract. `by` says who asks; new ids come with it, so that deciding needs no chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from skillscoop_contracts.domain.contract import SYSTEM, By
from skillscoop_contracts.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A milestone as somebody states it: `id` None for a new one, which then gets `fresh_id`. Price in minor units."""

    id: str | None
    fresh_id: str
    description: str
    amount: int
    due_date: str | None = None
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateContract:
    """The client drafts a contract."""

    by: By
    contract_id: str
    title: str
    freelancer_id: str
    currency: str
    lines: tuple[DraftLine, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class EditTerms:
    """The client states the whole list anew. `title` None keeps it; `policy` counts until the contract has its own."""

    by: By
    title: str | None
    lines: tuple[DraftLine, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class SendForReview:
    """The client sends the draft; `policy` says how long the offer stands."""

    by: By
    policy: Policy


@dataclass(frozen=True, slots=True)
class ApproveTerms:
    """The freelancer approves the revision they saw; `policy` becomes the contract's own at the first approval."""

    by: By
    revision: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class DeclineTerms:
    """The freelancer declines the revision they saw."""

    by: By
    revision: int
    reason: str


@dataclass(frozen=True, slots=True)
class RequestChanges:
    """The freelancer comments on the revision they saw; nothing else changes."""

    by: By
    revision: int
    comment: str


@dataclass(frozen=True, slots=True)
class WithdrawTerms:
    """The client takes the proposed revision back."""

    by: By


@dataclass(frozen=True, slots=True)
class LapseTerms:
    """The time to answer a revision may be over."""

    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class CompleteContract:
    """The client says that all is done."""

    by: By


@dataclass(frozen=True, slots=True)
class AutoComplete:
    """The time to complete a finished contract may be over."""

    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class Fund:
    """The client funds a milestone at the price (minor units) and revision they saw. `method` is opaque to us."""

    by: By
    milestone_id: str
    funding_id: str
    amount: int
    revision: int
    method: str
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class CancelFunding:
    """The client gives the open try up."""

    by: By
    milestone_id: str


@dataclass(frozen=True, slots=True)
class LapseFunding:
    """The time to pay may be over."""

    milestone_id: str
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class Submit:
    """The freelancer says the work is ready."""

    by: By
    milestone_id: str
    note: str
    links: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """The client gives everything held, `amount` minor units as they saw it, to the freelancer."""

    by: By
    milestone_id: str
    settlement_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class NotePaymentHeld:
    """Payments says: this try was paid with `paid` minor units."""

    milestone_id: str
    funding_id: str
    payment_id: str
    paid: int
    currency: str
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class NotePaymentOver:
    """Payments says: this try is dead and can no longer be paid."""

    milestone_id: str
    funding_id: str
    answer: Literal["failed", "canceled"]
    reason: str
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class NotePaymentReturned:
    """Payments says: the money nobody wanted went back, `returned` minor units."""

    milestone_id: str
    funding_id: str
    payment_id: str
    returned: int
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class NoteSettlementBlocked:
    """Payments says: the delivery waits. `sequence` orders such news of one payment."""

    milestone_id: str
    settlement_id: str
    reason: str
    sequence: int
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class FinishSettlement:
    """Payments says: delivered. Minor units; `transferred` is net of `fee`."""

    milestone_id: str
    settlement_id: str
    transferred: int
    refunded: int
    fee: int
    charged_back: int
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class FreezeForDispute:
    """A dispute asks for milestones to be frozen; None means all that hold money."""

    by: By
    dispute_id: str
    milestone_ids: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class UnfreezeForDispute:
    """The dispute was taken back."""

    dispute_id: str
    by: By = SYSTEM


@dataclass(frozen=True, slots=True)
class SettleDispute:
    """The dispute's decision number `decision`: what the freelancer gets of each milestone, minor units.

    `settlement_ids` has an id ready for each named milestone.
    """

    by: By
    dispute_id: str
    decision: int
    shares: tuple[tuple[str, int], ...]
    settlement_ids: Mapping[str, str]


Command = (
    EditTerms
    | SendForReview
    | ApproveTerms
    | DeclineTerms
    | RequestChanges
    | WithdrawTerms
    | LapseTerms
    | CompleteContract
    | AutoComplete
    | Fund
    | CancelFunding
    | LapseFunding
    | Submit
    | Release
    | NotePaymentHeld
    | NotePaymentOver
    | NotePaymentReturned
    | NoteSettlementBlocked
    | FinishSettlement
    | FreezeForDispute
    | UnfreezeForDispute
    | SettleDispute
)
