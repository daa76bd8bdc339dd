"""Preparing outgoing calls: the row of an operation, committed before anybody calls."""

from skillscoop_messages.context import TraceContext
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_id

from skillscoop_payments.domain.operation import Kind
from skillscoop_payments.domain.outgoing_calls import (
    ChargeCall,
    CheckoutCall,
    CloseCall,
    RecipientCall,
    RefundCall,
    Tag,
    TransferCall,
)
from skillscoop_payments.domain.payment import Payment
from skillscoop_payments.domain.payout_account import PayoutAccount
from skillscoop_payments.domain.settlement import Settlement
from skillscoop_payments.repository import operations
from skillscoop_payments.usecases.dependencies import Dependencies


def _tag(deps: Dependencies, operation_id: str, payment: Payment, object_id: str) -> Tag:
    about = payment.about
    return Tag(deps.environment, operation_id, object_id, about.contract_id, about.milestone_id)


async def create_payment(tx: Transaction, deps: Dependencies, payment: Payment, trace: TraceContext) -> None:
    """Prepare a payment: a hosted page, or a charge to confirm now or later."""
    operation_id, about = new_id("op"), payment.about
    tag = _tag(deps, operation_id, payment, payment.id)
    return_url = payment.return_url or deps.return_url
    call: CheckoutCall | ChargeCall
    kind: Kind
    if payment.kind == "checkout":
        kind = "create_checkout"
        call = CheckoutCall(tag, about.amount, about.currency, about.milestone_id, about.description[:100], return_url)
    else:
        kind = "create_intent"
        call = ChargeCall(tag, about.amount, about.currency, about.milestone_id, payment.method, return_url)
    await operations.insert(
        tx, deps.environment, operation_id, kind, deps.gateway.parameters(call), trace, payment_id=payment.id
    )
    tx.after_commit(deps.nudge)


async def close_payment(tx: Transaction, deps: Dependencies, payment: Payment, trace: TraceContext) -> None:
    """Prepare the end of an unpaid payment."""
    call = CloseCall(payment.intent_ref, payment.checkout_ref)
    await operations.insert(
        tx,
        deps.environment,
        new_id("op"),
        "close_payment",
        deps.gateway.parameters(call),
        trace,
        payment_id=payment.id,
    )
    tx.after_commit(deps.nudge)


async def create_transfer(
    tx: Transaction, deps: Dependencies, payment: Payment, settlement: Settlement, account_ref: str, trace: TraceContext
) -> None:
    """Prepare the freelancer's leg, out of the very charge that was held."""
    operation_id, about = new_id("op"), payment.about
    assert payment.charge_ref is not None, "a held payment has its charge"
    call = TransferCall(
        _tag(deps, operation_id, payment, settlement.id),
        settlement.net,
        about.currency,
        about.milestone_id,
        payment.charge_ref,
        account_ref,
    )
    await operations.insert(
        tx,
        deps.environment,
        operation_id,
        "create_transfer",
        deps.gateway.parameters(call),
        trace,
        payment_id=payment.id,
        settlement_id=settlement.id,
    )
    tx.after_commit(deps.nudge)


async def create_refund(
    tx: Transaction, deps: Dependencies, payment: Payment, settlement: Settlement, trace: TraceContext
) -> None:
    """Prepare the client's leg, by the operation that the settlement names."""
    operation_id = settlement.refund_operation
    assert operation_id is not None, "a refund is sent by an operation"
    assert payment.intent_ref is not None, "a held payment has its intent"
    call = RefundCall(_tag(deps, operation_id, payment, settlement.id), settlement.to_client, payment.intent_ref)
    await operations.insert(
        tx,
        deps.environment,
        operation_id,
        "create_refund",
        deps.gateway.parameters(call),
        trace,
        payment_id=payment.id,
        settlement_id=settlement.id,
    )
    tx.after_commit(deps.nudge)


async def create_recipient(
    tx: Transaction, deps: Dependencies, account: PayoutAccount, trace: TraceContext, email: str | None = None
) -> None:
    """Prepare an account for a freelancer."""
    operation_id = new_id("op")
    call = RecipientCall(Tag(deps.environment, operation_id, account.id), account.country, email)
    await operations.insert(
        tx,
        deps.environment,
        operation_id,
        "create_recipient",
        deps.gateway.parameters(call),
        trace,
        payout_account_id=account.id,
    )
    tx.after_commit(deps.nudge)
