"""Delivering decisions on held money, and returning money nobody wants."""

from collections.abc import Sequence
from dataclasses import replace

from skillscoop_messages import outbox
from skillscoop_messages.context import TraceContext, current_trace
from skillscoop_messages.database import Transaction
from skillscoop_messages.errors import NotYet, Permanent
from skillscoop_messages.events.base import Event
from skillscoop_messages.events.contracts import MilestoneSettlementDecided
from skillscoop_messages.ids import new_id

from skillscoop_payments.domain import ledger
from skillscoop_payments.domain import payment as payments
from skillscoop_payments.domain import settlement as settlements
from skillscoop_payments.domain.errors import NothingToRetry, PaymentsError
from skillscoop_payments.domain.ledger import Journal
from skillscoop_payments.domain.payment import Payment
from skillscoop_payments.domain.payout_account import PayoutAccount
from skillscoop_payments.domain.settlement import Settlement
from skillscoop_payments.domain.snapshots import RefundSnapshot, TransferSnapshot
from skillscoop_payments.publish import payment_event, settlement_event
from skillscoop_payments.repository import accounts as account_rows
from skillscoop_payments.repository import alerts
from skillscoop_payments.repository import ledger as ledger_rows
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.repository import settlements as settlement_rows
from skillscoop_payments.usecases import preparing_calls
from skillscoop_payments.usecases.dependencies import Dependencies, in_trace


async def settle(tx: Transaction, deps: Dependencies, event: MilestoneSettlementDecided) -> None:
    """Begin the one settlement of a payment. The same decision told twice changes nothing.

    Raises NotYet for a payment that is not known here yet, Permanent for a decision that can never be carried out:
    the parts do not make up what is held, or the money is settled already.
    """
    row = await payment_rows.locked(tx, "id", event.payment_id)
    if row is None:
        raise NotYet(f"payment {event.payment_id} is not known yet")
    known = await settlement_rows.of_payment(tx, event.payment_id)
    if known is not None and known["id"] == event.settlement_id:
        return
    payment = payment_rows.to_payment(row)
    try:
        begun = payments.settle(payment)
        settlement = settlements.decide(
            event.settlement_id,
            payment.id,
            payment.about,
            held=payment.paid,
            to_freelancer=event.to_freelancer,
            to_client=event.to_client,
            bps=event.fee.bps,
            fixed=event.fee.fixed,
        )
    except PaymentsError as error:
        raise Permanent(str(error)) from error
    payment = payments.apply_all(payment, list(begun))
    await payment_rows.save(tx, payment, row["look_at"])
    await settlement_rows.insert(tx, settlement, current_trace())
    await advance(tx, deps, payment, settlement, current_trace())


async def give_back(tx: Transaction, deps: Dependencies, payment: Payment) -> None:
    """Begin the return of a refused payment. The caller holds its lock and has saved it as refused."""
    settlement = settlements.give_back(new_id("stl"), payment.id, payment.about, payment.paid)
    await settlement_rows.insert(tx, settlement, current_trace())
    await advance(tx, deps, payment, settlement, current_trace())


async def advance(
    tx: Transaction, deps: Dependencies, payment: Payment, settlement: Settlement, trace: TraceContext
) -> None:
    """Start whatever can start now."""
    payee = await _payee(tx, settlement) if settlements.may_send(settlement) else None
    facts = settlements.advance(
        settlement,
        booked=payment.booked,
        payee_ready=payee is not None and payee.ready,
        converted=payment.converted,
        under_review=payment.under_review,
    )
    await _record(tx, deps, payment, settlement, facts, trace, payee=payee)


async def advance_payment(tx: Transaction, deps: Dependencies, payment: Payment) -> None:
    """Something a settlement of this payment may wait for has changed. The caller holds the payment's lock."""
    row = await settlement_rows.of_payment(tx, payment.id)
    if row is not None and row["state"] != "completed":
        settlement = settlement_rows.to_settlement(row, payment.about)
        await advance(tx, deps, payment, settlement, payment_rows.trace_of(row))


async def _payee(tx: Transaction, settlement: Settlement) -> PayoutAccount | None:
    # Locked, so that an account that becomes active right now cannot pass this settlement unseen: one of the two
    # transactions comes second and starts the transfer.
    row = await account_rows.locked(tx, "user_id", settlement.about.freelancer_id)
    return account_rows.to_account(row) if row is not None else None


async def locked(tx: Transaction, settlement_id: str) -> tuple[Payment, Settlement, TraceContext] | None:
    """A settlement with its payment, whose lock is taken first, and the trace it belongs to."""
    row = await settlement_rows.one(tx, settlement_id)
    if row is None:
        return None
    payment_row = await payment_rows.locked(tx, "id", row["payment_id"])
    assert payment_row is not None, "a settlement has its payment"
    row = await settlement_rows.one(tx, settlement_id)
    assert row is not None, "settlements are never deleted"
    payment = payment_rows.to_payment(payment_row)
    return payment, settlement_rows.to_settlement(row, payment.about), payment_rows.trace_of(row)


