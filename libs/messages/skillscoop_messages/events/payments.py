"""What the payments service says: facts about money at the payment provider, in our own words.

Amounts are integers in minor units of `currency`.
"""

from typing import ClassVar, Literal

from skillscoop_messages.events.base import AboutMilestone, Event


class PaymentRequiresAction(AboutMilestone):
    """The client has to do something before the money moves: pay on a hosted page, or confirm with their bank.

    What exactly is fetched from the payment itself, by the client only.
    """

    type: ClassVar[str] = "payments.payment.requires_action.v1"
    root: ClassVar[str] = "payment_id"

    funding_id: str
    payment_id: str
    action: Literal["checkout", "confirm", "authenticate"]


class PaymentHeld(AboutMilestone):
    """The provider confirmed the payment; `paid` is what it took."""

    type: ClassVar[str] = "payments.payment.held.v1"
    root: ClassVar[str] = "payment_id"

    funding_id: str
    payment_id: str
    paid: int


class PaymentFailed(AboutMilestone):
    """The payment is dead at the provider."""

    type: ClassVar[str] = "payments.payment.failed.v1"
    root: ClassVar[str] = "payment_id"

    funding_id: str
    payment_id: str
    reason: str


class PaymentCanceled(AboutMilestone):
    """The payment was canceled and can no longer succeed. `payment_id` is there even if none was ever begun."""

    type: ClassVar[str] = "payments.payment.canceled.v1"
    root: ClassVar[str] = "payment_id"

    funding_id: str
    payment_id: str
    reason: str


class PaymentReturned(AboutMilestone):
    """Money nobody wanted went back to the client."""

    type: ClassVar[str] = "payments.payment.returned.v1"
    root: ClassVar[str] = "payment_id"

    funding_id: str
    payment_id: str
    returned: int


class SettlementBlocked(AboutMilestone):
    """A settlement waits; it is retried by itself."""

    type: ClassVar[str] = "payments.settlement.blocked.v1"
    root: ClassVar[str] = "payment_id"

    settlement_id: str
    payment_id: str
    reason: Literal[
        "payee_not_ready",
        "insufficient_balance",
        "refund_pending",
        "refund_failed",
        "stripe_unavailable",
        "payment_unposted",
        "under_review",
    ]


class SettlementCompleted(AboutMilestone):
    """Every leg of a settlement was delivered. `transferred` is the freelancer's share net of `fee`."""

    type: ClassVar[str] = "payments.settlement.completed.v1"
    root: ClassVar[str] = "payment_id"

    settlement_id: str
    payment_id: str
    transferred: int
    refunded: int
    fee: int
    charged_back: int = 0


class PayoutAccountChanged(Event):
    """A freelancer's payout account changed its state."""

    type: ClassVar[str] = "payments.payout_account.changed.v1"
    root: ClassVar[str] = "payout_account_id"

    payout_account_id: str
    user_id: str
    state: Literal["none", "onboarding", "active", "restricted", "rejected"]
