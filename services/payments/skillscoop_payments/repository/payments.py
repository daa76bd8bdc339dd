"""Payments: rows and domain values."""

from datetime import datetime
from typing import Any

from skillscoop_chassis.http.paging import Cursor, keyset_of_any
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.context import TraceContext
from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from skillscoop_payments.domain.payment import DEAD, OPEN, About, Payment
from skillscoop_payments.domain.snapshots import Booking, Failure
from skillscoop_payments.tables import PAYMENTS

_T = PAYMENTS.c
_INSERT = {
    "postgresql": postgresql.insert(PAYMENTS).on_conflict_do_nothing(index_elements=["funding_id"]),
    "sqlite": sqlite.insert(PAYMENTS).on_conflict_do_nothing(index_elements=["funding_id"]),
}
_UPDATE = PAYMENTS.update().where(_T.id == bindparam("row_id"))
_OUTSTANDING = select(_T.booking_ref).where(_T.intent_ref == bindparam("value"))
_LOCKED = {
    name: for_update(select(PAYMENTS).where(_T[name] == bindparam("value")))
    for name in ("id", "funding_id", "intent_ref", "checkout_ref")
}


def to_payment(row: RowMapping) -> Payment:
    """The domain value of a row."""
    booking = (
        Booking(
            row["booking_ref"],
            row["booking_amount"],
            row["booking_fee"],
            row["booking_amount"] - row["booking_fee"],
            row["booking_currency"] or row["currency"],
        )
        if row["booking_ref"]
        else None
    )
    return Payment(
        id=row["id"],
        funding_id=row["funding_id"],
        about=about_of(row),
        kind=row["kind"],
        state=row["state"],
        version=row["version"],
        method=row["method"],
        return_url=row["return_url"],
        intent_ref=row["intent_ref"],
        checkout_ref=row["checkout_ref"],
        charge_ref=row["charge_ref"],
        secret=row["secret"],
        checkout_url=row["checkout_url"],
        declined=Failure(row["declined_code"], row["declined_message"] or "") if row["declined_code"] else None,
        cancel_reason=row["cancel_reason"],
        refuse_reason=row["refuse_reason"],
        second_of=row["second_of"],
        paid=row["paid"],
        booking=booking,
        under_review=row["under_review"],
    )


def about_of(row: RowMapping) -> About:
    """Whose money for what."""
    return About(
        row["contract_id"],
        row["milestone_id"],
        row["client_id"],
        row["freelancer_id"],
        row["title"],
        row["description"],
        row["amount"],
        row["currency"],
        row["revision"],
    )


def trace_of(row: RowMapping) -> TraceContext:
    """The trace a row belongs to."""
    return TraceContext(correlation_id=row["correlation_id"], causation_id=row["causation_id"])


def _moving(payment: Payment) -> dict[str, Any]:
    """The columns that change during a payment's life."""
    declined, booking = payment.declined, payment.booking
    return {
        "state": payment.state,
        "version": payment.version,
        "intent_ref": payment.intent_ref,
        "checkout_ref": payment.checkout_ref,
        "charge_ref": payment.charge_ref,
        "secret": payment.secret,
        "checkout_url": payment.checkout_url,
        "declined_code": declined.code if declined else None,
        "declined_message": declined.message if declined else None,
        "cancel_reason": payment.cancel_reason,
        "refuse_reason": payment.refuse_reason,
        "paid": payment.paid,
        "booking_ref": booking.ref if booking else None,
        "booking_amount": booking.amount if booking else None,
        "booking_fee": booking.fee if booking else None,
        "booking_currency": booking.currency if booking else None,
    }


async def insert(tx: Transaction, payment: Payment, trace_context: TraceContext) -> bool:
    """A new payment; False, and nothing done, when its funding has one already."""
    result = await tx.execute(_INSERT[tx.dialect], _new(tx, payment, trace_context))
    return result.rowcount == 1


def insert_if_new(tx: Transaction, payment: Payment, trace_context: TraceContext) -> None:
    """As `insert`, without waiting for the answer: what belongs to the payment is written only where its row is."""
    tx.write(_INSERT[tx.dialect], _new(tx, payment, trace_context))


