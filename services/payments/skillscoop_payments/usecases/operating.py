"""Placing orders: the row of an operation, committed before anybody calls."""

from skillscoop_messages.context import TraceContext
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_id

from skillscoop_payments.domain.operation import Kind
from skillscoop_payments.domain.orders import (
    ChargeOrder,
    CheckoutOrder,
    CloseOrder,
    RecipientOrder,
    RefundOrder,
    Tag,
    TransferOrder,
)
from skillscoop_payments.domain.payment import Payment
from skillscoop_payments.domain.payout_account import PayoutAccount
from skillscoop_payments.domain.settlement import Settlement
from skillscoop_payments.repository import operations
from skillscoop_payments.usecases.office import Office


def _tag(office: Office, operation_id: str, payment: Payment, object_id: str) -> Tag:
    about = payment.about
    return Tag(office.environment, operation_id, object_id, about.contract_id, about.milestone_id)


async def create_payment(tx: Transaction, office: Office, payment: Payment, told: TraceContext) -> None:
    """Order a payment: a hosted page, or a charge to confirm now or later."""
    operation_id, about = new_id("op"), payment.about
    tag = _tag(office, operation_id, payment, payment.id)
    return_url = payment.return_url or office.return_url
    order: CheckoutOrder | ChargeOrder
    kind: Kind
    if payment.kind == "checkout":
        kind = "create_checkout"
        order = CheckoutOrder(
            tag, about.amount, about.currency, about.milestone_id, about.description[:100], return_url
        )
    else:
        kind = "create_intent"
        order = ChargeOrder(tag, about.amount, about.currency, about.milestone_id, payment.method, return_url)
    await operations.insert(
        tx, office.environment, operation_id, kind, office.gateway.parameters(order), told, payment_id=payment.id
    )
    tx.after_commit(office.nudge)


async def close_payment(tx: Transaction, office: Office, payment: Payment, told: TraceContext) -> None:
    """Order that an unpaid payment be ended."""
    order = CloseOrder(payment.intent_ref, payment.checkout_ref)
    await operations.insert(
        tx,
        office.environment,
        new_id("op"),
        "close_payment",
        office.gateway.parameters(order),
        told,
        payment_id=payment.id,
    )
    tx.after_commit(office.nudge)


async def create_transfer(
    tx: Transaction, office: Office, payment: Payment, settlement: Settlement, account_ref: str, told: TraceContext
) -> None:
    """Order the freelancer's leg, out of the very charge that was held."""
    operation_id, about = new_id("op"), payment.about
    assert payment.charge_ref is not None, "a held payment has its charge"
    order = TransferOrder(
        _tag(office, operation_id, payment, settlement.id),
        settlement.net,
        about.currency,
        about.milestone_id,
        payment.charge_ref,
        account_ref,
    )
    await operations.insert(
        tx,
        office.environment,
        operation_id,
        "create_transfer",
        office.gateway.parameters(order),
        told,
        payment_id=payment.id,
        settlement_id=settlement.id,
    )
    tx.after_commit(office.nudge)


async def create_refund(
    tx: Transaction, office: Office, payment: Payment, settlement: Settlement, told: TraceContext
) -> None:
    """Order the client's leg, by the operation that the settlement names."""
    operation_id = settlement.refund_operation
    assert operation_id is not None, "a refund is sent by an operation"
    assert payment.intent_ref is not None, "a held payment has its intent"
    order = RefundOrder(_tag(office, operation_id, payment, settlement.id), settlement.to_client, payment.intent_ref)
    await operations.insert(
        tx,
        office.environment,
        operation_id,
        "create_refund",
        office.gateway.parameters(order),
        told,
        payment_id=payment.id,
        settlement_id=settlement.id,
    )
    tx.after_commit(office.nudge)


async def create_recipient(
    tx: Transaction, office: Office, account: PayoutAccount, told: TraceContext, email: str | None = None
) -> None:
    """Order an account for a freelancer."""
    operation_id = new_id("op")
    order = RecipientOrder(Tag(office.environment, operation_id, account.id), account.country, email)
    await operations.insert(
        tx,
        office.environment,
        operation_id,
        "create_recipient",
        office.gateway.parameters(order),
        told,
        payout_account_id=account.id,
    )
    tx.after_commit(office.nudge)
