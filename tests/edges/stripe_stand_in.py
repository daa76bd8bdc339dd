"""What stands in for Stripe in this process: it says yes, remembers keys, and does what a test tells it to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from skillscoop_payments.adapters import stripe_calls
from skillscoop_payments.domain.operation import Done, Kind, NotThere, Operation, Searched, Sent, Unknown
from skillscoop_payments.domain.outgoing_calls import OutgoingCall
from skillscoop_payments.domain.snapshots import (
    AccountSnapshot,
    Booking,
    Origin,
    PaymentSnapshot,
    RefundSnapshot,
    Snapshot,
    TransferSnapshot,
)
from skillscoop_payments.gateway import OnboardingLink, Subject

LINK_ENDS = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class StripeStandIn:
    """Objects by their reference. Operations of the kinds in `silent` get no answer."""

    objects: dict[str, Snapshot] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    silent: set[str] = field(default_factory=set)

    async def open(self) -> None:
        """Nothing to get ready."""

    def parameters(self, call: OutgoingCall) -> dict[str, Any]:
        """As Stripe wants them."""
        return stripe_calls.parameters(call)

    async def send(self, operation: Operation) -> Sent:
        """Carry it out, once for each key."""
        if operation.kind in self.silent:
            return Unknown("no answer")
        if operation.key not in self.done:
            self.done[operation.key] = self._carry_out(operation.kind, dict(operation.parameters))
        return Done(self.objects[self.done[operation.key]])

    async def search(self, operation: Operation) -> Searched:
        """The object an operation made."""
        found = next((one for one in self.objects.values() if one.origin.operation_id == operation.id), None)
        return NotThere() if found is None else Done(found)

    async def poll(self, subject: Subject, ref: str) -> Snapshot | None:
        """The object as it is now."""
        return self.objects.get(ref)

    async def payout_interval(self) -> str:
        """Nothing leaves by itself."""
        return "manual"

    async def moved(self, since: datetime) -> list[Any]:
        """Nobody does anything by hand."""
        return []

    async def onboarding_link(self, account_ref: str, return_url: str, refresh_url: str) -> OnboardingLink:
        """A page nobody will look at."""
        self.made["link"] += 1
        return OnboardingLink(f"https://connect.example/{self.made['link']}", LINK_ENDS)

    async def close(self) -> None:
        """Nothing to let go of."""

    def pay(self, ref: str, amount: int, currency: str = "usd") -> None:
        """The client pays at Stripe."""
        snapshot = self.objects[ref]
        assert isinstance(snapshot, PaymentSnapshot)
        self.objects[ref] = self._paid(snapshot, amount, currency)

    def onboard(self) -> None:
        """Every account may be paid to."""
        for ref, one in self.objects.items():
            if isinstance(one, AccountSnapshot):
                self.objects[ref] = replace(one, capability="active", requirements=())

    def _carry_out(self, kind: Kind, parameters: dict[str, Any]) -> str:
        ref = f"{kind.removeprefix('create_')}_{self._number(kind)}"
        if kind == "close_payment":
            ref = str(next(iter(parameters.values())))
            snapshot = self.objects[ref]
            if isinstance(snapshot, PaymentSnapshot) and snapshot.status != "paid":
                self.objects[ref] = replace(snapshot, status="dead")
            return ref
        told = parameters["metadata"]
        origin = Origin(told.get("env"), told.get("op_id"), told.get("object_id"))
        made: Snapshot
        if kind == "create_intent":
            made = PaymentSnapshot(
                "awaiting_payer", origin, intent_ref=ref, client_secret=f"pi_{ref}_secret_{'s' * 24}"
            )
            if "payment_method" in parameters:
                made = self._paid(made, parameters["amount"], parameters["currency"])
        elif kind == "create_checkout":
            url = f"https://checkout.example/{ref}"
            made = PaymentSnapshot("awaiting_payer", origin, checkout_ref=ref, checkout_url=url)
        elif kind == "create_transfer":
            made = TransferSnapshot(ref, parameters["amount"], origin)
        elif kind == "create_refund":
            made = RefundSnapshot(ref, parameters["amount"], "delivered", origin, debit_ref=f"txn_{ref}")
        else:
            made = AccountSnapshot(ref, "pending", ("identity",), origin)
        self.objects[ref] = made
        return ref

    def _paid(self, snapshot: PaymentSnapshot, amount: int, currency: str) -> PaymentSnapshot:
        number = self._number("charge")
        fee = amount // 50
        return replace(
            snapshot,
            status="paid",
            intent_ref=snapshot.intent_ref or f"intent_of_page_{number}",
            charge_ref=f"charge_{number}",
            paid=amount,
            booking=Booking(f"txn_charge_{number}", amount, fee, amount - fee, currency),
            client_secret=None,
            checkout_url=None,
        )

    def _number(self, kind: str) -> int:
        self.made[kind] += 1
        return self.made[kind]
