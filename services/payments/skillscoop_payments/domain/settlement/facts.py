"""What a settlement is, what can happen to it, and the one table of the transitions of its legs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from skillscoop_messages.money import Money

from skillscoop_payments.domain.payment import About

State = Literal["waiting", "running", "completed"]
Leg = Literal["none", "waiting", "sent", "pending", "done", "failed"]
Purpose = Literal["decision", "return"]
BlockedReason = Literal[
    "payee_not_ready",
    "insufficient_balance",
    "refund_pending",
    "refund_failed",
    "stripe_unavailable",
    "payment_unposted",
    "under_review",
]

# What people are told when two legs wait for different things: what only a person can resolve comes first.
PRIORITY: tuple[BlockedReason, ...] = (
    "under_review",
    "payment_unposted",
    "payee_not_ready",
    "refund_failed",
    "insufficient_balance",
    "stripe_unavailable",
    "refund_pending",
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A decision being delivered; amounts are minor units.

    `fee` is taken from the freelancer's part. `transfer_block` and `refund_block` say what each leg waits for;
    `blocked_reason` is the one people were told last. `refund_debited` is whether the refund has left our balance.
    `refund_operation` is the newest try of the client's leg; older ones are replaced, whatever is heard of them.
    """

    id: str
    payment_id: str
    about: About
    purpose: Purpose
    to_freelancer: int
    to_client: int
    fee: int
    transfer: Leg
    refund: Leg
    state: State = "waiting"
    version: int = 1
    transfer_block: BlockedReason | None = None
    refund_block: BlockedReason | None = None
    blocked_reason: BlockedReason | None = None
    refund_debited: bool = False
    transfer_ref: str | None = None
    refund_ref: str | None = None
    refund_operation: str | None = None

    @property
    def net(self) -> int:
        """What the freelancer is sent."""
        return self.to_freelancer - self.fee


@dataclass(frozen=True, slots=True)
class Decided:
    """The ledger has the money, so the decision can be booked and the legs may start."""


@dataclass(frozen=True, slots=True)
class TransferSent:
    """The provider is to be asked for the transfer."""


@dataclass(frozen=True, slots=True)
class FeeTookAll:
    """Nothing is left to transfer: the fee is booked and the leg is done."""


@dataclass(frozen=True, slots=True)
class TransferMade:
    """The transfer exists."""

    operation_id: str


@dataclass(frozen=True, slots=True)
class TransferGivenUp:
    """The provider refused it too often, or will never make it: it waits for a person, or for the payee."""


@dataclass(frozen=True, slots=True)
class RefundSent:
    """The provider is to be asked for the refund."""


@dataclass(frozen=True, slots=True)
class RefundDebited:
    """The refund left our balance, where it moved `moved`."""

    debit_ref: str
    moved: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundCredited:
    """A failed refund came back to our balance, where it moved `moved`."""

    credit_ref: str
    moved: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundWaits:
    """The provider has the refund and has not finished it."""


@dataclass(frozen=True, slots=True)
class RefundMade:
    """The refund succeeded."""


@dataclass(frozen=True, slots=True)
class RefundBroke:
    """The refund will not happen, or was sent back: the client is still owed."""


@dataclass(frozen=True, slots=True)
class LegBlocked:
    """A leg goes on waiting, for this."""

    leg: Literal["transfer", "refund"]
    reason: BlockedReason


@dataclass(frozen=True, slots=True)
class Blocked:
    """The reason people see changed."""

    reason: BlockedReason


@dataclass(frozen=True, slots=True)
class Completed:
    """Every leg arrived."""


Fact = (
    Decided
    | TransferSent
    | FeeTookAll
    | TransferMade
    | TransferGivenUp
    | RefundSent
    | RefundDebited
    | RefundCredited
    | RefundWaits
    | RefundMade
    | RefundBroke
    | LegBlocked
    | Blocked
    | Completed
)


# Every transition of a leg: what happened -> the states it may happen in, and the state it leads to.
LEG_TRANSITIONS: Mapping[type[Fact], tuple[frozenset[Leg], Leg]] = MappingProxyType(
    {
        TransferSent: (frozenset({"waiting", "failed"}), "sent"),
        FeeTookAll: (frozenset({"waiting"}), "done"),
        # A try thought lost or given up may have come true all the same.
        TransferMade: (frozenset({"waiting", "sent", "failed"}), "done"),
        TransferGivenUp: (frozenset({"sent"}), "failed"),
        RefundSent: (frozenset({"waiting", "failed"}), "sent"),
        RefundWaits: (frozenset({"sent"}), "pending"),
        RefundMade: (frozenset({"sent", "pending"}), "done"),
        RefundBroke: (frozenset({"sent", "pending", "done"}), "failed"),
    }
)
