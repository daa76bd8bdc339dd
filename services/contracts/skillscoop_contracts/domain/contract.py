"""The aggregate: a contract with its milestones, and the states they stand in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args

from skillscoop_contracts.domain.errors import UnknownObject
from skillscoop_contracts.domain.policy import FeeRule, Policy
from skillscoop_contracts.domain.terms import Line, Terms

Role = Literal["client", "freelancer", "support", "system"]
ContractState = Literal["draft", "proposed", "active", "completed", "ended", "declined", "withdrawn", "expired"]
MilestoneState = Literal[
    "planned", "funding", "funded", "submitted", "settling", "released", "refunded", "split", "dropped"
]
# An active contract whose next revision waits for the freelancer moves differently, so the table calls it by a name.
Phase = Literal["draft", "proposed", "active", "revising", "completed", "ended", "declined", "withdrawn", "expired"]
MILESTONE_STATES: tuple[MilestoneState, ...] = get_args(MilestoneState)
PHASES: tuple[Phase, ...] = get_args(Phase)
FINAL: frozenset[MilestoneState] = frozenset({"released", "refunded", "split", "dropped"})
RUNNING: frozenset[Phase] = frozenset({"active", "revising"})
OVER: frozenset[Phase] = frozenset({"completed", "ended", "declined", "withdrawn", "expired"})
HOLDING: frozenset[MilestoneState] = frozenset({"funded", "submitted"})

FundingState = Literal["open", "superseded", "held", "failed", "canceled", "refused", "returned"]

# What a revision may change on a milestone that stands in this state; nothing where the state is not listed.
TOUCHABLE: Mapping[MilestoneState, frozenset[str]] = {
    "planned": frozenset({"description", "amount", "due_date", "criteria", "order", "drop"}),
    "funded": frozenset({"description", "due_date", "criteria"}),
}


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: a party or support by id, or the system itself (`id` is None)."""

    role: Role
    id: str | None = None


SYSTEM = By("system")


@dataclass(frozen=True, slots=True)
class Freeze:
    """What holds a milestone's money fast: a dispute, by its id."""

    kind: Literal["dispute"]
    id: str


@dataclass(frozen=True, slots=True)
class Submission:
    """The freelancer's word that the work is ready."""

    note: str
    links: tuple[str, ...]
    attachments: tuple[str, ...]
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class Settlement:
    """The one decision on held money, minor units: `to_freelancer + to_client` = held. `fee` is out of the first."""

    id: str
    to_freelancer: int
    to_client: int
    fee: int
    reason: Literal["release", "dispute"]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Milestone:
    """One part of the job and its money; amounts in minor units of the contract's currency.

    `paid` is what the freelancer was given before fees. `funding_id` names the current or last try to fund.
    `blocked_sequence` is that of the newest event about a waiting delivery; older ones are ignored.
    """

    id: str
    position: int
    description: str
    amount: int
    created_at: datetime
    updated_at: datetime
    due_date: str | None = None
    criteria: tuple[str, ...] = ()
    version: int = 1
    state: MilestoneState = "planned"
    held: int = 0
    frozen_by: tuple[Freeze, ...] = ()
    funding_id: str | None = None
    payment_id: str | None = None
    checkout_expires_at: datetime | None = None
    cancel_asked: bool = False
    submission: Submission | None = None
    rework_rounds: int = 0
    settlement: Settlement | None = None
    blocked_reason: str | None = None
    blocked_sequence: int = 0
    failure_reason: str | None = None
    paid: int = 0

    @property
    def line(self) -> Line:
        """The milestone as the terms in force state it."""
        return Line(self.id, self.description, self.amount, self.due_date, self.criteria)

    @property
    def is_final(self) -> bool:
        """Whether nothing moves it any more."""
        return self.state in FINAL

    @property
    def touchable(self) -> frozenset[str]:
        """What a revision may change on it as it stands."""
        return frozenset() if self.frozen_by else TOUCHABLE.get(self.state, frozenset())

    def frozen_in(self, dispute_id: str) -> bool:
        """Whether this dispute holds it fast."""
        return any(freeze.id == dispute_id for freeze in self.frozen_by)


