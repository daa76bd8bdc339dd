"""The payments service as it is, with a provider that answers at once: its own work is measured, nobody else's.

`BENCHMARK_PROVIDER` is `checkout` (a page is open and the client has to pay) or `succeeds` (the money is there).
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from skillscoop_chassis.process import run_process
from skillscoop_chassis.service import Service
from skillscoop_messages.ids import new_message_id
from skillscoop_payments import main
from skillscoop_payments.domain.operation import Done, NotThere, Operation, Searched, Sent
from skillscoop_payments.domain.outgoing_calls import OutgoingCall
from skillscoop_payments.domain.snapshots import Booking, PaymentSnapshot, Snapshot
from skillscoop_payments.gateway import OnboardingLink, Subject
from skillscoop_payments.settings import PaymentsSettings

MIGRATIONS = Path(main.__file__).resolve().parents[1] / "migrations"


class ImmediateProvider:
    """Answers every order at once, without leaving the process."""

    def __init__(self, *, succeeds: bool) -> None:
        self._succeeds = succeeds

    async def open(self) -> None:
        """Nothing to get ready."""

    def parameters(self, call: OutgoingCall) -> dict[str, Any]:
        """What is kept with the operation: as much as a real order keeps."""
        kept = {name: getattr(call, name, None) for name in ("amount", "currency", "group", "return_url")}
        return {**kept, "metadata": {"op_id": new_message_id(), "env": "benchmark"}}

    async def send(self, operation: Operation) -> Sent:
        """The object, as if it had been there before."""
        ref, parameters = operation.key.rsplit(":", 2)[1], operation.parameters
        if not self._succeeds:
            return Done(
                PaymentSnapshot("awaiting_payer", checkout_ref=f"cs_{ref}", checkout_url=f"https://pay.invalid/{ref}")
            )
        amount, currency = parameters["amount"], parameters["currency"]
        booking = Booking(f"txn_{ref}", amount, 0, amount, currency)
        return Done(
            PaymentSnapshot("paid", intent_ref=f"pi_{ref}", charge_ref=f"ch_{ref}", paid=amount, booking=booking)
        )

    async def search(self, operation: Operation) -> Searched:
        """Nothing was lost here."""
        return NotThere()

    async def poll(self, subject: Subject, ref: str) -> Snapshot | None:
        """Nobody asks during a run."""
        return None

    async def payout_interval(self) -> str:
        """Nothing leaves by itself."""
        return "manual"

    async def moved(self, since: datetime) -> list[Any]:
        """Nobody does anything by hand."""
        return []

    async def onboarding_link(self, account_ref: str, return_url: str, refresh_url: str) -> OnboardingLink:
        """Nobody asks during a run."""
        raise LookupError("not part of the benchmark")

    async def close(self) -> None:
        """Nothing to let go of."""


def build(settings: PaymentsSettings) -> Service:
    """The payments service with the provider the environment names."""
    return main.build(settings, gateway=ImmediateProvider(succeeds=os.environ["BENCHMARK_PROVIDER"] == "succeeds"))


if __name__ == "__main__":
    run_process(build, PaymentsSettings, migrations=MIGRATIONS)
