"""The ledger: posting journals and reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_id
from sqlalchemy import RowMapping, case, func, select
from sqlalchemy import insert as insert_into

from skillscoop_payments.domain.ledger import Entry, Journal
from skillscoop_payments.domain.payment import About
from skillscoop_payments.tables import LEDGER_JOURNALS, LEDGER_LINES

_J, _L = LEDGER_JOURNALS.c, LEDGER_LINES.c
_LINES = insert_into(LEDGER_LINES)
_JOURNAL = insert_into(LEDGER_JOURNALS)


async def post(tx: Transaction, journals: Sequence[Journal], about: About, payment_id: str) -> None:
    """Book journals. Lines go in first and the journal closes them, so the database itself can check the balance.

    Raises the driver's integrity error when a source and leg was booked before, or when a journal is not balanced.
    """
    booked_at: datetime = tx.now()
    ids = [new_id("jrn") for _ in journals]
    await tx.execute(
        _LINES,
        [
            {
                "journal_id": journal_id,
                "position": position,
                "kind": line.account.kind,
                "account": line.account.name,
                "side": line.side,
                "amount": line.amount,
            }
            for journal_id, journal in zip(ids, journals, strict=True)
            for position, line in enumerate(journal.lines, 1)
        ],
    )
    await tx.execute(
        _JOURNAL,
        [
            {
                "id": journal_id,
                "source_kind": journal.source_kind,
                "source_id": journal.source_id,
                "leg": journal.leg,
                "currency": journal.currency,
                "contract_id": about.contract_id,
                "milestone_id": about.milestone_id,
                "payment_id": payment_id,
                "booked_at": booked_at,
            }
            for journal_id, journal in zip(ids, journals, strict=True)
        ],
    )


async def is_posted(tx: Transaction, journal: Journal) -> bool:
    """Whether the same source and leg is booked already. The caller holds the lock under which it is booked."""
    found = await tx.first(
        select(_J.id).where(
            _J.source_kind == journal.source_kind, _J.source_id == journal.source_id, _J.leg == journal.leg
        )
    )
    return found is not None


@dataclass(frozen=True, slots=True)
class Posted:
    """A posted line with its journal's place and time."""

    journal_id: str
    milestone_id: str
    payment_id: str
    currency: str
    booked_at: datetime
    entry: Entry


async def of_contract(tx: Transaction, contract_id: str) -> list[Posted]:
    """Every posted line of a contract, oldest first."""
    rows = await tx.all(
        select(LEDGER_JOURNALS, _L.kind, _L.side, _L.amount)
        .join(LEDGER_LINES, _L.journal_id == _J.id)
        .where(_J.contract_id == contract_id)
        .order_by(_J.id, _L.position)
    )
    return [
        Posted(
            row["id"],
            row["milestone_id"],
            row["payment_id"],
            row["currency"],
            row["booked_at"],
            Entry(row["leg"], row["kind"], row["side"], row["amount"]),
        )
        for row in rows
    ]


def _sum(side: str) -> Any:
    return func.coalesce(func.sum(case((_L.side == side, _L.amount), else_=0)), 0)


async def trial_balance(tx: Transaction) -> Sequence[RowMapping]:
    """Debits and credits of every kind of account per currency: columns `currency, kind, debits, credits`."""
    return await tx.all(
        select(_J.currency, _L.kind, _sum("debit").label("debits"), _sum("credit").label("credits"))
        .join(LEDGER_LINES, _L.journal_id == _J.id)
        .group_by(_J.currency, _L.kind)
        .order_by(_J.currency, _L.kind)
    )
