"""Rows to disputes and back, and every query about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from skillscoop_chassis.http.paging import Cursor, keyset_of_any
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_message_id
from sqlalchemy import RowMapping

from skillscoop_disputes.domain.dispute import (
    Answer,
    Decision,
    Dispute,
    Disputed,
    Evidence,
    Proposal,
    Rules,
    Share,
    State,
)
from skillscoop_disputes.tables import AGENTS, CLAIMS, DISPUTES, EVIDENCE, HISTORY, NOTES

_NESTED: Mapping[str, TypeAdapter[Any]] = {
    "desired": TypeAdapter(tuple[Share, ...]),
    "asked": TypeAdapter(tuple[str, ...] | None),
    "milestones": TypeAdapter(tuple[Disputed, ...]),
    "rules": TypeAdapter(Rules | None),
    "answer": TypeAdapter(Answer | None),
    "proposal": TypeAdapter(Proposal | None),
    "decision": TypeAdapter(Decision | None),
}
_PLAIN = (
    "id", "contract_id", "client_id", "freelancer_id", "title", "opened_by", "reason", "statement", "currency",
    "created_at", "updated_at", "version", "answer_due_at", "silent", "assigned_to", "second_approver", "proposals",
    "decisions",
)  # fmt: skip


def columns_of(dispute: Dispute) -> dict[str, Any]:
    """The row of a dispute."""
    nested = {name: adapter.dump_python(getattr(dispute, name), mode="json") for name, adapter in _NESTED.items()}
    plain = {name: getattr(dispute, name) for name in _PLAIN}
    return {**plain, **nested, "state": dispute.state.value, "due_at": dispute.due_at}


def dispute_of(row: RowMapping, evidence: Sequence[Evidence]) -> Dispute:
    """The dispute of a row."""
    nested = {name: adapter.validate_python(row[name]) for name, adapter in _NESTED.items()}
    plain = {name: row[name] for name in _PLAIN}
    return Dispute(**plain, **nested, state=State(row["state"]), evidence=tuple(evidence))


async def load(tx: Transaction, dispute_id: str, *, lock: bool) -> Dispute | None:
    """A dispute with its evidence's descriptions, or None; with `lock`, nobody else moves it meanwhile."""
    statement = sa.select(DISPUTES).where(DISPUTES.c.id == dispute_id)
    row = await tx.first(for_update(statement) if lock else statement)
    if row is None:
        return None
    return dispute_of(row, (await _evidence(tx, [dispute_id])).get(dispute_id, ()))


async def _evidence(tx: Transaction, dispute_ids: Sequence[str]) -> dict[str, list[Evidence]]:
    described = [column for column in EVIDENCE.c if column.name != "content"]
    rows = await tx.all(sa.select(*described).where(EVIDENCE.c.dispute_id.in_(dispute_ids)).order_by(EVIDENCE.c.id))
    found: dict[str, list[Evidence]] = {}
    for row in rows:
        found.setdefault(row["dispute_id"], []).append(
            Evidence(row["id"], row["by"], row["name"], row["size"], row["type"], row["sha256"], row["created_at"])
        )
    return found


async def add(tx: Transaction, dispute: Dispute) -> None:
    """Store a new dispute."""
    await tx.execute(DISPUTES.insert().values(**columns_of(dispute)))


async def update(tx: Transaction, dispute: Dispute) -> None:
    """Store what became of a locked dispute. Its evidence is stored where it comes in."""
    await tx.execute(sa.update(DISPUTES).where(DISPUTES.c.id == dispute.id).values(**columns_of(dispute)))


_CLAIM = sa.text(
    "INSERT INTO claims (milestone_id, dispute_id) VALUES (:milestone_id, :dispute_id)"
    " ON CONFLICT (milestone_id) DO NOTHING"
)


_TAKE_OVER = sa.text(
    "INSERT INTO claims (milestone_id, dispute_id) VALUES (:milestone_id, :dispute_id)"
    " ON CONFLICT (milestone_id) DO UPDATE SET dispute_id = excluded.dispute_id"
)


async def claim(tx: Transaction, dispute_id: str, milestone_ids: Sequence[str], *, frozen: bool = False) -> None:
    """Let the milestones be in this open dispute and in no other; those it claimed before and not now are let go.

    A form only takes what is free. Contracts' answer decides: what it froze for this dispute (`frozen`) is taken over
    from a form that named it earlier and will be refused, else that refusal would delete the only claim.
    """
    await tx.execute(
        CLAIMS.delete().where(CLAIMS.c.dispute_id == dispute_id, CLAIMS.c.milestone_id.not_in(milestone_ids))
    )
    if milestone_ids:
        rows = [{"milestone_id": one, "dispute_id": dispute_id} for one in sorted(milestone_ids)]
        await tx.execute(_TAKE_OVER if frozen else _CLAIM, rows)


