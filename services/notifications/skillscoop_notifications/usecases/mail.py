"""Send the mail that was committed with its notice. Whatever a mail server does, nothing else waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from skillscoop_messages.consumer import RetryPolicy
from skillscoop_messages.database import Database, Transaction
from skillscoop_messages.executor import Executor
from sqlalchemy import RowMapping

from skillscoop_notifications.adapters.emails import Write
from skillscoop_notifications.adapters.mail import Delayed, Dropped, Mailer, Outcome, Refused, Sent
from skillscoop_notifications.repository import people
from skillscoop_notifications.tables import DELIVERIES

LEASE = timedelta(seconds=60)
GIVEN_UP_AFTER = timedelta(hours=48)
AGAIN = RetryPolicy(first=timedelta(seconds=10), longest=timedelta(hours=1))


def mail_executor(database: Database, mailer: Mailer, write: Write) -> Executor[Outcome]:
    """The executor of `deliveries`. A notice goes to the address that is confirmed when it leaves, or not at all."""

    async def call(row: RowMapping) -> Outcome:
        address = row["address"]
        if address is None:
            async with database.read() as tx:
                person = await people.find_person(tx, row["user_id"])
            if person is None or person["email"] is None or person["email_confirmed_at"] is None:
                return Dropped()
            address = person["email"]
        return await mailer(write(row["id"], address, row["template"], row["data"]))

    return Executor("notifications.mail", DELIVERIES, call, settle, lease=LEASE)


async def settle(tx: Transaction, row: RowMapping, outcome: Outcome) -> None:
    """Write how an attempt ended. What is done keeps neither its text nor its address."""
    done: dict[str, Any] = {"data": {}, "address": None}
    match outcome:
        case Sent():
            changes = {"state": "sent", "last_error": None, **done}
        case Dropped():
            changes = {"state": "dropped", "last_error": None, **done}
        case Refused(why):
            changes = {"state": "refused", "last_error": why, **done}
        case Delayed(why) if tx.wall() - row["created_at"] > GIVEN_UP_AFTER:
            changes = {"state": "given_up", "last_error": why, **done}
        case Delayed(why):
            changes = {"due_at": tx.wall() + AGAIN.delay(row["attempts"], row["id"]), "last_error": why}
    await people.settle_delivery(tx, row["id"], changes)
