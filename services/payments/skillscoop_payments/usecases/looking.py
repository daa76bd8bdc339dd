"""Looking at the provider because somebody said so: a webhook, or the sweeper that trusts none of them to come."""

import logging
import random
from dataclasses import dataclass
from datetime import timedelta

from skillscoop_messages.database import Database, Transaction
from sqlalchemy import RowMapping

from skillscoop_payments.domain.observations import (
    AccountSeen,
    ChargebackSeen,
    PaymentSeen,
    RefundSeen,
    Seen,
    TransferSeen,
)
from skillscoop_payments.domain.operation import Operation, wait_after
from skillscoop_payments.gateway import Gateway, Unreachable
from skillscoop_payments.repository import accounts as account_rows
from skillscoop_payments.repository import operations
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.usecases import funding, onboarding, reviewing, settling
from skillscoop_payments.usecases.office import Office

LOG = logging.getLogger(__name__)
KEEP_TRYING = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Looked:
    """What is there; None when the provider does not know it, or nothing could be new about it."""

    seen: Seen | None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The provider could not be asked."""

    error: str


Look = Looked | NoAnswer


async def call(gateway: Gateway, database: Database, row: RowMapping) -> Look:
    """One look. A payment that is paid and booked cannot tell anything new, so nobody is asked about it."""
    if row["subject"] == "payment":
        async with database.read() as tx:
            if await payment_rows.nothing_outstanding(tx, row["subject_ref"]):
                return Looked(None)
    try:
        return Looked(await gateway.look(row["subject"], row["subject_ref"]))
    except Unreachable as error:
        return NoAnswer(str(error))


async def record(tx: Transaction, office: Office, row: RowMapping, look: Look) -> None:
    """Apply what was seen. What is ours and not known yet stays: its row may be about to be committed."""
    if isinstance(look, NoAnswer):
        await _later(tx, row, look.error)
        return
    if look.seen is None:
        if row["subject"] == "account":
            # An account the provider does not know any more receives nothing.
            await _account(tx, office, AccountSeen(row["subject_ref"], "rejected"))
        await operations.write_notice(tx, row["id"], state="done")
    elif await apply(tx, office, look.seen):
        await operations.write_notice(tx, row["id"], state="done", last_error=None)
    elif look.seen.origin.environment == office.environment and tx.wall() - row["created_at"] < KEEP_TRYING:
        await _later(tx, row, "no row of ours yet")
    else:
        await operations.write_notice(tx, row["id"], state="ignored")


async def _later(tx: Transaction, row: RowMapping, error: str) -> None:
    wait = wait_after(row["attempts"], random.random())  # noqa: S311 - spreads retries, decides nothing
    await operations.write_notice(tx, row["id"], due_at=tx.wall() + wait, last_error=error[:500])


async def apply(tx: Transaction, office: Office, seen: Seen) -> bool:
    """Give an observation to the row it is about; False when there is none."""
    match seen:
        case PaymentSeen():
            return await _payment(tx, office, seen)
        case TransferSeen():
            operation = await _operation(tx, office, seen)
            if operation is None or operation.settlement_id is None:
                return False
            if seen.reversed and operation.payment_id is not None:
                await reviewing.transfer_reversed(tx, office, operation.payment_id, seen)
            return await settling.transferred(tx, office, operation.settlement_id, operation.id, seen)
        case RefundSeen():
            operation = await _operation(tx, office, seen)
            if operation is None or operation.settlement_id is None:
                return await reviewing.foreign_refund(tx, office, seen)
            return await settling.refund_seen(tx, office, operation.settlement_id, operation.id, seen)
        case AccountSeen():
            return await _account(tx, office, seen)
        case ChargebackSeen():
            return await reviewing.chargeback(tx, office, seen)


async def _payment(tx: Transaction, office: Office, seen: PaymentSeen) -> bool:
    row = None
    if seen.origin.environment == office.environment and seen.origin.object_id is not None:
        row = await payment_rows.locked(tx, "id", seen.origin.object_id)
    if row is None:
        return False
    await funding.seen(tx, office, row, seen)
    return True


async def _operation(tx: Transaction, office: Office, seen: TransferSeen | RefundSeen) -> Operation | None:
    if seen.origin.environment != office.environment or seen.origin.operation_id is None:
        return None
    row = await operations.one(tx, seen.origin.operation_id)
    return operations.to_operation(row) if row is not None else None


async def _account(tx: Transaction, office: Office, seen: AccountSeen) -> bool:
    row = await account_rows.locked(tx, "account_ref", seen.ref)
    if row is None and seen.origin.environment == office.environment and seen.origin.object_id is not None:
        row = await account_rows.locked(tx, "id", seen.origin.object_id)
    if row is None:
        return False
    await onboarding.seen(tx, office, row, seen)
    return True