_REMEMBER_AGENT = sa.text(
    "INSERT INTO agents (user_id, seen_at) VALUES (:user_id, :seen_at)"
    " ON CONFLICT (user_id) DO UPDATE SET seen_at = excluded.seen_at"
).bindparams(sa.bindparam("seen_at", type_=UtcDateTime))


async def remember_agent(tx: Transaction, user_id: str) -> None:
    """Note that somebody called with the role support now."""
    await tx.execute(_REMEMBER_AGENT, {"user_id": user_id, "seen_at": tx.wall()})


async def is_agent(tx: Transaction, user_id: str, since: datetime) -> bool:
    """Whether somebody called with the role support since then (wall time)."""
    known = AGENTS.c
    return await tx.first(sa.select(known.user_id).where(known.user_id == user_id, known.seen_at >= since)) is not None


async def disputing(tx: Transaction, milestone_id: str) -> str | None:
    """The open dispute a milestone is in."""
    row = await tx.first(sa.select(CLAIMS.c.dispute_id).where(CLAIMS.c.milestone_id == milestone_id))
    return row["dispute_id"] if row else None


async def add_evidence(tx: Transaction, dispute_id: str, evidence: Evidence, content: bytes) -> None:
    """Store a text or file."""
    await tx.execute(
        EVIDENCE.insert().values(
            id=evidence.id,
            dispute_id=dispute_id,
            by=evidence.by,
            name=evidence.name,
            size=evidence.size,
            type=evidence.type,
            sha256=evidence.sha256,
            content=content,
            created_at=evidence.at,
        )
    )


async def evidence_content(tx: Transaction, dispute_id: str, evidence_id: str) -> RowMapping | None:
    """Name, type and bytes of a piece of evidence of this dispute."""
    return await tx.first(
        sa.select(EVIDENCE.c.name, EVIDENCE.c.type, EVIDENCE.c.content).where(
            EVIDENCE.c.id == evidence_id, EVIDENCE.c.dispute_id == dispute_id
        )
    )


async def add_note(tx: Transaction, dispute_id: str, by: str, text: str) -> None:
    """Store an internal note."""
    await tx.execute(
        NOTES.insert().values(id=new_message_id(), dispute_id=dispute_id, by=by, text=text, created_at=tx.now())
    )


async def notes(tx: Transaction, dispute_id: str) -> Sequence[RowMapping]:
    """The internal notes, oldest first."""
    return await tx.all(sa.select(NOTES).where(NOTES.c.dispute_id == dispute_id).order_by(NOTES.c.id))


async def add_history(tx: Transaction, dispute_id: str, actor: str, happened: Sequence[tuple[str, State]]) -> None:
    """Store what happened, as (words, state after it), in its order."""
    rows = [
        {
            "id": new_message_id(),
            "dispute_id": dispute_id,
            "at": tx.now(),
            "actor": actor,
            "happened": words,
            "state": state.value,
        }
        for words, state in happened
    ]
    if rows:
        await tx.execute(HISTORY.insert(), rows)


async def history(tx: Transaction, dispute_id: str) -> Sequence[RowMapping]:
    """Everything that happened, oldest first."""
    return await tx.all(sa.select(HISTORY).where(HISTORY.c.dispute_id == dispute_id).order_by(HISTORY.c.id))


async def withdrawn_since(tx: Transaction, contract_id: str, opened_by: str, since: datetime) -> list[datetime]:
    """When this party withdrew disputes of the contract since then."""
    known = DISPUTES.c
    rows = await tx.all(
        sa.select(known.updated_at).where(
            known.contract_id == contract_id,
            known.opened_by == opened_by,
            known.state == State.WITHDRAWN.value,
            known.updated_at > since,
        )
    )
    return [row["updated_at"] for row in rows]


@dataclass(frozen=True)
class Filters:
    """Which disputes a list shows: exact fields, and those due before a moment. None filters nothing."""

    state: str | None = None
    assigned_to: str | None = None
    contract_id: str | None = None
    due_before: datetime | None = None


async def page(
    tx: Transaction, party: str | None, filters: Filters, cursor: Cursor
) -> list[tuple[RowMapping, Dispute]]:
    """Disputes newest first, those of `party` only unless it is None, each with its row."""
    statement = sa.select(DISPUTES)
    for name in ("state", "assigned_to", "contract_id"):
        wanted = getattr(filters, name)
        statement = statement if wanted is None else statement.where(DISPUTES.c[name] == wanted)
    if filters.due_before is not None:
        statement = statement.where(DISPUTES.c.due_at < filters.due_before)
    mine = [sa.true()] if party is None else [DISPUTES.c.client_id == party, DISPUTES.c.freelancer_id == party]
    rows = await tx.all(keyset_of_any(statement, mine, DISPUTES.c.created_at, DISPUTES.c.id, cursor))
    evidence = await _evidence(tx, [row["id"] for row in rows])
    return [(row, dispute_of(row, evidence.get(row["id"], ()))) for row in rows]