@dataclass(frozen=True, slots=True)
class Pending:
    """A revision of an active contract that waits for the freelancer."""

    revision: int
    terms: Terms
    hash: str
    proposed_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DisputeCase:
    """What a contract remembers of a dispute, so that each question is answered once, in whatever order they come."""

    id: str
    state: Literal["answered", "withdrawn"]
    decisions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Funding:
    """One try to fund a milestone: `amount` minor units. `open` until payments answered or another try was paid."""

    id: str
    milestone_id: str
    amount: int
    state: FundingState


@dataclass(frozen=True, slots=True)
class Contract:
    """One job between a client and a freelancer, in one currency.

    `revision` and `terms_hash` are those in force; before the first approval, the latest. `last_revision` is the
    highest number ever given. `policy` is None until the first approval fixes it. `cases` and `fundings` hold only
    what the decision at hand needs.
    """

    id: str
    title: str
    state: ContractState
    client_id: str
    freelancer_id: str
    currency: str
    revision: int
    terms_hash: str
    last_revision: int
    milestones: tuple[Milestone, ...]
    created_at: datetime
    updated_at: datetime
    version: int = 1
    pending: Pending | None = None
    policy: Policy | None = None
    offer_expires_at: datetime | None = None
    auto_complete_at: datetime | None = None
    cases: tuple[DisputeCase, ...] = field(default=(), compare=False)
    fundings: tuple[Funding, ...] = field(default=(), compare=False)

    @property
    def phase(self) -> Phase:
        """Where the contract stands in the transition table."""
        return "revising" if self.pending else self.state

    @property
    def listed(self) -> tuple[Milestone, ...]:
        """The milestones the terms in force state; dropped ones are not among them."""
        return tuple(milestone for milestone in self.milestones if milestone.state != "dropped")

    @property
    def terms(self) -> Terms:
        """The terms in force; before the first approval, the latest."""
        return Terms(self.title, self.currency, tuple(milestone.line for milestone in self.listed))

    @property
    def fee_rule(self) -> FeeRule:
        """The fee fixed at the first approval. Asked for only after it."""
        if self.policy is None:
            raise ValueError("a contract has no fee rule before its first approval")
        return self.policy.fee_rule(self.currency)

    @property
    def paid_to_freelancer(self) -> int:
        """The sum of the freelancer's shares before fees, minor units."""
        return sum(milestone.paid for milestone in self.milestones)

    def milestone(self, milestone_id: str) -> Milestone | None:
        """The milestone with this id, dropped ones included."""
        return next((milestone for milestone in self.milestones if milestone.id == milestone_id), None)

    def the_milestone(self, milestone_id: str) -> Milestone:
        """The milestone with this id, dropped ones included. Raises UnknownObject."""
        milestone = self.milestone(milestone_id)
        if milestone is None:
            raise UnknownObject(milestone_id)
        return milestone

    def with_milestone(self, milestone_id: str, **changes: object) -> "Contract":
        """This contract with fields of one milestone replaced."""
        return replace(
            self,
            milestones=tuple(
                replace(milestone, **changes) if milestone.id == milestone_id else milestone  # type: ignore[arg-type]
                for milestone in self.milestones
            ),
        )

    def role_of(self, user_id: str) -> Role | None:
        """Which party a user is, or None for a stranger."""
        if user_id == self.client_id:
            return "client"
        return "freelancer" if user_id == self.freelancer_id else None

    def shows_terms_to(self, role: Role) -> bool:
        """Everybody sees them but the freelancer of a draft, who sees its title and can already talk to the client."""
        return role != "freelancer" or self.state != "draft"

    def funding(self, funding_id: str) -> Funding | None:
        """A try to fund, where it was loaded."""
        return next((funding for funding in self.fundings if funding.id == funding_id), None)

    def the_funding(self, funding_id: str) -> Funding:
        """A try to fund. Raises UnknownObject for one that was not loaded or never was."""
        funding = self.funding(funding_id)
        if funding is None:
            raise UnknownObject(funding_id)
        return funding

    def case(self, dispute_id: str) -> DisputeCase | None:
        """What is remembered of a dispute, where it was loaded."""
        return next((case for case in self.cases if case.id == dispute_id), None)
