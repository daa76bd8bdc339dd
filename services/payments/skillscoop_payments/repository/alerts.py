"""What about money only a person can decide: told once, kept until somebody resolves it."""

import logging
from collections.abc import Sequence
from typing import Any, Literal

from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_message_id
from sqlalchemy import RowMapping, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from skillscoop_payments.tables import OPERATOR_ALERTS

LOG = logging.getLogger(__name__)
Kind = Literal[
    "second_payment",
    "second_transfer",
    "second_refund",
    "second_account",
    "replaced_refund_alive",
    "refund_failed",
    "transfer_given_up",
    "foreign_refund",
    "transfer_reversed",
    "chargeback",
    "converted_payment",
    "payouts_not_manual",
]

_T = OPERATOR_ALERTS.c
_INSERT = {
    "postgresql": postgresql.insert(OPERATOR_ALERTS).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(OPERATOR_ALERTS).on_conflict_do_nothing(),
}
_RESOLVE = update(OPERATOR_ALERTS).where(_T.id == bindparam("row_id"), _T.resolved_at.is_(None))


async def raise_alert(tx: Transaction, kind: Kind, subject: str, detail: str, payment_id: str | None) -> None:
    """Ask an operator to look at `subject`, an id of ours or of the provider's; the same is asked once."""
    tx.write(
        _INSERT[tx.dialect],
        {
            "id": new_message_id(),
            "kind": kind,
            "subject": subject,
            "detail": detail[:500],
            "payment_id": payment_id,
            "created_at": tx.wall(),
        },
    )
    tx.after_commit(lambda: LOG.error("%s: %s, %s", kind, subject, detail))


async def is_known(tx: Transaction, kind: Kind, subject: str) -> bool:
    """Whether an operator was asked about this before, whatever came of it."""
    return await tx.first(select(_T.id).where(_T.kind == kind, _T.subject == subject)) is not None


async def is_open(tx: Transaction, kind: Kind) -> bool:
    """Whether an alert of this kind waits for an operator."""
    return await tx.first(select(_T.id).where(_T.kind == kind, _T.resolved_at.is_(None)).limit(1)) is not None


async def any_open(tx: Transaction, payment_id: str, kinds: Sequence[Kind]) -> bool:
    """Whether one of these kinds is open about the payment."""
    row = await tx.first(
        select(_T.id).where(_T.payment_id == payment_id, _T.kind.in_(kinds), _T.resolved_at.is_(None)).limit(1)
    )
    return row is not None


async def resolve(tx: Transaction, alert_id: str) -> bool:
    """Somebody has dealt with it; False where it is not open."""
    result = await tx.execute(_RESOLVE, {"row_id": alert_id, "resolved_at": tx.wall()})
    return result.rowcount == 1


async def one(tx: Transaction, alert_id: str) -> RowMapping | None:
    """An alert."""
    return await tx.first(select(OPERATOR_ALERTS).where(_T.id == alert_id))


def for_operators(resolved: bool) -> Any:
    """The statement of alerts as operators list them: the open ones, or those that were dealt with."""
    return select(OPERATOR_ALERTS).where(_T.resolved_at.is_not(None) if resolved else _T.resolved_at.is_(None))


async def count_open(tx: Transaction) -> int:
    """How many wait for an operator."""
    row = await tx.first(
        select(func.count().label("open")).select_from(OPERATOR_ALERTS).where(_T.resolved_at.is_(None))
    )
    assert row is not None, "a count is always there"
    return int(row["open"])