def _new(tx: Transaction, payment: Payment, trace_context: TraceContext) -> dict[str, Any]:
    about, now = payment.about, tx.now()
    return {
        "id": payment.id,
        "funding_id": payment.funding_id,
        "contract_id": about.contract_id,
        "milestone_id": about.milestone_id,
        "client_id": about.client_id,
        "freelancer_id": about.freelancer_id,
        "title": about.title,
        "description": about.description,
        "amount": about.amount,
        "currency": about.currency,
        "revision": about.revision,
        "kind": payment.kind,
        "method": payment.method,
        "return_url": payment.return_url,
        "second_of": payment.second_of,
        **_moving(payment),
        "look_at": None,
        "correlation_id": trace_context.correlation_id,
        "causation_id": trace_context.causation_id,
        "created_at": now,
        "updated_at": now,
    }


async def save(tx: Transaction, payment: Payment, look_at: datetime | None) -> None:
    """Write a changed payment. `look_at` is when to poll the provider again (wall time), None for never."""
    tx.write(_UPDATE, {"row_id": payment.id, **_moving(payment), "look_at": look_at, "updated_at": tx.now()})


async def locked(tx: Transaction, column: str, value: str) -> RowMapping | None:
    """The row with `column` = `value` (id, funding_id, intent_ref or checkout_ref), locked until the commit."""
    return await tx.first(_LOCKED[column], {"value": value})


async def review(tx: Transaction, payment_id: str, under_review: bool) -> None:
    """Whether an operator has to look before the money moves on. The caller holds the payment's lock."""
    values = {"under_review": under_review, "version": _T.version + 1, "updated_at": tx.now()}
    await tx.execute(PAYMENTS.update().where(_T.id == payment_id).values(**values))


async def is_under_review(tx: Transaction, payment_id: str) -> bool:
    """Whether an operator has to look before the money moves on."""
    row = await tx.first(select(_T.under_review).where(_T.id == payment_id))
    return row is not None and bool(row["under_review"])


async def one(tx: Transaction, payment_id: str) -> RowMapping | None:
    """A payment, not locked."""
    return await tx.first(select(PAYMENTS).where(_T.id == payment_id))


async def nothing_outstanding(tx: Transaction, intent_ref: str) -> bool:
    """Whether the payment with this reference is paid and booked, so that a poll cannot tell anything new."""
    row = await tx.first(_OUTSTANDING, {"value": intent_ref})
    return row is not None and row["booking_ref"] is not None


async def latest_of_milestone(tx: Transaction, milestone_id: str) -> RowMapping | None:
    """The current try to fund a milestone: the newest."""
    return await tx.first(
        select(PAYMENTS).where(_T.milestone_id == milestone_id, _T.second_of.is_(None)).order_by(_T.id.desc()).limit(1)
    )


async def is_cancel_wanted(tx: Transaction, payment_id: str) -> bool:
    """Whether somebody wants the payment canceled."""
    row = await tx.first(select(_T.cancel_reason).where(_T.id == payment_id))
    return row is not None and row["cancel_reason"] is not None


def of_person(user_id: str, contract_id: str | None, cursor: Cursor) -> Any:
    """The statement of one page of the payments a person is a party of, newest first."""
    statement = select(PAYMENTS)
    if contract_id is not None:
        statement = statement.where(_T.contract_id == contract_id)
    mine = [_T.client_id == user_id, _T.freelancer_id == user_id]
    return keyset_of_any(statement, mine, _T.created_at, _T.id, cursor)


async def unbooked(tx: Transaction, contract_id: str) -> int:
    """What the provider has taken for a contract and not booked yet, minor units."""
    rows = await tx.all(
        select(_T.paid).where(
            _T.contract_id == contract_id, _T.booking_ref.is_(None), _T.paid > 0, _T.state.not_in(OPEN | DEAD)
        )
    )
    return sum(row["paid"] for row in rows)


async def parties(tx: Transaction, contract_id: str) -> RowMapping | None:
    """Client, freelancer and currency of a contract as one of its payments has them."""
    return await tx.first(
        select(_T.client_id, _T.freelancer_id, _T.currency).where(_T.contract_id == contract_id).limit(1)
    )
