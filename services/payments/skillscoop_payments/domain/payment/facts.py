"""What a payment is, what can happen to it, and the one table of its transitions."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from skillscoop_payments.domain.snapshots import Booking, Failure, PaymentStatus

State = Literal[
    "created",
    "requires_action",
    "processing",
    "held",
    "settling",
    "settled",
    "failed",
    "canceled",
    "returned",
    "charged_back",
]
Kind = Literal["checkout", "payment_intent", "method"]
Action = Literal["checkout", "confirm", "authenticate"]

OPEN: frozenset[State] = frozenset({"created", "requires_action", "processing"})
DEAD: frozenset[State] = frozenset({"failed", "canceled"})
PAID: frozenset[State] = frozenset({"held", "settling", "settled", "returned", "charged_back"})

# What a snapshot of the provider makes of an open payment. "dead" means failed or canceled, by why it died.
AFTER_SNAPSHOT: Mapping[PaymentStatus, State | Literal["dead"]] = MappingProxyType(
    {
        "awaiting_payer": "requires_action",
        "awaiting_authentication": "requires_action",
        "processing": "processing",
        "paid": "held",
        "dead": "dead",
    }
)


@dataclass(frozen=True, slots=True)
class About:
    """Whose money for what: everything other services need to know without asking back."""

    contract_id: str
    milestone_id: str
    client_id: str
    freelancer_id: str
    title: str
    description: str
    amount: int
    currency: str
    revision: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One try to fund a milestone.

    `method` is the caller's payment method where `kind` is "method"; `cancel_reason` is set from the wish to cancel on;
    `refuse_reason` from the moment nobody wants the money; `declined` is why the last card was refused; `booking` is
    what the provider booked on our balance, None until it did. `second_of` is the payment this is a second object of:
    nobody asked for it, so it is closed, or given back as soon as it is paid. `under_review`:
    something happened to the money that an operator has to look at before any of it moves on. `secret` and
    `checkout_url` are for the client alone.
    """

    id: str
    funding_id: str
    about: About
    kind: Kind
    state: State = "created"
    version: int = 1
    method: str | None = None
    return_url: str | None = None
    intent_ref: str | None = None
    checkout_ref: str | None = None
    charge_ref: str | None = None
    secret: str | None = None
    checkout_url: str | None = None
    declined: Failure | None = None
    cancel_reason: str | None = None
    refuse_reason: str | None = None
    second_of: str | None = None
    paid: int = 0
    booking: Booking | None = None
    under_review: bool = False

    @property
    def booked(self) -> bool:
        """Whether the provider booked the money on our balance, so that the ledger has it."""
        return self.booking is not None

    @property
    def converted(self) -> bool:
        """Whether the provider booked it in another currency than it was paid in: it can go back, but not on."""
        return self.booking is not None and self.booking.currency != self.about.currency


@dataclass(frozen=True, slots=True)
class Noted:
    """The provider's references, learnt or changed; the client sees nothing new in this alone."""

    intent_ref: str | None
    checkout_ref: str | None
    charge_ref: str | None
    secret: str | None
    checkout_url: str | None


@dataclass(frozen=True, slots=True)
class ActionRequired:
    """The client has to do something."""

    action: Action


@dataclass(frozen=True, slots=True)
class WentProcessing:
    """The provider works on it."""


@dataclass(frozen=True, slots=True)
class Declined:
    """A card was refused. Where the payer can try another one this is only shown; else the payment has to be closed."""

    failure: Failure
    close: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The money is there."""

    paid: int


@dataclass(frozen=True, slots=True)
class Booked:
    """The provider booked it: the ledger may."""

    booking: Booking


@dataclass(frozen=True, slots=True)
class Failed:
    """Dead at the provider without money."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Canceled:
    """Can no longer succeed."""

    reason: str


@dataclass(frozen=True, slots=True)
class CancelWanted:
    """Somebody wants it canceled; the provider has to be asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class AnswerRepeated:
    """The cancel was answered before: the same answer is given again."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody wants the money: it goes back."""

    reason: str


@dataclass(frozen=True, slots=True)
class SettlementBegun:
    """The held money is being settled."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Every part arrived."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Unwanted money went back, all of it."""


Fact = (
    Noted
    | ActionRequired
    | WentProcessing
    | Declined
    | Held
    | Booked
    | Failed
    | Canceled
    | CancelWanted
    | AnswerRepeated
    | Refused
    | SettlementBegun
    | Settled
    | Returned
)

# Every transition there is: what happened -> the states it may happen in, and the state it leads to. Money that arrives
# after all is held even where the payment was thought dead.
TRANSITIONS: Mapping[type[Fact], tuple[frozenset[State], State]] = MappingProxyType(
    {
        ActionRequired: (OPEN, "requires_action"),
        WentProcessing: (OPEN, "processing"),
        Held: (OPEN | DEAD, "held"),
        Failed: (OPEN, "failed"),
        Canceled: (OPEN, "canceled"),
        Refused: (frozenset({"held"}), "settling"),
        SettlementBegun: (frozenset({"held"}), "settling"),
        Settled: (frozenset({"settling"}), "settled"),
        Returned: (frozenset({"settling"}), "returned"),
    }
)
