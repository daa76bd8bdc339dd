"""The policy: its versions as rows, and as a part of other rows."""

from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.database import Transaction

from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.repository.row_types import Row
from skillscoop_contracts.tables import POLICIES

_POLICY_FIELDS = frozenset(field.name for field in fields(Policy))


def policy_document(policy: Policy) -> dict[str, Any]:
    """A policy as JSON."""
    return asdict(policy)


def policy_of(document: Row) -> Policy:
    """A policy out of JSON; fields of a newer or older version are left out or take their defaults."""
    known = {name: value for name, value in document.items() if name in _POLICY_FIELDS}
    if "hold_warning_days" in known:
        known["hold_warning_days"] = tuple(known["hold_warning_days"])
    return Policy(**known)


_LATEST_POLICY = sa.select(POLICIES).order_by(POLICIES.c.version.desc()).limit(1)
_LOCK_POLICIES = for_update(sa.select(POLICIES.c.version).where(POLICIES.c.version == 1))
_INSERT_POLICY = sa.text(
    """
    INSERT INTO policies (version, document, published_at, published_by)
    VALUES (:version, :document, :published_at, :published_by) ON CONFLICT DO NOTHING
    """
).bindparams(
    sa.bindparam("document", type_=POLICIES.c.document.type),
    sa.bindparam("published_at", type_=POLICIES.c.published_at.type),
)


async def latest_policy_row(tx: Transaction) -> Row | None:
    """The newest policy with when and by whom it was published; None before the first start."""
    return await tx.first(_LATEST_POLICY)


async def current_policy(tx: Transaction) -> Policy:
    """The policy in force for contracts approved from now on. Raises LookupError before the first start."""
    row = await latest_policy_row(tx)
    if row is None:
        raise LookupError("no policy was recorded yet")
    return policy_of(row["document"])


async def lock_policies(tx: Transaction) -> None:
    """Let one operator at a time publish a policy: version 1 is always there to be locked."""
    await tx.first(_LOCK_POLICIES)


async def save_policy(tx: Transaction, policy: Policy, by: str | None) -> bool:
    """Add a version of the policy; False when that version is there already."""
    done = await tx.execute(
        _INSERT_POLICY,
        {
            "version": policy.version,
            "document": policy_document(policy),
            "published_at": tx.now(),
            "published_by": by,
        },
    )
    return done.rowcount == 1