async def transferred(
    tx: Transaction, deps: Dependencies, settlement_id: str, operation_id: str, snapshot: TransferSnapshot
) -> bool:
    """A transfer for this settlement exists; False for a settlement that is not ours."""
    found = await locked(tx, settlement_id)
    if found is None:
        return False
    payment, settlement, trace = found
    if settlement.transfer_ref not in (None, snapshot.ref):
        surplus = ledger.overpaid(snapshot.ref, payment.about.currency, payment.about.milestone_id, snapshot.amount)
        await _overpaid(tx, payment, surplus, "second_transfer", snapshot.ref, operation_id)
        return True
    facts = settlements.transferred(settlement, operation_id)
    await _record(tx, deps, payment, settlement, facts, trace, transfer_ref=snapshot.ref)
    return True


async def refund_observed(
    tx: Transaction, deps: Dependencies, settlement_id: str, operation_id: str, snapshot: RefundSnapshot
) -> bool:
    """How the refund of an operation stands now; False for a settlement that is not ours."""
    found = await locked(tx, settlement_id)
    if found is None:
        return False
    payment, settlement, trace = found
    if settlement.refund_operation != operation_id:
        await _replaced_refund_observed(tx, payment, settlement, snapshot)
    elif settlement.refund_ref not in (None, snapshot.ref):
        await _second_refund_observed(tx, payment, operation_id, snapshot)
    else:
        facts = settlements.refund_observed(settlement, snapshot)
        await _record(tx, deps, payment, settlement, facts, trace, refund_ref=snapshot.ref)
    return True


async def _second_refund_observed(
    tx: Transaction, payment: Payment, operation_id: str, snapshot: RefundSnapshot
) -> None:
    """One operation made two refunds: the second is not ours to take over, its money is held in suspense."""
    currency, milestone_id = payment.about.currency, payment.about.milestone_id
    if snapshot.debit_ref is not None:
        surplus = ledger.overpaid(snapshot.debit_ref, currency, milestone_id, snapshot.amount)
        await _overpaid(tx, payment, surplus, "second_refund", snapshot.ref, operation_id)
    if snapshot.debit_ref is not None and snapshot.credit_ref is not None:
        await _post_once(tx, payment, [ledger.got_back(snapshot.credit_ref, currency, milestone_id, snapshot.amount)])


async def _overpaid(
    tx: Transaction, payment: Payment, journal: Journal, kind: alerts.Kind, ref: str, operation_id: str
) -> None:
    await _post_once(tx, payment, [journal])
    await alerts.raise_alert(tx, kind, ref, f"a second object of operation {operation_id}", payment.id)


async def _post_once(tx: Transaction, payment: Payment, journals: Sequence[Journal]) -> None:
    """Book what is not booked yet. The payment's lock is held."""
    new = [journal for journal in journals if not await ledger_rows.is_posted(tx, journal)]
    if new:
        await ledger_rows.post(tx, new, payment.about, payment.id)


async def _replaced_refund_observed(
    tx: Transaction, payment: Payment, settlement: Settlement, snapshot: RefundSnapshot
) -> None:
    """A refund that another one took the place of: it moves its own money in the books, and nothing else."""
    facts = settlements.money_moved(snapshot)
    await _post_once(tx, payment, [journal for fact in facts for journal in journals_of(settlement, fact)])
    if snapshot.status in ("pending", "delivered"):
        await alerts.raise_alert(
            tx, "replaced_refund_alive", snapshot.ref, f"of settlement {settlement.id}, replaced by another", payment.id
        )


async def leg_waits(
    tx: Transaction, deps: Dependencies, settlement_id: str, kind: str, reason: settlements.BlockedReason
) -> None:
    """An attempt at a leg did not succeed; it is repeated, and people see why it takes longer."""
    found = await locked(tx, settlement_id)
    if found is None:
        return
    payment, settlement, trace = found
    facts = settlements.leg_waits(settlement, "transfer" if kind == "create_transfer" else "refund", reason)
    await _record(tx, deps, payment, settlement, facts, trace)


async def transfer_given_up(tx: Transaction, deps: Dependencies, settlement_id: str, operation_id: str) -> None:
    """The provider refused the transfer too often, or its payee for good: it is not tried again by itself."""
    found = await locked(tx, settlement_id)
    if found is None:
        return
    payment, settlement, trace = found
    facts = settlements.transfer_given_up(settlement)
    await _record(tx, deps, payment, settlement, facts, trace)
    if facts:
        why = f"operation {operation_id}: {settlement.transfer_block}"
        await alerts.raise_alert(tx, "transfer_given_up", operation_id, why, payment.id)


async def transfer_again(tx: Transaction, deps: Dependencies, settlement_id: str) -> None:
    """An operator tries a transfer that was given up once more. Raises NothingToRetry, PayeeNotReady."""
    found = await locked(tx, settlement_id)
    if found is None:
        raise NothingToRetry
    payment, settlement, trace = found
    payee = await _payee(tx, settlement)
    facts = settlements.transfer_again(settlement, payee_ready=payee is not None and payee.ready)
    await _record(tx, deps, payment, settlement, facts, trace, payee=payee)


