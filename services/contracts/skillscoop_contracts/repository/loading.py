"""Reading contracts: the aggregate with or without its lock, and lists of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from skillscoop_chassis.http.paging import Cursor, keyset_of_any
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.asking import question_key, unanswered
from skillscoop_messages.database import Transaction

from skillscoop_contracts.domain.contract import Contract, DisputeCase, Funding, Milestone
from skillscoop_contracts.repository.dispute_cases import FIND_CASE, case_of
from skillscoop_contracts.repository.money_operations import FIND_FUNDING, funding_of
from skillscoop_contracts.repository.row_types import Row
from skillscoop_contracts.repository.rows import contract_of, milestone_of
from skillscoop_contracts.tables import (
    CONTRACTS,
    MILESTONES,
    PAYOUT_ACCOUNTS,
    TIMELINE,
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A contract as it stands in the database: `entries` of its timeline so far, and whether the payee can be paid."""

    contract: Contract
    entries: int
    payee_ready: bool
    unanswered: frozenset[str] = frozenset()
    """Milestones about which payments was asked again without any sign of it; looked up for readers only."""


_KEY = sa.bindparam("key", type_=sa.Text)
_OF_MILESTONE = sa.select(MILESTONES.c.contract_id).where(MILESTONES.c.id == _KEY).scalar_subquery()


def _parts(contract: Any) -> sa.Select[Any]:
    """Milestones with the length of the timeline and the state of the payee.

    A statement of its own, behind the lock: only then does it see what whoever held the lock before has committed.
    """
    payee = sa.select(CONTRACTS.c.freelancer_id).where(CONTRACTS.c.id == contract).scalar_subquery()
    return (
        sa.select(
            MILESTONES,
            sa.select(sa.func.coalesce(sa.func.max(TIMELINE.c.number), 0))
            .where(TIMELINE.c.contract_id == contract)
            .scalar_subquery()
            .label("entries"),
            sa.select(PAYOUT_ACCOUNTS.c.state)
            .where(PAYOUT_ACCOUNTS.c.user_id == payee)
            .scalar_subquery()
            .label("payee_state"),
        )
        .where(MILESTONES.c.contract_id == contract)
        .order_by(MILESTONES.c.position)
    )


_BY_ID = sa.select(CONTRACTS).where(CONTRACTS.c.id == _KEY)
_BY_MILESTONE = sa.select(CONTRACTS).where(CONTRACTS.c.id == _OF_MILESTONE)
_LOCK_BY_ID = for_update(_BY_ID)
_LOCK_BY_MILESTONE = for_update(_BY_MILESTONE)
_PARTS_BY_ID = _parts(_KEY)
_PARTS_BY_MILESTONE = _parts(_OF_MILESTONE)


async def lock_contract(
    tx: Transaction, contract_id: str, *, funding_id: str | None = None, dispute_id: str | None = None
) -> Stored | None:
    """The contract, locked until the transaction ends; with one try to fund or one dispute where they are named."""
    wanted: list[tuple[sa.Select[Any], dict[str, str]]] = []
    if funding_id:
        wanted.append((FIND_FUNDING, {"contract": contract_id, "key": funding_id}))
    if dispute_id:
        wanted.append((FIND_CASE, {"contract": contract_id, "key": dispute_id}))
    key = {"key": contract_id}
    whole, parts, *more = await tx.several((_LOCK_BY_ID, key), (_PARTS_BY_ID, key), *wanted)
    fundings = more.pop(0) if funding_id else ()
    cases = more.pop(0) if dispute_id else ()
    return _stored(
        whole,
        parts,
        tuple(funding_of(one) for one in fundings),
        tuple(case_of(one) for one in cases),
    )


async def lock_contract_of_milestone(tx: Transaction, milestone_id: str) -> Stored | None:
    """The contract a milestone belongs to, locked until the transaction ends."""
    key = {"key": milestone_id}
    whole, parts = await tx.several((_LOCK_BY_MILESTONE, key), (_PARTS_BY_MILESTONE, key))
    return _stored(whole, parts)


