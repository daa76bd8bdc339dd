"""What runs by itself: it only scans, and starts work elsewhere."""

import logging
from datetime import timedelta

from skillscoop_chassis.service import Job
from skillscoop_messages.database import Database
from skillscoop_messages.ids import new_message_id
from sqlalchemy import RowMapping

from skillscoop_payments.domain.payment import OPEN
from skillscoop_payments.gateway import Subject, Unreachable
from skillscoop_payments.repository import operations, watch
from skillscoop_payments.tables import PAYMENTS, PAYOUT_ACCOUNTS, SETTLEMENTS
from skillscoop_payments.usecases import payouts, reviewing
from skillscoop_payments.usecases.dependencies import Dependencies

LOG = logging.getLogger(__name__)
SWEEP_EVERY = timedelta(seconds=1)
BATCH = 50
PAYLOAD_LIFE = timedelta(days=30)


def jobs(
    database: Database, deps: Dependencies, moved_every: timedelta, payout_watch: payouts.PayoutWatch
) -> list[Job]:
    """The sweepers, and the forgetting of what webhooks carried."""

    async def sweep() -> None:
        await poll_what_is_due(database, deps)

    async def forget() -> None:
        async with database.begin() as tx:
            await operations.empty_payloads(tx, tx.wall() - PAYLOAD_LIFE)
            await operations.forget_contacts(tx)

    async def balance() -> None:
        try:
            await reviewing.poll_movements(database, deps)
        except Unreachable as error:
            LOG.warning("what moved on our balance could not be asked: %s", error)

    async def check_payouts() -> None:
        try:
            await payouts.check(database, deps, payout_watch)
        except Unreachable as error:
            LOG.warning("how payouts are set could not be asked: %s", error)

    return [
        Job("check_payouts", timedelta(minutes=10), check_payouts),
        Job("poll_what_is_due", SWEEP_EVERY, sweep),
        Job("poll_movements", moved_every, balance),
        Job("empty_old_webhooks", timedelta(hours=1), forget),
    ]


async def poll_what_is_due(database: Database, deps: Dependencies) -> int:
    """Have everything polled that waits for news too long; how many objects that were.

    No webhook is trusted to come: whatever is open has a time at which it is asked about.
    """
    found = 0
    for table, first in (
        (PAYMENTS, deps.poll_after),
        (SETTLEMENTS, deps.poll_after),
        (PAYOUT_ACCOUNTS, deps.poll_after),
    ):
        async with database.read() as tx:
            if not await watch.anything_due(tx, table):
                continue
        async with database.begin() as tx:
            for row in await watch.due_for_polling(tx, table, BATCH):
                subject, ref = _subject(table.name, row)
                if ref is not None:
                    await operations.keep_provider_event(
                        tx, origin="sweeper", event_id=new_message_id(), type="sweep", subject=subject, subject_ref=ref
                    )
                unbooked = table is PAYMENTS and row["state"] not in OPEN
                settled = table is PAYOUT_ACCOUNTS and row["state"] in ("active", "rejected")
                wait = deps.book_after if unbooked else deps.recheck_after if settled else first
                await watch.polled(tx, table, row, wait)
                found += 1
            tx.after_commit(deps.poll)
    return found


def _subject(table: str, row: RowMapping) -> tuple[Subject, str | None]:
    """What to poll for a row. An open hosted page is polled itself: only it knows that it expired."""
    if table == "settlements":
        return "refund", row["refund_ref"]
    if table == "payout_accounts":
        return "account", row["account_ref"]
    if row["checkout_ref"] and (row["state"] in OPEN or not row["intent_ref"]):
        return "checkout", row["checkout_ref"]
    return "payment", row["intent_ref"]
