"""What somebody may want of a dispute. `action` names the move: the last step of its path, or the timer's name."""

from dataclasses import dataclass
from typing import ClassVar

from skillscoop_disputes.domain.dispute import Disputed, Evidence, Rules, Share


@dataclass(frozen=True)
class Confirm:
    """Contracts froze these milestones."""

    action: ClassVar[str] = "confirm"
    milestones: tuple[Disputed, ...]
    rules: Rules


@dataclass(frozen=True)
class Refuse:
    """Contracts could freeze nothing."""

    action: ClassVar[str] = "refuse"


@dataclass(frozen=True)
class AnswerForm:
    """The other side's account, and the split they would accept."""

    action: ClassVar[str] = "answer"
    statement: str
    desired: tuple[Share, ...] = ()


@dataclass(frozen=True)
class AddEvidence:
    """Put something on file."""

    action: ClassVar[str] = "evidence"
    evidence: Evidence


@dataclass(frozen=True)
class Assign:
    """Give the case to `agent`; while a decision waits for approval, as its second approver."""

    action: ClassVar[str] = "assign"
    agent: str


@dataclass(frozen=True)
class Unassign:
    """Put the case back into the queue; while a decision waits for approval, let its second approver go."""

    action: ClassVar[str] = "unassign"


@dataclass(frozen=True)
class Note:
    """Write down something only support may read."""

    action: ClassVar[str] = "notes"
    text: str


@dataclass(frozen=True)
class Propose:
    """Propose a split of all disputed money."""

    action: ClassVar[str] = "propose"
    split: tuple[Share, ...]
    reasons: str


@dataclass(frozen=True)
class AcceptProposal:
    """Agree to the proposal."""

    action: ClassVar[str] = "accept"


@dataclass(frozen=True)
class DeclineProposal:
    """Do not agree to the proposal."""

    action: ClassVar[str] = "decline"


@dataclass(frozen=True)
class Decide:
    """Decide, after a proposal failed."""

    action: ClassVar[str] = "decide"
    split: tuple[Share, ...]
    reasons: str


@dataclass(frozen=True)
class ApproveDecision:
    """Put another agent's decision into force."""

    action: ClassVar[str] = "approve_decision"


@dataclass(frozen=True)
class RejectDecision:
    """Send another agent's decision back."""

    action: ClassVar[str] = "reject_decision"
    reason: str | None = None


@dataclass(frozen=True)
class Withdraw:
    """Take the dispute back."""

    action: ClassVar[str] = "withdraw"


@dataclass(frozen=True)
class Lapse:
    """Time passed: the answer, or the proposal's answers, may be overdue."""

    action: ClassVar[str] = "lapse"


@dataclass(frozen=True)
class RecordExecution:
    """Contracts settled as decision number `decision` says."""

    action: ClassVar[str] = "record_execution"
    decision: int


@dataclass(frozen=True)
class RefuseExecution:
    """Contracts could not settle as decision number `decision` says; `held` as (milestone id, minor units)."""

    action: ClassVar[str] = "refuse_execution"
    decision: int
    held: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class FinishMilestone:
    """A milestone's money was delivered."""

    action: ClassVar[str] = "finish_milestone"
    milestone_id: str


Command = (
    Confirm
    | Refuse
    | AnswerForm
    | AddEvidence
    | Assign
    | Unassign
    | Note
    | Propose
    | AcceptProposal
    | DeclineProposal
    | Decide
    | ApproveDecision
    | RejectDecision
    | Withdraw
    | Lapse
    | RecordExecution
    | RefuseExecution
    | FinishMilestone
)
