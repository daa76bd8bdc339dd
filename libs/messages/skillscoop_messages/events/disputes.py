"""What the disputes service says. No event carries a statement or evidence."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from skillscoop_messages.events.base import AboutContract

DisputeReason = Literal["work_quality", "not_delivered", "late", "scope", "payment", "communication", "other"]


class Share(BaseModel):
    """What the freelancer gets of a milestone's held money, in minor units; the rest is the client's."""

    model_config = ConfigDict(frozen=True)

    milestone_id: str
    to_freelancer: int


class DisputeOpened(AboutContract):
    """A Dispute Assistance Form was filed: contracts freezes these milestones (`None`: all that hold money)."""

    type: ClassVar[str] = "disputes.dispute.opened.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str
    opened_by: str
    opened_as: Literal["client", "freelancer"]
    milestone_ids: list[str] | None
    reason: DisputeReason


class DisputeConfirmed(AboutContract):
    """Contracts froze the disputed money; the case is open."""

    type: ClassVar[str] = "disputes.dispute.confirmed.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str
    opened_by: str
    milestone_ids: list[str]


class DisputeRefused(AboutContract):
    """Nothing could be frozen; there is no case."""

    type: ClassVar[str] = "disputes.dispute.refused.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str
    opened_by: str


class DisputeAnswerFiled(AboutContract):
    """The other party told their side, or let the time pass (`silent`)."""

    type: ClassVar[str] = "disputes.dispute.answer_filed.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str
    silent: bool


class DisputeAssigned(AboutContract):
    """Who works on the case now; replaces what was known, by sequence. Nobody: both fields are empty."""

    type: ClassVar[str] = "disputes.dispute.assigned.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str
    agent_id: str | None
    second_approver_id: str | None


class DisputeProposed(AboutContract):
    """Support proposes a split."""

    type: ClassVar[str] = "disputes.dispute.proposed.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str
    split: list[Share]
    currency: str


class DisputeResolved(AboutContract):
    """Decided, by both parties' acceptance or by support: contracts settles all of it or refuses all of it.

    `decision` numbers the decisions of one dispute from 1; each is answered exactly once.
    """

    type: ClassVar[str] = "disputes.dispute.resolved.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str
    decision: int
    decided_by: str
    accepted: bool
    milestones: list[Share]


class DisputeWithdrawn(AboutContract):
    """The opener took the dispute back: contracts unfreezes."""

    type: ClassVar[str] = "disputes.dispute.withdrawn.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str


class DisputeClosed(AboutContract):
    """The decision was delivered; the case is closed."""

    type: ClassVar[str] = "disputes.dispute.closed.v1"
    root: ClassVar[str] = "dispute_id"

    dispute_id: str
