"""A dispute: who is in it, what it is about, and how it stands. Amounts are minor units of the contract's currency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from skillscoop_messages.money import step_of

from skillscoop_disputes.domain.errors import SplitInvalid, SplitProblem

Reason = Literal["work_quality", "not_delivered", "late", "scope", "payment", "communication", "other"]


class State(StrEnum):
    """How far a dispute is. The last three are final."""

    OPENING = "opening"
    OPEN = "open"
    IN_REVIEW = "in_review"
    PROPOSED = "proposed"
    AWAITING_SECOND_APPROVAL = "awaiting_second_approval"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


FINAL = frozenset({State.CLOSED, State.REFUSED, State.WITHDRAWN})


class Part(StrEnum):
    """What somebody is to one dispute. Support works on it (agent), approves (second approver) or sees the queue."""

    OPENER = "opener"
    RESPONDENT = "respondent"
    AGENT = "agent"
    SECOND_APPROVER = "second_approver"
    SUPPORT = "support"
    SYSTEM = "system"


PARTIES = frozenset({Part.OPENER, Part.RESPONDENT})
HANDLERS = frozenset({Part.AGENT, Part.SECOND_APPROVER})
TEAM = HANDLERS | {Part.SUPPORT}


@dataclass(frozen=True)
class Actor:
    """Who acts: a person with their id and whether their token says support, or the system (`id` is None)."""

    id: str | None
    support: bool = False


SYSTEM = Actor(None)


@dataclass(frozen=True)
class Share:
    """What the freelancer gets of one milestone's held money; the rest is the client's."""

    milestone_id: str
    to_freelancer: int


@dataclass(frozen=True)
class Disputed:
    """A milestone in the dispute: `held` money frozen for it; `final` once that money was delivered."""

    milestone_id: str
    description: str
    held: int
    final: bool = False


@dataclass(frozen=True)
class Rules:
    """The contract's policy as far as it binds a dispute.

    Days are whole days; above `second_approval_amount` minor units of disputed money a decision needs another agent.
    """

    answer_days: int
    proposal_days: int
    second_approval_amount: int


@dataclass(frozen=True)
class Answer:
    """The other side's account."""

    statement: str
    desired: tuple[Share, ...]
    at: datetime


@dataclass(frozen=True)
class Proposal:
    """A split support proposes. `outcome` is open, accepted, declined or lapsed."""

    number: int
    split: tuple[Share, ...]
    reasons: str
    by: str
    at: datetime
    expires_at: datetime
    accepted_by: tuple[str, ...] = ()
    outcome: str = "open"


@dataclass(frozen=True)
class Decision:
    """A binding split. `by` is the agent who decided or proposed it; `accepted` when both parties agreed to it.

    `outcome` is pending (waits for the second approver), in_force, executed, rejected or refused (by contracts).
    """

    number: int
    split: tuple[Share, ...]
    reasons: str
    by: str
    at: datetime
    accepted: bool
    approved_by: str | None = None
    outcome: str = "in_force"


@dataclass(frozen=True)
class Evidence:
    """What a party put on file: a text or a file, never changed afterwards. `size` in bytes, `sha256` in hex."""

    id: str
    by: str
    name: str
    size: int
    type: str
    sha256: str
    at: datetime


@dataclass(frozen=True)
class Dispute:
    """A Dispute Assistance Form and the case made of it. `asked` are the milestones named in it, None for all held."""

    id: str
    contract_id: str
    client_id: str
    freelancer_id: str
    title: str
    opened_by: str
    reason: Reason
    statement: str
    desired: tuple[Share, ...]
    asked: tuple[str, ...] | None
    currency: str
    created_at: datetime
    updated_at: datetime
    state: State = State.OPENING
    version: int = 1
    milestones: tuple[Disputed, ...] = ()
    rules: Rules | None = None
    answer: Answer | None = None
    answer_due_at: datetime | None = None
    silent: bool = False
    assigned_to: str | None = None
    second_approver: str | None = None
    proposal: Proposal | None = None
    proposals: int = 0
    decision: Decision | None = None
    decisions: int = 0
    evidence: tuple[Evidence, ...] = field(default=())

    @property
    def opened_as(self) -> Literal["client", "freelancer"]:
        """Which party filed the form: client or freelancer."""
        return "client" if self.opened_by == self.client_id else "freelancer"

    @property
    def due_at(self) -> datetime | None:
        """When silence moves the dispute on, if it does."""
        if self.state is State.OPEN and self.answer is None:
            return self.answer_due_at
        if self.state is State.PROPOSED and self.proposal:
            return self.proposal.expires_at
        return None

    @property
    def disputed_amount(self) -> int:
        """The money the dispute is about, in minor units."""
        return sum(one.held for one in self.milestones)


def part_of(dispute: Dispute, actor: Actor) -> Part | None:
    """What `actor` is to the dispute; None for a stranger. A party stays a party, whatever roles their token has."""
    if actor.id is None:
        return Part.SYSTEM
    if actor.id == dispute.opened_by:
        return Part.OPENER
    if actor.id in (dispute.client_id, dispute.freelancer_id):
        return Part.RESPONDENT
    if not actor.support:
        return None
    named = {dispute.second_approver: Part.SECOND_APPROVER, dispute.assigned_to: Part.AGENT}
    return named.get(actor.id, Part.SUPPORT)


def check_split(split: Iterable[Share], held: Mapping[str, int], currency: str, *, whole: bool = True) -> None:
    """Raise SplitInvalid unless each share lies within what is held on its milestone, in steps of the currency.

    `held` maps milestone ids to minor units. With `whole` every milestone must be named, exactly once.
    """
    problems: list[SplitProblem] = []
    seen: set[str] = set()
    for index, share in enumerate(split):
        if share.milestone_id not in held:
            problems.append(SplitProblem(index, "milestone_not_disputed", "This milestone is not part of the dispute."))
        elif share.milestone_id in seen:
            problems.append(SplitProblem(index, "milestone_repeated", "This milestone is named twice."))
        elif not 0 <= share.to_freelancer <= held[share.milestone_id]:
            problems.append(SplitProblem(index, "more_than_held", "The share must lie between 0 and what is held."))
        elif share.to_freelancer % step_of(currency):
            detail = f"Amounts in {currency} are multiples of {step_of(currency)} minor units."
            problems.append(SplitProblem(index, "amount_step", detail))
        seen.add(share.milestone_id)
    if whole and held.keys() - seen:
        problems.append(SplitProblem(None, "milestone_missing", "Every disputed milestone needs a share."))
    if problems:
        raise SplitInvalid(tuple(problems))
