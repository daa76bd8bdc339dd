"""An operator tries an outgoing call again."""

from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping

from skillscoop_payments.domain.errors import NothingToRetry
from skillscoop_payments.repository import operations
from skillscoop_payments.usecases import settling
from skillscoop_payments.usecases.dependencies import Dependencies


async def retry(tx: Transaction, deps: Dependencies, row: RowMapping) -> None:
    """A call that waits is due at once, with its own key; what was refused or broke is asked for anew.

    Raises NothingToRetry where it was carried out or refused for good, RefundStillOut while a refund that broke has
    not come back to our balance, PayeeNotReady while a transfer cannot be received.
    """
    operation = operations.to_operation(row)
    if operation.state == "pending":
        await operations.write(tx, operation.id, due_at=tx.wall())
    elif operation.kind == "create_refund" and operation.settlement_id is not None:
        await settling.refund_again(tx, deps, operation.settlement_id)
    elif operation.kind == "create_transfer" and operation.state == "refused" and operation.settlement_id is not None:
        await settling.transfer_again(tx, deps, operation.settlement_id)
    else:
        raise NothingToRetry
    tx.after_commit(deps.nudge)
