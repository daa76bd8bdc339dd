"""Polling the provider because somebody said so: a webhook, or the sweeper that trusts none of them to come."""

import logging
import random
from dataclasses import dataclass
from datetime import timedelta

from skillscoop_messages.database import Database, Transaction
from sqlalchemy import RowMapping

from skillscoop_payments.domain.operation import Operation, wait_after
from skillscoop_payments.domain.snapshots import (
    AccountSnapshot,
    ChargebackSnapshot,
    PaymentSnapshot,
    RefundSnapshot,
    Snapshot,
    TransferSnapshot,
)
from skillscoop_payments.gateway import Gateway, Unreachable
from skillscoop_payments.repository import accounts as account_rows
from skillscoop_payments.repository import operations
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.usecases import funding, onboarding, reviewing, settling
from skillscoop_payments.usecases.dependencies import Dependencies

LOG = logging.getLogger(__name__)
KEEP_TRYING = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Polled:
    """What is there; None when the provider does not know it, or nothing could be new about it."""

    snapshot: Snapshot | None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The provider could not be asked."""

    error: str


PollResult = Polled | NoAnswer


async def call(gateway: Gateway, database: Database, row: RowMapping) -> PollResult:
    """One poll. A payment that is paid and booked cannot tell anything new, so nobody is asked about it."""
    if row["subject"] == "payment":
        async with database.read() as tx:
            if await payment_rows.nothing_outstanding(tx, row["subject_ref"]):
                return Polled(None)
    try:
        return Polled(await gateway.poll(row["subject"], row["subject_ref"]))
    except Unreachable as error:
        return NoAnswer(str(error))


async def record(tx: Transaction, deps: Dependencies, row: RowMapping, result: PollResult) -> None:
    """Apply the snapshot. What is ours and not known yet stays: its row may be about to be committed."""
    if isinstance(result, NoAnswer):
        await _later(tx, row, result.error)
        return
    if result.snapshot is None:
        if row["subject"] == "account":
            # An account the provider does not know any more receives nothing.
            await _account(tx, deps, AccountSnapshot(row["subject_ref"], "rejected"))
        await operations.write_provider_event(tx, row["id"], state="done")
    elif await apply(tx, deps, result.snapshot):
        await operations.write_provider_event(tx, row["id"], state="done", last_error=None)
    elif result.snapshot.origin.environment == deps.environment and tx.wall() - row["created_at"] < KEEP_TRYING:
        await _later(tx, row, "no row of ours yet")
    else:
        await operations.write_provider_event(tx, row["id"], state="ignored")


async def _later(tx: Transaction, row: RowMapping, error: str) -> None:
    wait = wait_after(row["attempts"], random.random())  # noqa: S311 - spreads retries, decides nothing
    await operations.write_provider_event(tx, row["id"], due_at=tx.wall() + wait, last_error=error[:500])


async def apply(tx: Transaction, deps: Dependencies, snapshot: Snapshot) -> bool:
    """Give a snapshot to the row it is about; False when there is none."""
    match snapshot:
        case PaymentSnapshot():
            return await _payment(tx, deps, snapshot)
        case TransferSnapshot():
            operation = await _operation(tx, deps, snapshot)
            if operation is None or operation.settlement_id is None:
                return False
            if snapshot.reversed and operation.payment_id is not None:
                await reviewing.transfer_reversed(tx, deps, operation.payment_id, snapshot)
            return await settling.transferred(tx, deps, operation.settlement_id, operation.id, snapshot)
        case RefundSnapshot():
            operation = await _operation(tx, deps, snapshot)
            if operation is None or operation.settlement_id is None:
                return await reviewing.foreign_refund(tx, deps, snapshot)
            return await settling.refund_observed(tx, deps, operation.settlement_id, operation.id, snapshot)
        case AccountSnapshot():
            return await _account(tx, deps, snapshot)
        case ChargebackSnapshot():
            return await reviewing.chargeback(tx, deps, snapshot)


async def _payment(tx: Transaction, deps: Dependencies, snapshot: PaymentSnapshot) -> bool:
    row = None
    if snapshot.origin.environment == deps.environment and snapshot.origin.object_id is not None:
        row = await payment_rows.locked(tx, "id", snapshot.origin.object_id)
    if row is None:
        return False
    await funding.observed(tx, deps, row, snapshot)
    return True


async def _operation(
    tx: Transaction, deps: Dependencies, snapshot: TransferSnapshot | RefundSnapshot
) -> Operation | None:
    if snapshot.origin.environment != deps.environment or snapshot.origin.operation_id is None:
        return None
    row = await operations.one(tx, snapshot.origin.operation_id)
    return operations.to_operation(row) if row is not None else None


async def _account(tx: Transaction, deps: Dependencies, snapshot: AccountSnapshot) -> bool:
    row = await account_rows.locked(tx, "account_ref", snapshot.ref)
    if row is None and snapshot.origin.environment == deps.environment and snapshot.origin.object_id is not None:
        row = await account_rows.locked(tx, "id", snapshot.origin.object_id)
    if row is None:
        return False
    await onboarding.observed(tx, deps, row, snapshot)
    return True
