"""Who of our team may look into a contract: asked here by every service that keeps a copy of the assignments.

A reader of our team needs two things at once: the role `support` in the token they call with, and a dispute of the
contract on which they work now, as its agent or its second approver. One without the other is a stranger.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from skillscoop_chassis.identity import Actor

if TYPE_CHECKING:
    from skillscoop_messages.database import Transaction

SUPPORT = "support"
"""The role of those who work on disputes."""


def is_support(actor: Actor | None) -> bool:
    """Whether the token carries the role of those who work on disputes; nobody without a token does."""
    return actor is not None and SUPPORT in actor.roles


async def may_read_for_dispute(tx: Transaction, assignments: sa.Table, contract_id: str, actor: Actor) -> bool:
    """Whether the caller has the role `support` and works on a dispute of the contract.

    `assignments` is the service's copy of who works on what: one row a dispute, with the columns `contract_id`,
    `agent_id` and `second_approver_id`.
    """
    if not is_support(actor):
        return False
    row = await tx.first(_assigned_to(assignments), {"contract_id": contract_id, "user_id": actor.id})
    return row is not None


def readable_contracts(assignments: sa.Table, actor: Actor) -> sa.Select[Any]:
    """The ids of the contracts the caller may read on account of a dispute, for lists; none without the role."""
    columns = assignments.c
    if not is_support(actor):
        return sa.select(columns.contract_id).where(sa.false())
    return sa.select(columns.contract_id).where(
        sa.or_(columns.agent_id == actor.id, columns.second_approver_id == actor.id)
    )


@cache
def _assigned_to(assignments: sa.Table) -> sa.Select[Any]:
    columns = assignments.c
    user_id: sa.BindParameter[str] = sa.bindparam("user_id")
    return (
        sa.select(columns.dispute_id)
        .where(
            columns.contract_id == sa.bindparam("contract_id"),
            sa.or_(columns.agent_id == user_id, columns.second_approver_id == user_id),
        )
        .limit(1)
    )
