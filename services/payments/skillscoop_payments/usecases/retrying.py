"""An operator tries an outgoing call again."""

from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping

from skillscoop_payments.domain.errors import NothingToRetry
from skillscoop_payments.repository import operations
from skillscoop_payments.usecases import settling
from skillscoop_payments.usecases.office import Office


async def retry(tx: Transaction, office: Office, row: RowMapping) -> None:
    """A call that waits is due at once, with its own key; what was refused or broke is asked for anew.

    Raises NothingToRetry where it was carried out or refused for good, RefundStillOut while a refund that broke has
    not come back to our balance, PayeeNotReady while a transfer cannot be received.
    """
    if row["state"] == "pending":
        await operations.write(tx, row["id"], due_at=tx.wall())
    elif row["kind"] == "create_refund":
        await settling.refund_again(tx, office, row["settlement_id"])
    elif row["kind"] == "create_transfer" and row["state"] == "refused":
        await settling.transfer_again(tx, office, row["settlement_id"])
    else:
        raise NothingToRetry
    tx.after_commit(office.wake)
