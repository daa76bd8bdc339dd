"""Funding a milestone: request, cancel, what the provider says of it, and money nobody wants."""

import logging
from datetime import datetime

from skillscoop_messages import outbox
from skillscoop_messages.context import current_trace
from skillscoop_messages.database import Transaction
from skillscoop_messages.errors import NotYet, Permanent
from skillscoop_messages.events.contracts import (
    MilestoneFundingCanceled,
    MilestoneFundingRequested,
    MilestonePaymentRefused,
)
from skillscoop_messages.ids import new_id
from skillscoop_messages.money import Money
from sqlalchemy import RowMapping

from skillscoop_payments.domain import ledger
from skillscoop_payments.domain import payment as payments
from skillscoop_payments.domain.errors import NotHeld
from skillscoop_payments.domain.payment import OPEN, PAID, About, Kind, Payment
from skillscoop_payments.domain.snapshots import Failure, PaymentSnapshot
from skillscoop_payments.publish import payment_event
from skillscoop_payments.repository import alerts, operations
from skillscoop_payments.repository import ledger as ledger_rows
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.usecases import preparing_calls, settling
from skillscoop_payments.usecases.dependencies import Dependencies, in_trace

LOG = logging.getLogger(__name__)
KINDS: dict[str, Kind] = {"checkout": "checkout", "payment_intent": "payment_intent"}


def _about(event: MilestoneFundingRequested | MilestoneFundingCanceled) -> About:
    return About(
        event.contract_id,
        event.milestone_id,
        event.client_id,
        event.freelancer_id,
        event.title,
        event.description,
        event.amount,
        event.currency,
        event.revision,
    )


async def request(tx: Transaction, deps: Dependencies, event: MilestoneFundingRequested) -> None:
    """Create the payment of a funding. A funding that is known already, canceled ones too, is left as it is."""
    kind = KINDS.get(event.method, "method")
    payment = Payment(
        new_id("pay"),
        event.funding_id,
        _about(event),
        kind,
        method=event.method if kind == "method" else None,
        return_url=event.return_url,
    )
    trace = current_trace()
    payment_rows.insert_if_new(tx, payment, trace)
    await preparing_calls.create_payment(tx, deps, payment, trace)


async def cancel(tx: Transaction, deps: Dependencies, event: MilestoneFundingCanceled) -> None:
    """End a funding; its answer is held, canceled or failed, exactly one of them, and the same whenever asked.

    A cancel that comes before its request leaves a canceled payment behind, on which the request then finds nothing
    to do.
    """
    row = await payment_rows.locked(tx, "funding_id", event.funding_id)
    if row is None:
        buried = Payment(
            new_id("pay"), event.funding_id, _about(event), "checkout", state="canceled", cancel_reason=event.reason
        )
        if await payment_rows.insert(tx, buried, current_trace()):
            _tell(tx, buried, payments.AnswerRepeated())
            return
        row = await payment_rows.locked(tx, "funding_id", event.funding_id)
        assert row is not None, "somebody else has just inserted it"
    payment = payment_rows.to_payment(row)
    untouched = payment.state == "created" and await operations.drop_untouched(tx, payment.id)
    await _record(tx, deps, row, payment, payments.cancel(payment, event.reason, untouched=untouched))


async def refuse(tx: Transaction, deps: Dependencies, event: MilestonePaymentRefused) -> None:
    """Nobody wants this money: it goes back. Raises NotYet or Permanent where there is none to give back."""
    row = await payment_rows.locked(tx, "id", event.payment_id)
    if row is None:
        raise NotYet(f"payment {event.payment_id} is not known yet")
    payment = payment_rows.to_payment(row)
    try:
        facts = payments.refuse(payment, event.reason)
    except NotHeld as error:
        raise Permanent(str(error)) from error
    after = await _record(tx, deps, row, payment, facts)
    if facts:
        if payment.booking is not None:
            # Booked by its gross amount, so that suspense ends at zero whatever was paid.
            journal = ledger.refuse(payment.id, payment.about.currency, payment.about.milestone_id, payment.paid)
            await ledger_rows.post(tx, [journal], payment.about, payment.id)
        await settling.give_back(tx, deps, after)


async def observed(tx: Transaction, deps: Dependencies, row: RowMapping, snapshot: PaymentSnapshot) -> None:
    """Apply what the provider says, whoever asked. `row` is the locked one of the payment the object was made for."""
    payment = payment_rows.to_payment(row)
    if payments.is_second(payment, snapshot):
        await _second_observed(tx, deps, row, payment, snapshot)
        return
    if payments.another_object(payment, snapshot):
        ref = snapshot.checkout_ref or snapshot.intent_ref
        await alerts.raise_alert(tx, "second_payment", str(ref), f"paid for {payment.id}, which was over", payment.id)
    facts = payments.observe(payment, snapshot)
    if snapshot.failure is not None and snapshot.intent_ref is not None:
        declines = await operations.declines(tx, snapshot.intent_ref)
        facts += payments.enough_declines(payment, declines, deps.declines)
    await _record(tx, deps, row, payment, facts)


