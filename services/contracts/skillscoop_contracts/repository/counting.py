"""What may be done only so often is counted in the rows that say it was done."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from skillscoop_messages.database import Transaction

from skillscoop_contracts.tables import CONTRACTS, MONEY_OPERATIONS

_C = CONTRACTS.c
_M = MONEY_OPERATIONS.c
_SINCE = sa.bindparam("since", type_=_C.created_at.type)
_CLIENT = sa.bindparam("client", type_=sa.Text)

_AGREED = (
    sa.select(_C.id)
    .where(_C.client_id == _CLIENT, _C.freelancer_id == sa.bindparam("freelancer"), _C.policy.is_not(None))
    .limit(1)
)
_UNANSWERED = sa.select(_C.created_at, _C.freelancer_id).where(
    _C.client_id == _CLIENT, _C.created_at > _SINCE, _C.policy.is_(None)
)
_TRIES = (
    sa.select(_M.milestone_id, _M.opened_at)
    .join_from(MONEY_OPERATIONS, CONTRACTS, _C.id == _M.contract_id)
    .where(_C.client_id == _CLIENT, _M.kind == "funding", _M.opened_at > _SINCE)
)


async def have_agreed(tx: Transaction, client_id: str, freelancer_id: str) -> bool:
    """Whether this freelancer ever approved terms of this client."""
    return await tx.first(_AGREED, {"client": client_id, "freelancer": freelancer_id}) is not None


async def unanswered_since(tx: Transaction, client_id: str, since: datetime) -> list[tuple[str, datetime]]:
    """Whom the client named in contracts made since then that nobody approved, and when."""
    rows = await tx.all(_UNANSWERED, {"client": client_id, "since": since})
    return [(row["freelancer_id"], row["created_at"]) for row in rows]


async def funding_tries_since(tx: Transaction, client_id: str, since: datetime) -> Sequence[tuple[str, datetime]]:
    """The milestones the client tried to fund since then, and when."""
    rows = await tx.all(_TRIES, {"client": client_id, "since": since})
    return [(row["milestone_id"], row["opened_at"]) for row in rows]
