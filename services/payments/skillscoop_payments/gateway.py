"""What this service needs of a payment provider: a closed set of calls, in our own words.

The adapter in `adapters/stripe.py` is the real one. Anything with these methods can stand in for it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from skillscoop_payments.domain.operation import Operation, Searched, Sent
from skillscoop_payments.domain.outgoing_calls import OutgoingCall
from skillscoop_payments.domain.snapshots import Movement, Snapshot

Subject = Literal["payment", "checkout", "refund", "transfer", "account", "dispute"]


class Unreachable(Exception):
    """The provider gave no usable answer to a question; asking again later does no harm."""


@dataclass(frozen=True, slots=True)
class OnboardingLink:
    """A page where a freelancer completes the account, for one use and a short time."""

    url: str
    expires_at: datetime


class Gateway(Protocol):
    """The payment provider."""

    async def open(self) -> None:
        """Get ready, so that the first call waits for nothing but the provider."""

    def parameters(self, call: OutgoingCall) -> dict[str, Any]:
        """What a call will send, as a JSON object to keep: every try sends exactly this."""

    async def send(self, operation: Operation) -> Sent:
        """Carry out a call. The same key has one effect however often it is sent. Raises nothing."""

    async def search(self, operation: Operation) -> Searched:
        """Whether an earlier try of this call made its object; goes on where `search_cursor` says.

        A turn takes a moment only: a long search hands back where it is. Raises nothing.
        """

    async def poll(self, subject: Subject, ref: str) -> Snapshot | None:
        """The object as it is now; None when the provider does not know it. Raises Unreachable."""

    async def payout_interval(self) -> str:
        """How our own balance is paid out to our bank: `manual`, or by itself. Raises Unreachable."""

    async def moved(self, since: datetime) -> list[Movement]:
        """Refunds, reversals and chargebacks booked on our balance from `since` on (provider's time), ours among them.

        Raises Unreachable.
        """

    async def onboarding_link(self, account_ref: str, return_url: str, refresh_url: str) -> OnboardingLink:
        """A fresh link. Raises Unreachable."""

    async def close(self) -> None:
        """Let go of connections."""
