"""What the payment provider's objects are now, in our own words.

The adapter makes these from the provider's answers; everything past it, webhooks and answers alike, speaks them only.
`*_ref` are the provider's opaque ids; amounts are minor units.
"""

from dataclasses import dataclass
from typing import Literal

from skillscoop_messages.money import Money

PaymentStatus = Literal["awaiting_payer", "awaiting_authentication", "processing", "paid", "dead"]
RefundStatus = Literal["pending", "delivered", "failed", "canceled"]
Capability = Literal["active", "pending", "restricted", "rejected"]


@dataclass(frozen=True, slots=True)
class Booking:
    """What the provider booked on our balance for a payment: `amount = net + fee`, `fee` is the provider's own cost.

    Where the provider converted the payment, `currency` is another one than the client paid in, and so is the amount.
    """

    ref: str
    amount: int
    fee: int
    net: int
    currency: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a payment was declined: a stable `code` and words for the payer."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Which of our rows an object at the provider belongs to, as written into it when we made it. None: not ours."""

    environment: str | None = None
    operation_id: str | None = None
    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentSnapshot:
    """A payment as the provider has it now. `booking` stays None until the provider has booked it."""

    status: PaymentStatus
    origin: Origin = Origin()
    intent_ref: str | None = None
    checkout_ref: str | None = None
    charge_ref: str | None = None
    paid: int = 0
    booking: Booking | None = None
    failure: Failure | None = None
    client_secret: str | None = None
    checkout_url: str | None = None


@dataclass(frozen=True, slots=True)
class TransferSnapshot:
    """A transfer: it exists, so it is done. `reversed` of it came back, which is never our doing."""

    ref: str
    amount: int
    origin: Origin = Origin()
    reversed: int = 0


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """A refund. `debit_ref` is set once it left our balance, `credit_ref` once a failed one came back to it.

    `debited` and `credited` are what that moved on our balance, where it is known: another currency and amount than the
    client's where the provider converts.
    """

    ref: str
    amount: int
    status: RefundStatus
    origin: Origin = Origin()
    debit_ref: str | None = None
    credit_ref: str | None = None
    failure: str | None = None
    intent_ref: str | None = None
    debited: Money | None = None
    credited: Money | None = None


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """A freelancer's account: whether money may be sent to it, and what the provider still needs to know."""

    ref: str
    capability: Capability
    requirements: tuple[str, ...] = ()
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class ChargebackSnapshot:
    """A payer's bank takes a payment back, or asks about it; `amount` of `currency` is what it is about."""

    ref: str
    intent_ref: str | None
    amount: int
    currency: str
    status: str
    origin: Origin = Origin()


Snapshot = PaymentSnapshot | TransferSnapshot | RefundSnapshot | AccountSnapshot | ChargebackSnapshot


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moved on our balance: the booking's reference, and the object that tells why."""

    ref: str
    subject: Literal["refund", "transfer", "dispute"]
    subject_ref: str
