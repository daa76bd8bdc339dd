"""Events in, one function per queue; and the timer of settlements that waited for their payee."""

from skillscoop_messages.consumer import Subscriber
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.events.contracts import (
    MilestoneFundingCanceled,
    MilestoneFundingRequested,
    MilestonePaymentRefused,
    MilestoneSettlementDecided,
)
from skillscoop_messages.scheduled import TimerHandler

from skillscoop_payments import projections
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.usecases import funding, settling
from skillscoop_payments.usecases.dependencies import Dependencies
from skillscoop_payments.usecases.onboarding import PAYEE_READY


def subscribers(deps: Dependencies) -> list[Subscriber]:
    """Everything this service listens to."""

    async def create_payment_when_funding_requested(
        tx: Transaction, envelope: Envelope[MilestoneFundingRequested]
    ) -> None:
        await funding.request(tx, deps, envelope.data)

    async def cancel_payment_when_funding_canceled(
        tx: Transaction, envelope: Envelope[MilestoneFundingCanceled]
    ) -> None:
        await funding.cancel(tx, deps, envelope.data)

    async def return_money_when_payment_refused(tx: Transaction, envelope: Envelope[MilestonePaymentRefused]) -> None:
        await funding.refuse(tx, deps, envelope.data)

    async def pay_out_when_settlement_decided(tx: Transaction, envelope: Envelope[MilestoneSettlementDecided]) -> None:
        await settling.settle(tx, deps, envelope.data)

    return [
        Subscriber("payments.create_payment_when_funding_requested", create_payment_when_funding_requested),
        Subscriber("payments.cancel_payment_when_funding_canceled", cancel_payment_when_funding_canceled),
        Subscriber("payments.return_money_when_payment_refused", return_money_when_payment_refused),
        Subscriber("payments.pay_out_when_settlement_decided", pay_out_when_settlement_decided),
        Subscriber("payments.learn_policy", projections.learn_policy),
        Subscriber("payments.learn_contract", projections.learn_contract),
        Subscriber("payments.note_assigned_agent", projections.note_assigned_agent),
    ]


def timers(deps: Dependencies) -> dict[str, TimerHandler]:
    """What fires by itself; the key is the payment's id."""

    async def pay_out_when_payee_is_ready(tx: Transaction, payment_id: str) -> None:
        row = await payment_rows.locked(tx, "id", payment_id)
        if row is not None:
            await settling.advance_payment(tx, deps, payment_rows.to_payment(row))

    return {PAYEE_READY: pay_out_when_payee_is_ready}
