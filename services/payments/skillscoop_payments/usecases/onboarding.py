"""Payout accounts: asking for one, and what the provider says of it."""

import asyncio
from dataclasses import replace
from datetime import datetime

from skillscoop_messages import outbox, scheduled
from skillscoop_messages.context import current_trace
from skillscoop_messages.database import Database, Transaction
from skillscoop_messages.ids import new_id
from sqlalchemy import RowMapping

from skillscoop_payments.domain import payout_account as accounts
from skillscoop_payments.domain.errors import CountryIsSettled
from skillscoop_payments.domain.operation import Done, Send, next_step
from skillscoop_payments.domain.payout_account import PayoutAccount
from skillscoop_payments.domain.snapshots import AccountSnapshot
from skillscoop_payments.gateway import Gateway
from skillscoop_payments.publish import account_event
from skillscoop_payments.repository import accounts as account_rows
from skillscoop_payments.repository import alerts, operations
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.repository import settlements as settlement_rows
from skillscoop_payments.usecases import preparing_calls
from skillscoop_payments.usecases.dependencies import Dependencies, in_trace

MADE_WITHIN, LOOK_SECONDS = 30, 0.1
"""How often, and how many seconds apart, we look for an account that is being made while a person waits."""

PAYEE_READY = "payments.pay_out_when_payee_is_ready"


async def open_account(
    tx: Transaction, deps: Dependencies, user_id: str, country: str | None, default: str, email: str | None = None
) -> tuple[RowMapping, bool]:
    """The person's account, and whether it is new. `country` None is no wish: the one they have is right.

    The one they have stays as it is. Only one that the provider refused to make is asked for again, in the country
    given now. Raises CountryIsSettled for another country than that of an account which is made or being made.
    """
    account = PayoutAccount(new_id("pac"), user_id, country or default)
    row = await account_rows.locked(tx, "user_id", user_id)
    if row is None and await account_rows.insert(tx, account, current_trace()):
        await preparing_calls.create_recipient(tx, deps, account, current_trace(), email)
        return await _of_user(tx, user_id), True
    # Somebody faster may have inserted it meanwhile, with another wish than this one.
    row = row or await account_rows.locked(tx, "user_id", user_id)
    assert row is not None, "it was there, or somebody has just inserted it"
    operation = await operations.of_account(tx, row["id"])
    if row["account_ref"] is None and (operation is None or operation["state"] == "refused"):
        known = account_rows.to_account(row)
        again = replace(known, country=country or known.country, requirements=(), version=known.version + 1)
        await account_rows.save(tx, again, None)
        await preparing_calls.create_recipient(tx, deps, again, current_trace(), email)
        return await _of_user(tx, user_id), False
    if country is not None and country != row["country"]:
        raise CountryIsSettled(row["country"], row["state"], row["version"])
    return row, False


async def _of_user(tx: Transaction, user_id: str) -> RowMapping:
    row = await account_rows.of_user(tx, user_id)
    assert row is not None, "it has just been written"
    return row


async def made_now(database: Database, gateway: Gateway, row: RowMapping | None) -> str | None:
    """The account of a call nobody has finished yet, made while the person waits; None where that cannot be.

    The same key and parameters as the executor's: whoever comes first makes it, the other is told the same. Only the
    executor writes the account down; that this try began is written first, as for every other one.
    """
    if row is None or row["state"] != "pending":
        return None
    operation = operations.to_operation(row)
    async with database.begin() as tx:
        if next_step(operation, tx.wall()) != Send() or not await operations.begin_try(tx, operation.id):
            return None
    outcome = await gateway.send(operation)
    return outcome.snapshot.ref if isinstance(outcome, Done) and isinstance(outcome.snapshot, AccountSnapshot) else None


async def made_meanwhile(database: Database, user_id: str) -> str | None:
    """The account somebody else's call is making just now, as soon as it is written down; None when it takes longer.

    Asking for a link right after asking for the account is what everybody does: the executor has begun by then.
    """
    for _ in range(MADE_WITHIN):
        async with database.read() as tx:
            row = await account_rows.of_user(tx, user_id)
        if row is None or row["account_ref"] is not None:
            return None if row is None else str(row["account_ref"])
        await asyncio.sleep(LOOK_SECONDS)
    return None


async def observed(tx: Transaction, deps: Dependencies, row: RowMapping, snapshot: AccountSnapshot) -> None:
    """Apply what the provider says of an account, whoever asked. `row` is the account's, locked."""
    account = account_rows.to_account(row)
    if account.account_ref not in (None, snapshot.ref):
        # Two were made for one person. Money goes where it went before; a person decides which one stays.
        await alerts.raise_alert(tx, "second_account", snapshot.ref, f"of {account.id}, which has another one", None)
        return
    facts = accounts.observe(account, snapshot)
    for fact in facts:
        account = accounts.apply(account, fact)
        event = account_event(account, fact)
        if event is not None:
            with in_trace(payment_rows.trace_of(row)):
                outbox.record(tx, event)
    if facts:
        fell = account.state == "restricted" and any(isinstance(fact, accounts.Changed) for fact in facts)
        await account_rows.save(tx, account, _poll_at(tx, deps, account, fell=fell))
    if account.ready and any(isinstance(fact, accounts.Changed) for fact in facts):
        await _pay_what_waited(tx, deps, account)


async def doubt(tx: Transaction, deps: Dependencies, account_ref: str | None) -> bool:
    """Stripe refused to send money there although we believed it could. Whether the account is closed for good.

    If not, it is asked how it really is; by one row, however often that happens.
    """
    if account_ref is None:
        return False
    row = await account_rows.locked(tx, "account_ref", account_ref)
    if row is not None and row["state"] == "rejected":
        return True
    await operations.poll_once_more(tx, origin="doubt", subject="account", subject_ref=account_ref)
    tx.after_commit(deps.poll)
    return False


async def refused(tx: Transaction, deps: Dependencies, payout_account_id: str) -> None:
    """The provider will not make this account: the person is told what is wrong with it, and may try again."""
    row = await account_rows.locked(tx, "id", payout_account_id)
    assert row is not None, "an operation has its account"
    account = account_rows.to_account(row)
    operation = await operations.of_account(tx, payout_account_id)
    mail = operation is not None and operation["failure_code"] == "contact_email_missing"
    wanted = ("contact_email",) if mail else ("country",)
    changed = replace(account, requirements=wanted, version=account.version + 1)
    await account_rows.save(tx, changed, None)


async def _pay_what_waited(tx: Transaction, deps: Dependencies, account: PayoutAccount) -> None:
    """Every settlement that waits for this payee goes on at once, each in a transaction of its own."""
    waiting = await settlement_rows.waiting_for_payee(tx, account.user_id)
    if not waiting:
        return
    for payment_id in waiting:
        await scheduled.schedule(tx, PAYEE_READY, payment_id, tx.now())
    await operations.hurry(tx, waiting, "create_transfer")
    tx.after_commit(deps.nudge)


def _poll_at(tx: Transaction, deps: Dependencies, account: PayoutAccount, *, fell: bool) -> datetime | None:
    """When to poll. Soon after a fall: of two polls at once the older one may have been written last."""
    if fell and account.account_ref is not None:
        return tx.wall() + deps.book_after
    if account.account_ref is None:
        return None
    # What is in order, or over, is asked about now and then too: its owner may close it, and nobody may tell us.
    settled = account.state in ("active", "rejected")
    return tx.wall() + (deps.recheck_after if settled else deps.poll_after)
