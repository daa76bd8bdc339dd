"""Making outgoing calls: each in no transaction, and what its outcome means, in one."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from skillscoop_messages.database import Database, Transaction
from sqlalchemy import RowMapping

from skillscoop_payments.domain.operation import (
    MAKES_PAYMENT,
    TELL_AFTER,
    Busy,
    Done,
    Drop,
    Kind,
    NotThere,
    Operation,
    Outcome,
    Refused,
    Search,
    SearchFailed,
    SearchGoesOn,
    Send,
    Unknown,
    Wait,
    key,
    next_step,
    wait_after,
    wait_after_refusal,
)
from skillscoop_payments.domain.settlement import BlockedReason
from skillscoop_payments.domain.snapshots import AccountSnapshot, PaymentSnapshot, RefundSnapshot, TransferSnapshot
from skillscoop_payments.gateway import Gateway
from skillscoop_payments.repository import accounts as account_rows
from skillscoop_payments.repository import operations
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.usecases import funding, onboarding, settling
from skillscoop_payments.usecases.dependencies import Dependencies

TRANSFER_WAITS: Mapping[str, BlockedReason] = {
    "payee_not_ready": "payee_not_ready",
    "insufficient_balance": "insufficient_balance",
}
"""What people are told by the provider's no to a transfer; for every other one, that it cannot be reached."""


async def call(gateway: Gateway, database: Database, wall: Callable[[], datetime], row: RowMapping) -> Outcome:
    """One try; in doubt it is searched for before anything is sent with a key the provider may not know."""
    operation = operations.to_operation(row)
    step = next_step(operation, wall(), wanted=await _wanted(database, operation))
    match step:
        case Send():
            return await gateway.send(operation)
        case Search():
            return await gateway.search(operation)
        case Wait():
            return step
        case Drop():
            return NotThere()


async def _wanted(database: Database, operation: Operation) -> bool:
    """Whether it is to happen still. A first try was claimed before a cancel could take it back, so it is."""
    if operation.kind not in MAKES_PAYMENT or operation.tries == 1 or operation.payment_id is None:
        return True
    async with database.read() as tx:
        return not await payment_rows.is_cancel_wanted(tx, operation.payment_id)


async def record(tx: Transaction, deps: Dependencies, row: RowMapping, outcome: Outcome) -> None:
    """Write a call's next state, and apply what is known now through the same functions as webhooks do."""
    operation = operations.to_operation(row)
    result = RESULTS[operation.kind]
    match outcome:
        case Done():
            await result.done(tx, deps, operation, outcome)
            ref = _object_ref(operation, outcome)
            await operations.answered(tx, operation, state="done", object_ref=ref, last_error=None)
        case Refused():
            await result.refused(tx, deps, operation, outcome)
        case NotThere():
            await _not_there(tx, deps, operation)
        case SearchGoesOn(cursor):
            await operations.answered(tx, operation, search_cursor=cursor, due_at=tx.wall())
            tx.after_commit(deps.nudge)
        case Wait(until):
            await operations.answered(tx, operation, due_at=until)
            await _tell_delay(tx, deps, operation)
        case Unknown() | Busy() | SearchFailed():
            await _again(tx, deps, operation, outcome)


async def _not_there(tx: Transaction, deps: Dependencies, operation: Operation) -> None:
    """Nothing exists: it is made with a new key, unless it is a payment nobody waits for any more."""
    makes_payment = operation.kind in MAKES_PAYMENT and operation.payment_id is not None
    if makes_payment and await funding.never_made(tx, deps, str(operation.payment_id)):
        await operations.answered(tx, operation, state="dropped")
        return
    await _new_key(tx, deps, operation, timedelta(0))


async def _again(
    tx: Transaction, deps: Dependencies, operation: Operation, outcome: Unknown | Busy | SearchFailed
) -> None:
    """Once more, later; after a while people are told that Stripe cannot be reached."""
    wait = wait_after(operation.tries, random.random())  # noqa: S311 - spreads retries, decides nothing
    if isinstance(outcome, Busy) and outcome.wait is not None:
        wait = max(wait, outcome.wait)
    now, error = tx.wall(), outcome.error[:500]
    if not isinstance(outcome, Unknown):
        await operations.answered(tx, operation, due_at=now + wait, last_error=error)
    elif outcome.remembered:
        # The same key tells the same error for ever, and that the work under it has ended: a search is conclusive.
        again = {"search_first": True, "unanswered_at": None}
        await operations.answered(tx, operation, due_at=now + wait, last_error=error, **again)
    else:
        await operations.answered(tx, operation, due_at=now + wait, last_error=error, unanswered_at=now)
    await _tell_delay(tx, deps, operation)


async def _tell_delay(tx: Transaction, deps: Dependencies, operation: Operation) -> None:
    if operation.settlement_id is not None and operation.tries >= TELL_AFTER:
        await settling.leg_waits(tx, deps, operation.settlement_id, operation.kind, "stripe_unavailable")


async def _new_key(
    tx: Transaction, deps: Dependencies, operation: Operation, wait: timedelta, failure: str | None = None
) -> None:
    """A definitive answer to the last try: the next one is a new attempt with a key of its own."""
    attempt = operation.attempt + 1
    await operations.answered(
        tx,
        operation,
        attempt=attempt,
        key=key(deps.environment, operation.kind, operation.id, attempt),
        key_since=None,
        unanswered_at=None,
        search_first=False,
        search_cursor=None,
        due_at=tx.wall() + wait,
        failure_code=failure,
    )
    if not wait:
        tx.after_commit(deps.nudge)