async def read_contract(tx: Transaction, contract_id: str) -> Stored | None:
    """The contract, to look at."""
    key = {"key": contract_id}
    whole, parts = await tx.several((_BY_ID, key), (_PARTS_BY_ID, key))
    return _stored(whole, parts)


async def read_contract_of_milestone(tx: Transaction, milestone_id: str) -> Stored | None:
    """The contract a milestone belongs to, to look at."""
    key = {"key": milestone_id}
    whole, parts = await tx.several((_BY_MILESTONE, key), (_PARTS_BY_MILESTONE, key))
    return _stored(whole, parts)


def _stored(
    whole: Sequence[Row],
    parts: Sequence[Row],
    fundings: tuple[Funding, ...] = (),
    cases: tuple[DisputeCase, ...] = (),
) -> Stored | None:
    if not whole:
        return None
    return Stored(
        contract_of(whole[0], tuple(milestone_of(part) for part in parts), cases, fundings),
        entries=parts[0]["entries"],
        payee_ready=parts[0]["payee_state"] == "active",
    )


def _question_about(milestone: Milestone) -> str | None:
    """What payments has to answer about a milestone just now."""
    if milestone.state == "funding":
        return question_key("funding", milestone.funding_id)
    if milestone.state == "settling" and milestone.settlement:
        return question_key("settlement", milestone.settlement.id)
    return None


async def with_unanswered(tx: Transaction, stored: Stored) -> Stored:
    """The contract with its milestones about which payments has been silent for too long. Mostly costs nothing."""
    asked = {key: one.id for one in stored.contract.milestones if (key := _question_about(one))}
    return replace(stored, unanswered=frozenset(asked[key] for key in await unanswered(tx, asked)))


def contracts_of(
    user_id: str, role: str | None, state: str | None, cursor: Cursor, ids_only: bool = False
) -> sa.Select[Any]:
    """The statement for one page of a user's contracts, newest first."""
    mine = {"client": CONTRACTS.c.client_id == user_id, "freelancer": CONTRACTS.c.freelancer_id == user_id}
    statement = sa.select(CONTRACTS)
    if state is not None:
        statement = statement.where(CONTRACTS.c.state == state)
    reasons = [mine[role]] if role is not None else list(mine.values())
    return keyset_of_any(statement, reasons, CONTRACTS.c.created_at, CONTRACTS.c.id, cursor)


_PARTS_OF_MANY = (
    sa.select(MILESTONES)
    .where(MILESTONES.c.contract_id.in_(sa.bindparam("contracts", expanding=True)))
    .order_by(MILESTONES.c.position)
)


_READY_PAYEES = sa.select(PAYOUT_ACCOUNTS.c.user_id).where(
    PAYOUT_ACCOUNTS.c.user_id.in_(sa.bindparam("users", expanding=True)), PAYOUT_ACCOUNTS.c.state == "active"
)


async def with_parts(tx: Transaction, rows: Sequence[Row]) -> dict[str, Stored]:
    """Several contracts' rows as whole contracts, by id, in two statements. `entries` is not looked up."""
    if not rows:
        return {}
    milestones: dict[str, list[Milestone]] = {row["id"]: [] for row in rows}
    for part in await tx.all(_PARTS_OF_MANY, {"contracts": list(milestones)}):
        milestones[part["contract_id"]].append(milestone_of(part))
    payees = sorted({row["freelancer_id"] for row in rows})
    ready = {found["user_id"] for found in await tx.all(_READY_PAYEES, {"users": payees})}
    return {
        row["id"]: Stored(
            contract_of(row, tuple(milestones[row["id"]]), (), ()), 0, payee_ready=row["freelancer_id"] in ready
        )
        for row in rows
    }