async def _second_observed(
    tx: Transaction, deps: Dependencies, row: RowMapping, payment: Payment, snapshot: PaymentSnapshot
) -> None:
    """A second object for the same payment: it gets a payment of its own, which is closed or given back."""
    ref = snapshot.checkout_ref or snapshot.intent_ref
    assert ref is not None, "what is there has a reference"
    known = None
    for column, value in (("checkout_ref", snapshot.checkout_ref), ("intent_ref", snapshot.intent_ref)):
        if known is None and value is not None:
            known = await payment_rows.locked(tx, column, value)
    if known is None and snapshot.status == "dead":
        return
    if known is None:
        second = payments.second(payment, new_id("pay"), ref)
        await payment_rows.insert(tx, second, payment_rows.trace_of(row))
        known = await payment_rows.locked(tx, "funding_id", second.funding_id)
        await alerts.raise_alert(tx, "second_payment", ref, f"made twice for payment {payment.id}", payment.id)
    assert known is not None, "inserted just now, or found"
    before = payment_rows.to_payment(known)
    facts = payments.observe(before, snapshot)
    after = await _record(tx, deps, known, before, facts)
    if any(isinstance(fact, payments.Refused) for fact in facts):
        await settling.give_back(tx, deps, after)


async def rejected(tx: Transaction, deps: Dependencies, payment_id: str, failure: Failure) -> None:
    """The provider refused to create the payment."""
    row = await payment_rows.locked(tx, "id", payment_id)
    assert row is not None, "an operation has its payment"
    payment = payment_rows.to_payment(row)
    await _record(tx, deps, row, payment, payments.reject(payment, failure))


async def never_made(tx: Transaction, deps: Dependencies, payment_id: str) -> bool:
    """Surely nothing was made at the provider: whether the payment is over with that, because a cancel is wanted."""
    row = await payment_rows.locked(tx, "id", payment_id)
    assert row is not None, "an operation has its payment"
    payment = payment_rows.to_payment(row)
    facts = payments.never_made(payment)
    await _record(tx, deps, row, payment, facts)
    return bool(facts)


async def _record(
    tx: Transaction, deps: Dependencies, row: RowMapping, before: Payment, facts: list[payments.Fact]
) -> Payment:
    """Save, book and tell what happened to a payment, and prepare the calls that follow."""
    after = before
    for fact in facts:
        after = payments.apply(after, fact)
        # A repeated answer belongs to the trace of who asks now; everything else to the trace of the funding.
        if isinstance(fact, payments.AnswerRepeated):
            _tell(tx, after, fact)
        else:
            with in_trace(payment_rows.trace_of(row)):
                _tell(tx, after, fact)
    if after != before:
        await payment_rows.save(tx, after, _poll_at(tx, deps, after))
    if after.booked and not before.booked:
        await _book(tx, after)
        if after.state == "settling":
            await settling.advance_payment(tx, deps, after)
    if payments.must_close(after) and not await operations.is_closing(tx, after.id):
        await preparing_calls.close_payment(tx, deps, after, payment_rows.trace_of(row))
    return after


def _tell(tx: Transaction, payment: Payment, fact: payments.Fact) -> None:
    event = payment_event(payment, fact)
    if event is not None:
        outbox.record(tx, event)


async def _book(tx: Transaction, payment: Payment) -> None:
    booking = payment.booking
    assert booking is not None, "booked"
    about, wanted = payment.about, payment.refuse_reason is None
    if payment.converted:
        why = f"paid in {about.currency}, booked in {booking.currency}: it can be given back, not released"
        await alerts.raise_alert(tx, "converted_payment", payment.id, why, payment.id)
        paid, booked = Money(payment.paid, about.currency), Money(booking.amount, booking.currency)
        journals = ledger.fund_converted(booking.ref, paid, booked, about.milestone_id, cost=booking.fee, wanted=wanted)
        await ledger_rows.post(tx, journals, about, payment.id)
        return
    journal = ledger.fund(
        booking.ref, booking.currency, about.milestone_id, gross=booking.amount, cost=booking.fee, wanted=wanted
    )
    if booking.amount != payment.paid:
        LOG.error("payment %s: the provider booked %s, it took %s", payment.id, booking.amount, payment.paid)
    await ledger_rows.post(tx, [journal], about, payment.id)


def _poll_at(tx: Transaction, deps: Dependencies, payment: Payment) -> datetime | None:
    """When to poll: soon while the books wait for it, later while somebody has to act, else never."""
    if payment.state in PAID:
        return None if payment.booked else tx.wall() + deps.book_after
    known = payment.intent_ref is not None or payment.checkout_ref is not None
    return tx.wall() + deps.poll_after if payment.state in OPEN and known else None
