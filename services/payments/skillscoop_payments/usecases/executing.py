"""Carrying out operations: the call in no transaction, and what its outcome means, in one."""

import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping

from skillscoop_payments.domain.observations import AccountSeen, PaymentSeen, RefundSeen, TransferSeen
from skillscoop_payments.domain.operation import (
    LONGEST_WAIT,
    TELL_AFTER,
    Busy,
    Done,
    NotThere,
    Outcome,
    Refused,
    Unknown,
    key,
    must_search,
    wait_after,
)
from skillscoop_payments.domain.settlement import BlockedReason
from skillscoop_payments.gateway import Gateway, Unreachable
from skillscoop_payments.repository import accounts as account_rows
from skillscoop_payments.repository import operations
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.usecases import funding, onboarding, settling
from skillscoop_payments.usecases.office import Office

PAYEE_WAIT = timedelta(seconds=30)


async def call(gateway: Gateway, wall: Callable[[], datetime], row: RowMapping) -> Outcome:
    """One try of an operation; in doubt it is searched for before anything is sent with a key Stripe may not know."""
    in_doubt = must_search(
        claims=row["attempts"], search_first=row["search_first"], key_since=row["key_since"], wall=wall()
    )
    if not in_doubt:
        return await gateway.send(row["kind"], row["parameters"], row["key"])
    try:
        seen = await gateway.search(row["kind"], row["parameters"], row["id"], row["created_at"])
    except Unreachable as error:
        return Unknown(str(error), remembered=row["search_first"])
    return Done(seen) if seen is not None else NotThere()


async def settle(tx: Transaction, office: Office, row: RowMapping, outcome: Outcome) -> None:
    """Write an operation's next state, and apply what is known now through the same functions as webhooks do."""
    match outcome:
        case Done():
            await APPLY_DONE[row["kind"]](tx, office, row, outcome)
            await operations.write(tx, row["id"], state="done", object_ref=_object_ref(row, outcome), last_error=None)
        case Refused():
            await APPLY_REFUSED[row["kind"]](tx, office, row, outcome)
        case NotThere():
            await _not_there(tx, office, row)
        case Unknown() | Busy():
            await _again(tx, office, row, outcome)


async def _not_there(tx: Transaction, office: Office, row: RowMapping) -> None:
    """Nothing exists: it is made with a new key, unless it is a payment nobody waits for any more."""
    creates = row["kind"] in ("create_intent", "create_checkout")
    if creates and await funding.never_made(tx, office, row["payment_id"]):
        await operations.write(tx, row["id"], state="dropped")
        return
    await _new_key(tx, office, row, timedelta(0), search_first=False)


async def _again(tx: Transaction, office: Office, row: RowMapping, outcome: Unknown | Busy) -> None:
    """The same key once more, later; after a while people are told that Stripe cannot be reached."""
    wait = wait_after(row["attempts"], random.random())  # noqa: S311 - spreads retries, decides nothing
    if isinstance(outcome, Busy) and outcome.wait is not None:
        wait = max(wait, outcome.wait)
    remembered = isinstance(outcome, Unknown) and outcome.remembered
    await operations.write(
        tx,
        row["id"],
        due_at=tx.wall() + wait,
        search_first=row["search_first"] or remembered,
        last_error=outcome.error[:500],
    )
    if row["settlement_id"] is not None and row["attempts"] >= TELL_AFTER:
        await settling.leg_waits(tx, office, row["settlement_id"], row["kind"], "stripe_unavailable")


async def _new_key(
    tx: Transaction, office: Office, row: RowMapping, wait: timedelta, *, search_first: bool, failure: str | None = None
) -> None:
    """A definitive answer to the last try: the next one is a new attempt with a key of its own."""
    attempt = row["attempt"] + 1
    await operations.write(
        tx,
        row["id"],
        attempt=attempt,
        key=key(office.environment, row["kind"], row["id"], attempt),
        key_since=tx.wall(),
        search_first=search_first,
        due_at=tx.wall() + wait,
        failure_code=failure,
    )
    if not wait:
        tx.after_commit(office.wake)


def _object_ref(row: RowMapping, outcome: Done) -> str | None:
    if row["kind"] == "close_payment":
        return None
    seen = outcome.seen
    if isinstance(seen, PaymentSeen):
        return seen.checkout_ref if row["kind"] == "create_checkout" and seen.checkout_ref else seen.intent_ref
    return seen.ref