def _object_ref(operation: Operation, outcome: Done) -> str | None:
    if operation.kind == "close_payment":
        return None
    snapshot = outcome.snapshot
    if isinstance(snapshot, PaymentSnapshot):
        return (
            snapshot.checkout_ref
            if operation.kind == "create_checkout" and snapshot.checkout_ref
            else snapshot.intent_ref
        )
    return snapshot.ref


async def _payment_observed(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Done) -> None:
    assert isinstance(outcome.snapshot, PaymentSnapshot), "kinds and snapshots go together"
    payment = await payment_rows.locked(tx, "id", str(operation.payment_id))
    assert payment is not None, "an operation has its payment"
    await funding.observed(tx, deps, payment, outcome.snapshot)


async def _transferred(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Done) -> None:
    assert isinstance(outcome.snapshot, TransferSnapshot), "kinds and snapshots go together"
    await settling.transferred(tx, deps, str(operation.settlement_id), operation.id, outcome.snapshot)


async def _refunded(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Done) -> None:
    assert isinstance(outcome.snapshot, RefundSnapshot), "kinds and snapshots go together"
    await settling.refund_observed(tx, deps, str(operation.settlement_id), operation.id, outcome.snapshot)


async def _account_observed(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Done) -> None:
    assert isinstance(outcome.snapshot, AccountSnapshot), "kinds and snapshots go together"
    account = await account_rows.locked(tx, "id", str(operation.payout_account_id))
    assert account is not None, "an operation has its account"
    # Repeated for its key, the answer shows the account as it was when it was made. What is known of it by other ways
    # is newer, and an account, unlike everything else, may go back and forth.
    if account["account_ref"] != outcome.snapshot.ref:
        await onboarding.observed(tx, deps, account, outcome.snapshot)


async def _payment_refused(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Refused) -> None:
    """Refused with an intent behind it: its state decides. Without one: nothing is there and never will be."""
    ref = None
    if isinstance(outcome.snapshot, PaymentSnapshot):
        await _payment_observed(tx, deps, operation, Done(outcome.snapshot))
        ref = outcome.snapshot.intent_ref
    else:
        await funding.rejected(tx, deps, str(operation.payment_id), outcome.failure)
    await operations.answered(tx, operation, state="refused", object_ref=ref, failure_code=outcome.failure.code)


async def _close_refused(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Refused) -> None:
    await _again(tx, deps, operation, Busy(f"refused: {outcome.failure.code}"))


async def _transfer_refused(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Refused) -> None:
    """No transfer now. It may pass: the payee completes the account, the balance comes back. If not, it ends."""
    code, settlement_id = outcome.failure.code, str(operation.settlement_id)
    wait = wait_after_refusal(operation.attempt, random.random())  # noqa: S311 - spreads retries, decides nothing
    await settling.leg_waits(tx, deps, settlement_id, operation.kind, TRANSFER_WAITS.get(code, "stripe_unavailable"))
    closed = code == "payee_not_ready" and await onboarding.doubt(tx, deps, operation.parameters.get("destination"))
    if closed or wait is None:
        await operations.answered(tx, operation, state="refused", failure_code=code)
        await settling.transfer_given_up(tx, deps, settlement_id, operation.id)
    else:
        await _new_key(tx, deps, operation, wait, failure=code)


async def _refund_refused(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Refused) -> None:
    """Only a lack of balance passes; every other no is for good, and so is a lack of days."""
    code, settlement_id = outcome.failure.code, str(operation.settlement_id)
    wait = wait_after_refusal(operation.attempt, random.random())  # noqa: S311 - spreads retries, decides nothing
    if code == "insufficient_balance" and wait is not None:
        await _new_key(tx, deps, operation, wait, failure=code)
        await settling.leg_waits(tx, deps, settlement_id, operation.kind, "insufficient_balance")
        return
    await operations.answered(tx, operation, state="refused", failure_code=code)
    await settling.refund_refused(tx, deps, settlement_id, operation.id)


async def _recipient_refused(tx: Transaction, deps: Dependencies, operation: Operation, outcome: Refused) -> None:
    await operations.answered(tx, operation, state="refused", failure_code=outcome.failure.code)
    await onboarding.refused(tx, deps, str(operation.payout_account_id))


@dataclass(frozen=True, slots=True)
class Result:
    """What the outcome of a call means: its object exists, or the provider will not do it now."""

    done: Callable[[Transaction, Dependencies, Operation, Done], Awaitable[None]]
    refused: Callable[[Transaction, Dependencies, Operation, Refused], Awaitable[None]]


RESULTS: Mapping[Kind, Result] = {
    "create_intent": Result(_payment_observed, _payment_refused),
    "create_checkout": Result(_payment_observed, _payment_refused),
    "close_payment": Result(_payment_observed, _close_refused),
    "create_transfer": Result(_transferred, _transfer_refused),
    "create_refund": Result(_refunded, _refund_refused),
    "create_recipient": Result(_account_observed, _recipient_refused),
}
"""What a result means, by kind. What is sent and where to search is the same table's other half, in the adapter."""
