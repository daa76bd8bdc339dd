"""Writing contracts: only what changed, and for each fact the row that remembers it."""

from typing import Any

import sqlalchemy as sa
from skillscoop_messages.database import Transaction

from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.drafting import ContractDrafted
from skillscoop_contracts.domain.table import Facts
from skillscoop_contracts.repository import dispute_cases, money_operations, terms
from skillscoop_contracts.repository.loading import Stored
from skillscoop_contracts.repository.row_types import SaveFact
from skillscoop_contracts.repository.rows import contract_columns, milestone_columns
from skillscoop_contracts.repository.timeline import add_entries
from skillscoop_contracts.tables import CONTRACTS, MILESTONES

_FIXED = frozenset({"id", "contract_id", "created_at", "client_id", "freelancer_id", "currency"})


def _update_all(table: sa.Table) -> sa.Update:
    """One statement for every change of a row: given the same columns each time, it is compiled once."""
    return sa.update(table).where(table.c.id == sa.bindparam("key"))


_UPDATE_CONTRACT = _update_all(CONTRACTS)
_UPDATE_MILESTONE = _update_all(MILESTONES)
_DELETE_MILESTONE = sa.delete(MILESTONES).where(MILESTONES.c.id == sa.bindparam("key"))
_INSERT_CONTRACT = sa.insert(CONTRACTS)
_INSERT_MILESTONE = sa.insert(MILESTONES)


_SAVE: dict[type[Any], SaveFact] = {**terms.SAVE, **money_operations.SAVE, **dispute_cases.SAVE}
"""Facts that have a row of their own; all others show in the contract, its milestones and the timeline."""


async def save(tx: Transaction, before: Stored, after: Contract, facts: Facts, by: By) -> int:
    """Write what a command changed, under the lock this transaction holds. The new length of the timeline."""
    old = before.contract
    if _own(after) != _own(old):
        tx.write(_UPDATE_CONTRACT, _changing(contract_columns(after), after.id))
    _save_milestones(tx, old, after)
    for fact in facts:
        if save_fact := _SAVE.get(type(fact)):
            await save_fact(tx, after, fact, by)
    return add_entries(tx, after, facts, by, before.entries)


async def save_new(tx: Transaction, fact: ContractDrafted, by: By) -> int:
    """Write a contract that was just drafted. The length of its timeline."""
    contract = fact.contract
    tx.write(_INSERT_CONTRACT, contract_columns(contract))
    tx.write(_INSERT_MILESTONE, [milestone_columns(contract.id, one) for one in contract.milestones])
    terms.save_first_terms(tx, contract)
    return add_entries(tx, contract, [fact], by, 0)


def _own(contract: Contract) -> tuple[Any, ...]:
    """What the contract's own row holds and what may change of it."""
    return (contract.version, contract.auto_complete_at)


def _changing(columns: dict[str, Any], key: str) -> dict[str, Any]:
    return {"key": key, **{name: value for name, value in columns.items() if name not in _FIXED}}


def _save_milestones(tx: Transaction, old: Contract, new: Contract) -> None:
    if new.milestones is old.milestones:
        return
    known = {milestone.id: milestone for milestone in old.milestones}
    kept = {milestone.id for milestone in new.milestones}
    changed = [
        _changing(milestone_columns(new.id, milestone), milestone.id)
        for milestone in new.milestones
        if milestone.id in known and known[milestone.id] != milestone
    ]
    added = [milestone_columns(new.id, milestone) for milestone in new.milestones if milestone.id not in known]
    gone = [{"key": milestone_id} for milestone_id in known if milestone_id not in kept]
    if changed:
        tx.write(_UPDATE_MILESTONE, changed if len(changed) > 1 else changed[0])
    if added:
        tx.write(_INSERT_MILESTONE, added)
    if gone:
        tx.write(_DELETE_MILESTONE, gone)
