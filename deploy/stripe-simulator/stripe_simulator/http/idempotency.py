"""Idempotency records: the first answer to a key, kept with its effect and given again."""

import hashlib
import json
from dataclasses import dataclass

from stripe_simulator import clock
from stripe_simulator.errors import Json, key_reused
from stripe_simulator.store import Transaction

LIFETIME = 86_400
"""Seconds of wall time a record is kept."""


@dataclass(frozen=True)
class Key:
    """A key as one request uses it: in which account, and a mark of address and parameters."""

    value: str
    account: str
    fingerprint: str


@dataclass(frozen=True)
class Record:
    """A kept answer: status, body as text, and the id of the request that was answered first."""

    status: int
    body: str
    request: str


def key_of(value: str, account: str, method: str, path: str, given: Json) -> Key:
    """The key with the fingerprint of what it is used for; the order of parameters does not matter."""
    text = f"{method} {path} {json.dumps(given, sort_keys=True)}"
    return Key(value, account, hashlib.sha256(text.encode()).hexdigest())


def recall(tx: Transaction, key: Key) -> Record | None:
    """The kept answer. Raises Refusal when the key was used for something else."""
    oldest = clock.wall().timestamp() - LIFETIME
    row = tx.sql(
        "SELECT fingerprint, status, body, request FROM idempotency WHERE account = ? AND key = ? AND created > ?",
        (key.account, key.value, oldest),
    ).fetchone()
    if row is None:
        return None
    if row[0] != key.fingerprint:
        raise key_reused(key.value)
    return Record(row[1], row[2], row[3])


def keep(tx: Transaction, key: Key, record: Record) -> None:
    """Keep the answer, in the transaction of its effect."""
    values = (key.account, key.value, key.fingerprint, record.status, record.body, record.request)
    tx.sql("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, clock.wall().timestamp()))


def prune(tx: Transaction) -> None:
    """Drop the records that are too old to be recalled."""
    tx.sql("DELETE FROM idempotency WHERE created <= ?", (clock.wall().timestamp() - LIFETIME,))


def forget(tx: Transaction) -> int:
    """Drop all records, as if they had grown too old; answers how many."""
    return tx.sql("DELETE FROM idempotency").rowcount
