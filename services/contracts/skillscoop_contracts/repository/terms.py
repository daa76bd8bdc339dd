"""Revisions of the terms: every one ever proposed, word for word, and who answered it when."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from skillscoop_chassis.http.paging import Cursor, keyset
from skillscoop_messages.database import Transaction

from skillscoop_contracts.domain.agreement import TermsApproved, TermsDeclined, TermsLapsed, TermsWithdrawn
from skillscoop_contracts.domain.contract import By, Contract, Pending
from skillscoop_contracts.domain.drafting import DraftEdited, TermsProposed
from skillscoop_contracts.domain.terms import Line, Terms
from skillscoop_contracts.repository.row_types import Row, SaveFact
from skillscoop_contracts.tables import TERMS


def line_document(line: Line) -> dict[str, Any]:
    """One milestone of a revision as JSON."""
    return {
        "id": line.id,
        "description": line.description,
        "amount": line.amount,
        "due_date": line.due_date,
        "criteria": list(line.criteria),
    }


def line_of(document: Row) -> Line:
    """One milestone of a revision out of JSON."""
    return Line(
        id=document["id"],
        description=document["description"],
        amount=document["amount"],
        due_date=document["due_date"],
        criteria=tuple(document["criteria"]),
    )


def pending_document(pending: Pending) -> dict[str, Any]:
    """A revision that waits as JSON."""
    return {
        "revision": pending.revision,
        "title": pending.terms.title,
        "milestones": [line_document(line) for line in pending.terms.lines],
        "hash": pending.hash,
        "proposed_at": pending.proposed_at.isoformat(),
        "expires_at": pending.expires_at.isoformat(),
    }


def pending_of(document: Row, currency: str) -> Pending:
    """A revision that waits out of JSON."""
    lines = tuple(line_of(line) for line in document["milestones"])
    return Pending(
        revision=document["revision"],
        terms=Terms(document["title"], currency, lines),
        hash=document["hash"],
        proposed_at=datetime.fromisoformat(document["proposed_at"]),
        expires_at=datetime.fromisoformat(document["expires_at"]),
    )


def terms_of(contract_id: str, cursor: Cursor) -> sa.Select[Any]:
    """The statement for one page of a contract's revisions, newest first."""
    statement = sa.select(TERMS).where(TERMS.c.contract_id == contract_id)
    return keyset(statement, TERMS.c.revision, TERMS.c.contract_id, cursor)


async def read_terms(tx: Transaction, contract_id: str, revision: int) -> Row | None:
    """One revision's row."""
    wanted = sa.select(TERMS).where(TERMS.c.contract_id == contract_id, TERMS.c.revision == revision)
    return await tx.first(wanted)


async def read_terms_before(tx: Transaction, contract_id: str, revision: int) -> Row | None:
    """The row of the latest revision before this one."""
    earlier = sa.select(TERMS).where(TERMS.c.contract_id == contract_id, TERMS.c.revision < revision)
    return await tx.first(earlier.order_by(TERMS.c.revision.desc()).limit(1))


def save_first_terms(tx: Transaction, contract: Contract) -> None:
    """Write revision 1 of a contract that was just drafted."""
    tx.write(sa.insert(TERMS), _terms_row(contract, 1, contract.terms, contract.terms_hash, "draft", tx))


def _terms_row(
    contract: Contract, revision: int, terms: Terms, terms_hash: str, state: str, tx: Transaction
) -> dict[str, Any]:
    return {
        "contract_id": contract.id,
        "revision": revision,
        "state": state,
        "title": terms.title,
        "hash": terms_hash,
        "milestones": [line_document(line) for line in terms.lines],
        "created_at": tx.now(),
    }


def _revision(contract: Contract, revision: int) -> sa.Update:
    return sa.update(TERMS).where(TERMS.c.contract_id == contract.id, TERMS.c.revision == revision)


async def _draft_edited(tx: Transaction, contract: Contract, fact: DraftEdited, _: By) -> None:
    row = _terms_row(contract, fact.revision, fact.terms, fact.hash, "draft", tx)
    tx.write(_revision(contract, fact.revision).values(**row))


async def _proposed(tx: Transaction, contract: Contract, fact: TermsProposed, _: By) -> None:
    proposed = {"state": "proposed", "proposed_at": fact.at, "expires_at": fact.expires_at}
    if fact.previous_revision is None:
        tx.write(_revision(contract, fact.revision).values(**proposed))
        return
    await _restate(tx, contract, "proposed", "replaced")
    row = _terms_row(contract, fact.revision, fact.terms, fact.hash, "proposed", tx)
    tx.write(sa.insert(TERMS), {**row, **proposed})


async def _restate(tx: Transaction, contract: Contract, old: str, new: str) -> None:
    tx.write(sa.update(TERMS).where(TERMS.c.contract_id == contract.id, TERMS.c.state == old).values(state=new))


async def _approved(tx: Transaction, contract: Contract, fact: TermsApproved, by: By) -> None:
    await _restate(tx, contract, "in_force", "superseded")
    answer = {"state": "in_force", "answered_at": fact.at, "answered_by": by.id}
    tx.write(_revision(contract, fact.revision).values(**answer))


def _answered(state: str) -> SaveFact:
    async def save_answer(tx: Transaction, contract: Contract, fact: Any, by: By) -> None:
        answer = {
            "state": state,
            "answered_at": tx.now(),
            "answered_by": by.id,
            "reason": getattr(fact, "reason", None),
        }
        tx.write(_revision(contract, fact.revision).values(**answer))

    return save_answer


SAVE: dict[type[Any], SaveFact] = {
    DraftEdited: _draft_edited,
    TermsProposed: _proposed,
    TermsApproved: _approved,
    TermsDeclined: _answered("declined"),
    TermsWithdrawn: _answered("withdrawn"),
    TermsLapsed: _answered("lapsed"),
}