async def _payment_seen(tx: Transaction, office: Office, row: RowMapping, outcome: Done) -> None:
    assert isinstance(outcome.seen, PaymentSeen), "kinds and observations go together"
    payment = await payment_rows.locked(tx, "id", row["payment_id"])
    assert payment is not None, "an operation has its payment"
    await funding.seen(tx, office, payment, outcome.seen)


async def _transferred(tx: Transaction, office: Office, row: RowMapping, outcome: Done) -> None:
    assert isinstance(outcome.seen, TransferSeen), "kinds and observations go together"
    await settling.transferred(tx, office, row["settlement_id"], row["id"], outcome.seen.ref)


async def _refunded(tx: Transaction, office: Office, row: RowMapping, outcome: Done) -> None:
    assert isinstance(outcome.seen, RefundSeen), "kinds and observations go together"
    await settling.refund_seen(tx, office, row["settlement_id"], row["id"], outcome.seen)


async def _account_seen(tx: Transaction, office: Office, row: RowMapping, outcome: Done) -> None:
    assert isinstance(outcome.seen, AccountSeen), "kinds and observations go together"
    account = await account_rows.locked(tx, "id", row["payout_account_id"])
    assert account is not None, "an operation has its account"
    # Repeated for its key, the answer shows the account as it was when it was made. What is known of it by other ways
    # is newer, and an account, unlike everything else, may go back and forth.
    if account["account_ref"] is None:
        await onboarding.seen(tx, office, account, outcome.seen)


async def _payment_refused(tx: Transaction, office: Office, row: RowMapping, outcome: Refused) -> None:
    """Refused with an intent behind it: its state decides. Without one: nothing is there and never will be."""
    ref = None
    if isinstance(outcome.seen, PaymentSeen):
        await _payment_seen(tx, office, row, Done(outcome.seen))
        ref = outcome.seen.intent_ref
    else:
        await funding.rejected(tx, office, row["payment_id"], outcome.failure)
    await operations.write(tx, row["id"], state="refused", object_ref=ref, failure_code=outcome.failure.code)


async def _close_refused(tx: Transaction, office: Office, row: RowMapping, outcome: Refused) -> None:
    await _again(tx, office, row, Unknown(f"refused: {outcome.failure.code}"))


async def _transfer_refused(tx: Transaction, office: Office, row: RowMapping, outcome: Refused) -> None:
    """No transfer now. Whatever the reason, it may pass: the payee completes the account, the balance comes back."""
    code = outcome.failure.code
    reasons: Mapping[str, BlockedReason] = {
        "payee_not_ready": "payee_not_ready",
        "insufficient_balance": "insufficient_balance",
    }
    wait = min(wait_after(row["attempts"] + 2, random.random()), PAYEE_WAIT)  # noqa: S311
    await _new_key(tx, office, row, wait, search_first=False, failure=code)
    await settling.leg_waits(tx, office, row["settlement_id"], row["kind"], reasons.get(code, "stripe_unavailable"))
    if code == "payee_not_ready":
        await onboarding.look_again(tx, office, row["parameters"].get("destination"))


async def _refund_refused(tx: Transaction, office: Office, row: RowMapping, outcome: Refused) -> None:
    if outcome.failure.code == "insufficient_balance":
        await _new_key(tx, office, row, LONGEST_WAIT, search_first=False, failure=outcome.failure.code)
        await settling.leg_waits(tx, office, row["settlement_id"], row["kind"], "insufficient_balance")
        return
    await operations.write(tx, row["id"], state="refused", failure_code=outcome.failure.code)
    await settling.refund_refused(tx, office, row["settlement_id"])


async def _recipient_refused(tx: Transaction, office: Office, row: RowMapping, outcome: Refused) -> None:
    await operations.write(tx, row["id"], state="refused", failure_code=outcome.failure.code)
    await onboarding.refused(tx, office, row["payout_account_id"])


APPLY_DONE: Mapping[str, Callable[[Transaction, Office, RowMapping, Done], Awaitable[None]]] = {
    "create_intent": _payment_seen,
    "create_checkout": _payment_seen,
    "close_payment": _payment_seen,
    "create_transfer": _transferred,
    "create_refund": _refunded,
    "create_recipient": _account_seen,
}
APPLY_REFUSED: Mapping[str, Callable[[Transaction, Office, RowMapping, Refused], Awaitable[None]]] = {
    "create_intent": _payment_refused,
    "create_checkout": _payment_refused,
    "close_payment": _close_refused,
    "create_transfer": _transfer_refused,
    "create_refund": _refund_refused,
    "create_recipient": _recipient_refused,
}
