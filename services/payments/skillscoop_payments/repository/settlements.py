"""Settlements: rows and domain values."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from skillscoop_messages.context import TraceContext
from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping, bindparam, select

from skillscoop_payments.domain.payment import About
from skillscoop_payments.domain.settlement import Settlement
from skillscoop_payments.tables import SETTLEMENTS

_T = SETTLEMENTS.c
_INSERT = SETTLEMENTS.insert()
_UPDATE = SETTLEMENTS.update().where(_T.id == bindparam("row_id"))
_ONE = select(SETTLEMENTS).where(_T.id == bindparam("value"))
_OF_PAYMENT = select(SETTLEMENTS).where(_T.payment_id == bindparam("value"))


def to_settlement(row: RowMapping, about: About) -> Settlement:
    """The domain value of a row; `about` comes from its payment."""
    return Settlement(
        id=row["id"],
        payment_id=row["payment_id"],
        about=about,
        purpose=row["purpose"],
        to_freelancer=row["to_freelancer"],
        to_client=row["to_client"],
        fee=row["fee"],
        transfer=row["transfer"],
        refund=row["refund"],
        state=row["state"],
        version=row["version"],
        transfer_block=row["transfer_block"],
        refund_block=row["refund_block"],
        blocked_reason=row["blocked_reason"],
        refund_debited=row["refund_debited"],
        transfer_ref=row["transfer_ref"],
        refund_ref=row["refund_ref"],
        refund_operation=row["refund_operation"],
    )


def _moving(settlement: Settlement) -> dict[str, Any]:
    return {
        "transfer": settlement.transfer,
        "refund": settlement.refund,
        "state": settlement.state,
        "version": settlement.version,
        "transfer_block": settlement.transfer_block,
        "refund_block": settlement.refund_block,
        "blocked_reason": settlement.blocked_reason,
        "refund_debited": settlement.refund_debited,
        "transfer_ref": settlement.transfer_ref,
        "refund_ref": settlement.refund_ref,
        "refund_operation": settlement.refund_operation,
    }


async def insert(tx: Transaction, settlement: Settlement, trace_context: TraceContext) -> None:
    """A new settlement. The caller holds its payment's lock."""
    about, now = settlement.about, tx.now()
    await tx.execute(
        _INSERT,
        {
            "id": settlement.id,
            "payment_id": settlement.payment_id,
            "contract_id": about.contract_id,
            "milestone_id": about.milestone_id,
            "freelancer_id": about.freelancer_id,
            "currency": about.currency,
            "purpose": settlement.purpose,
            "to_freelancer": settlement.to_freelancer,
            "to_client": settlement.to_client,
            "fee": settlement.fee,
            **_moving(settlement),
            "correlation_id": trace_context.correlation_id,
            "causation_id": trace_context.causation_id,
            "created_at": now,
            "updated_at": now,
        },
    )


async def save(tx: Transaction, settlement: Settlement, look_at: datetime | None) -> None:
    """Write a changed settlement. `look_at` is when to poll its refund again (wall time), None for never."""
    await tx.execute(
        _UPDATE, {"row_id": settlement.id, **_moving(settlement), "look_at": look_at, "updated_at": tx.now()}
    )


async def one(tx: Transaction, settlement_id: str) -> RowMapping | None:
    """A settlement. Lock its payment first."""
    return await tx.first(_ONE, {"value": settlement_id})


async def of_payment(tx: Transaction, payment_id: str) -> RowMapping | None:
    """The settlement of a payment. Lock the payment first."""
    return await tx.first(_OF_PAYMENT, {"value": payment_id})


async def waiting_for_payee(tx: Transaction, freelancer_id: str) -> Sequence[str]:
    """Payments whose settlement is not complete and pays this freelancer something."""
    rows = await tx.all(
        select(_T.payment_id)
        .where(
            _T.freelancer_id == freelancer_id, _T.state != "completed", _T.transfer.in_(("waiting", "sent", "failed"))
        )
        .order_by(_T.payment_id)
    )
    return [row["payment_id"] for row in rows]
