"""Payout accounts: rows and domain values."""

from datetime import datetime

from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.context import TraceContext
from skillscoop_messages.database import Transaction
from sqlalchemy import RowMapping, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from skillscoop_payments.domain.payout_account import PayoutAccount
from skillscoop_payments.tables import PAYOUT_ACCOUNTS

_T = PAYOUT_ACCOUNTS.c
_INSERT = {
    "postgresql": postgresql.insert(PAYOUT_ACCOUNTS).on_conflict_do_nothing(index_elements=["user_id"]),
    "sqlite": sqlite.insert(PAYOUT_ACCOUNTS).on_conflict_do_nothing(index_elements=["user_id"]),
}
_UPDATE = PAYOUT_ACCOUNTS.update().where(_T.id == bindparam("row_id"))
_LOCKED = {
    name: for_update(select(PAYOUT_ACCOUNTS).where(_T[name] == bindparam("value")))
    for name in ("id", "user_id", "account_ref")
}
_OF_USER = select(PAYOUT_ACCOUNTS).where(_T.user_id == bindparam("value"))


def to_account(row: RowMapping) -> PayoutAccount:
    """The domain value of a row."""
    return PayoutAccount(
        row["id"],
        row["user_id"],
        row["country"],
        row["state"],
        row["version"],
        row["account_ref"],
        tuple(row["requirements"]),
    )


async def insert(tx: Transaction, account: PayoutAccount, trace_context: TraceContext) -> bool:
    """A new account; False, and nothing done, when its user has one already."""
    now = tx.now()
    result = await tx.execute(
        _INSERT[tx.dialect],
        {
            "id": account.id,
            "user_id": account.user_id,
            "country": account.country,
            "state": account.state,
            "version": account.version,
            "account_ref": account.account_ref,
            "requirements": list(account.requirements),
            "correlation_id": trace_context.correlation_id,
            "causation_id": trace_context.causation_id,
            "created_at": now,
            "updated_at": now,
        },
    )
    return result.rowcount == 1


async def save(tx: Transaction, account: PayoutAccount, look_at: datetime | None) -> None:
    """Write a changed account."""
    await tx.execute(
        _UPDATE,
        {
            "row_id": account.id,
            "country": account.country,
            "state": account.state,
            "version": account.version,
            "account_ref": account.account_ref,
            "requirements": list(account.requirements),
            "look_at": look_at,
            "updated_at": tx.now(),
        },
    )


async def locked(tx: Transaction, column: str, value: str) -> RowMapping | None:
    """The row with `column` = `value` (id, user_id or account_ref), locked until the commit."""
    return await tx.first(_LOCKED[column], {"value": value})


async def of_user(tx: Transaction, user_id: str) -> RowMapping | None:
    """A user's account, not locked."""
    return await tx.first(_OF_USER, {"value": user_id})
