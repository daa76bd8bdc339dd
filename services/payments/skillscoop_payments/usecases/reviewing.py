"""What happened at the provider without us: refunds and reversals by hand, and payers' banks taking money back.

Each is told to an operator once and holds whatever has not moved yet; the operator's answer lets it go on.
"""

from datetime import timedelta
from typing import Any

from skillscoop_messages.database import Database, Transaction
from sqlalchemy import RowMapping

from skillscoop_payments.domain.operation import Busy
from skillscoop_payments.domain.snapshots import ChargebackSnapshot, RefundSnapshot, TransferSnapshot
from skillscoop_payments.gateway import Gateway
from skillscoop_payments.repository import alerts, operations, watch
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.usecases import settling
from skillscoop_payments.usecases.dependencies import Dependencies

HOLDING: tuple[alerts.Kind, ...] = ("foreign_refund", "transfer_reversed", "chargeback")
"""Alerts that hold the payment's money until they are resolved."""

MOVES_ON = frozenset({"create_transfer", "create_refund"})
HELD = timedelta(minutes=5)
SWEEP = "balance"
OVERLAP = timedelta(hours=1)
FIRST_LOOK_BACK = timedelta(days=7)


async def must_wait(database: Database, row: RowMapping) -> Busy | None:
    """A call that would move money of a payment under review is not made now; it is asked again later."""
    if row["kind"] not in MOVES_ON or row["payment_id"] is None:
        return None
    async with database.read() as tx:
        held = await payment_rows.is_under_review(tx, row["payment_id"])
    return Busy("an operator has to look first", HELD) if held else None


async def foreign_refund(tx: Transaction, deps: Dependencies, snapshot: RefundSnapshot) -> bool:
    """A refund that no operation of ours made, by hand for example; False when it is not of a payment of ours."""
    if snapshot.origin.environment is not None or snapshot.intent_ref is None:
        return False
    row = await payment_rows.locked(tx, "intent_ref", snapshot.intent_ref)
    if row is None:
        return False
    if snapshot.status in ("pending", "delivered"):
        await _hold(tx, deps, row, "foreign_refund", snapshot.ref, f"{snapshot.amount} were refunded, not by us")
    return True


async def chargeback(tx: Transaction, deps: Dependencies, snapshot: ChargebackSnapshot) -> bool:
    """A payer's bank takes a payment back, or asks about it; False when it is not of a payment of ours."""
    row = await payment_rows.locked(tx, "intent_ref", snapshot.intent_ref) if snapshot.intent_ref else None
    if row is None:
        return False
    await _hold(tx, deps, row, "chargeback", snapshot.ref, f"{snapshot.amount} {snapshot.currency}, {snapshot.status}")
    return True


async def transfer_reversed(tx: Transaction, deps: Dependencies, payment_id: str, snapshot: TransferSnapshot) -> None:
    """Money came back from a freelancer's account, which is never our doing."""
    row = await payment_rows.locked(tx, "id", payment_id)
    assert row is not None, "an operation has its payment"
    # Taken back in two parts it is told of twice: the second is news.
    subject = f"{snapshot.ref}:{snapshot.reversed}"
    await _hold(tx, deps, row, "transfer_reversed", subject, f"{snapshot.reversed} of {snapshot.amount} came back")


async def resolved(tx: Transaction, deps: Dependencies, alert: RowMapping) -> None:
    """An operator has dealt with an alert: with the last one that held it, the payment's money moves on."""
    if alert["kind"] not in HOLDING or alert["payment_id"] is None:
        return
    row = await payment_rows.locked(tx, "id", alert["payment_id"])
    assert row is not None, "an alert names a payment there is"
    if not row["under_review"] or await alerts.any_open(tx, row["id"], HOLDING):
        return
    await payment_rows.review(tx, row["id"], False)
    row = await payment_rows.locked(tx, "id", row["id"])
    assert row is not None, "it is locked"
    await settling.advance_payment(tx, deps, payment_rows.to_payment(row))
    for kind in ("create_transfer", "create_refund"):
        await operations.hurry(tx, [row["id"]], kind)
    tx.after_commit(deps.nudge)


async def _hold(
    tx: Transaction, deps: Dependencies, row: RowMapping, kind: alerts.Kind, subject: str, detail: str
) -> None:
    # Told again by another event, or dealt with since: it holds nothing a second time.
    if await alerts.is_known(tx, kind, subject):
        return
    await alerts.raise_alert(tx, kind, subject, detail, row["id"])
    if row["under_review"]:
        return
    await payment_rows.review(tx, row["id"], True)
    held = await payment_rows.locked(tx, "id", row["id"])
    assert held is not None, "it is locked"
    await settling.advance_payment(tx, deps, payment_rows.to_payment(held))


async def poll_movements(database: Database, deps: Dependencies) -> int:
    """Have whatever moved money on our balance and was not our doing polled; how many bookings that are.

    No webhook is trusted to come. Raises Unreachable, and reads the same again next time.
    """
    gateway: Gateway = deps.gateway
    async with database.read() as tx:
        until, now = await watch.read_until(tx, SWEEP), tx.wall()
    moved = await gateway.moved(until - OVERLAP if until is not None else now - FIRST_LOOK_BACK)
    async with database.begin() as tx:
        ours = await operations.made_by_us(tx, [one.subject_ref for one in moved if one.subject == "refund"])
        foreign = [one for one in moved if one.subject_ref not in ours]
        for one in foreign:
            provider_event: dict[str, Any] = {"subject": one.subject, "subject_ref": one.subject_ref}
            await operations.keep_provider_event(
                tx, origin="balance", event_id=one.ref, type="balance", **provider_event
            )
        await watch.has_read(tx, SWEEP, now)
        tx.after_commit(deps.poll)
    return len(foreign)