async def refund_refused(tx: Transaction, deps: Dependencies, settlement_id: str, operation_id: str) -> None:
    """The provider will never make this refund: the client stays owed, an operator has to act."""
    found = await locked(tx, settlement_id)
    if found is None:
        return
    payment, settlement, trace = found
    if settlement.refund_operation != operation_id:
        return
    facts = settlements.refund_refused(settlement)
    await _record(tx, deps, payment, settlement, facts, trace)


async def refund_again(tx: Transaction, deps: Dependencies, settlement_id: str) -> None:
    """An operator tries a broken refund once more. Raises NothingToRetry, RefundStillOut."""
    found = await locked(tx, settlement_id)
    if found is None:
        raise NothingToRetry
    payment, settlement, trace = found
    facts = settlements.refund_again(settlement)
    await _record(tx, deps, payment, settlement, facts, trace)


async def _record(
    tx: Transaction,
    deps: Dependencies,
    payment: Payment,
    before: Settlement,
    facts: Sequence[settlements.Fact],
    trace: TraceContext,
    *,
    payee: PayoutAccount | None = None,
    transfer_ref: str | None = None,
    refund_ref: str | None = None,
) -> None:
    """Book, save and tell what happened to a settlement, and prepare the calls that follow."""
    after = before
    for fact in facts:
        after = settlements.apply(after, fact)
        _tell(tx, trace, settlement_event(after, fact))
    if any(isinstance(fact, settlements.RefundSent) for fact in facts):
        after = replace(after, refund_operation=new_id("op"), refund_ref=None)
    after = replace(after, transfer_ref=transfer_ref or after.transfer_ref, refund_ref=refund_ref or after.refund_ref)
    if after != before:
        # Whatever this call is about: a refund is looked after as long as it has not come to its end.
        look_at = tx.wall() + deps.poll_after if settlements.awaits_refund(after) else None
        await settlement_rows.save(tx, after, look_at)
    journals = [journal for fact in facts for journal in journals_of(after, fact)]
    if journals:
        await ledger_rows.post(tx, journals, payment.about, payment.id)
    for fact in facts:
        if isinstance(fact, settlements.TransferSent):
            assert payee is not None and payee.account_ref is not None, "sent only to a payee who is ready"
            await preparing_calls.create_transfer(tx, deps, payment, after, payee.account_ref, trace)
        elif isinstance(fact, settlements.RefundSent):
            await preparing_calls.create_refund(tx, deps, payment, after, trace)
        elif isinstance(fact, settlements.RefundBroke):
            await alerts.raise_alert(
                tx, "refund_failed", f"{after.refund_operation}", f"of settlement {after.id}", payment.id
            )
        elif isinstance(fact, settlements.Completed):
            await _deliver(tx, payment, trace)


def _tell(tx: Transaction, trace: TraceContext, event: Event | None) -> None:
    if event is not None:
        with in_trace(trace):
            outbox.record(tx, event)


async def _deliver(tx: Transaction, payment: Payment, trace: TraceContext) -> None:
    for fact in payments.deliver(payment):
        payment = payments.apply(payment, fact)
        _tell(tx, trace, payment_event(payment, fact))
    await payment_rows.save(tx, payment, None)


def journals_of(settlement: Settlement, fact: settlements.Fact) -> list[Journal]:
    """What a fact means for the books, in both currencies where the provider converts; empty where no money moved."""
    journal = journal_of(settlement, fact)
    if journal is None:
        return []
    moved = fact.moved if isinstance(fact, settlements.RefundDebited | settlements.RefundCredited) else None
    if moved is None or moved.currency == settlement.about.currency:
        return [journal]
    return ledger.converted(journal, moved)


def journal_of(settlement: Settlement, fact: settlements.Fact) -> Journal | None:
    """What a fact means for the books; None where no money has moved."""
    currency, milestone_id = settlement.about.currency, settlement.about.milestone_id
    match fact:
        case settlements.Decided():
            return ledger.decide(
                settlement.id,
                currency,
                milestone_id,
                to_freelancer=settlement.to_freelancer,
                to_client=settlement.to_client,
                unwanted=settlement.purpose == "return",
            )
        case settlements.TransferMade():
            return ledger.transfer(
                fact.operation_id, currency, milestone_id, gross=settlement.to_freelancer, fee=settlement.fee
            )
        case settlements.FeeTookAll():
            return ledger.fee_only(settlement.id, currency, milestone_id, settlement.to_freelancer)
        case settlements.RefundDebited():
            return ledger.refund(fact.debit_ref, currency, milestone_id, settlement.to_client)
        case settlements.RefundCredited():
            return ledger.refund_failed(fact.credit_ref, currency, milestone_id, settlement.to_client)
    return None
