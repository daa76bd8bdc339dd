"""Writing: only what changed, and for each fact the row that remembers it."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from skillscoop_messages.database import Transaction

from skillscoop_contracts.domain import facts as f
from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.domain.terms import Terms
from skillscoop_contracts.repository.loading import Stored
from skillscoop_contracts.repository.rows import contract_columns, line_document, milestone_columns, policy_document
from skillscoop_contracts.tables import (
    CONTRACTS,
    DISPUTE_CASES,
    MILESTONES,
    MONEY_OPERATIONS,
    POLICIES,
    TERMS,
    TIMELINE,
)
from skillscoop_contracts.timeline import entries

_FIXED = frozenset({"id", "contract_id", "created_at", "client_id", "freelancer_id", "currency"})


def _update_all(table: sa.Table) -> sa.Update:
    """One statement for every change of a row: given the same columns each time, it is compiled once."""
    return sa.update(table).where(table.c.id == sa.bindparam("key"))


_UPDATE_CONTRACT = _update_all(CONTRACTS)
_UPDATE_MILESTONE = _update_all(MILESTONES)
_DELETE_MILESTONE = sa.delete(MILESTONES).where(MILESTONES.c.id == sa.bindparam("key"))
_INSERT_CONTRACT = sa.insert(CONTRACTS)
_INSERT_MILESTONE = sa.insert(MILESTONES)
_INSERT_ENTRY = sa.insert(TIMELINE)
_INSERT_OPERATION = sa.insert(MONEY_OPERATIONS)
_CLOSE_OPERATION = (
    sa.update(MONEY_OPERATIONS)
    .where(MONEY_OPERATIONS.c.id == sa.bindparam("key"))
    .values(
        state=sa.bindparam("new_state"),
        is_open=False,
        payment_id=sa.func.coalesce(sa.bindparam("payment", type_=sa.Text), MONEY_OPERATIONS.c.payment_id),
        closed_at=sa.bindparam("now"),
    )
)


async def save(tx: Transaction, before: Stored, after: Contract, facts: list[f.Fact], by: By) -> int:
    """Write what a command changed, under the lock this transaction holds. The new length of the timeline."""
    old = before.contract
    if _own(after) != _own(old):
        tx.write(_UPDATE_CONTRACT, _changing(contract_columns(after), after.id))
    await _save_milestones(tx, old, after)
    for fact in facts:
        if save_fact := _ROWS.get(type(fact)):
            await save_fact(tx, after, fact, by)
    return await _add_entries(tx, after, facts, by, before.entries)


async def save_new(tx: Transaction, fact: f.ContractDrafted, by: By) -> int:
    """Write a contract that was just drafted. The length of its timeline."""
    contract = fact.contract
    tx.write(_INSERT_CONTRACT, contract_columns(contract))
    tx.write(_INSERT_MILESTONE, [milestone_columns(contract.id, one) for one in contract.milestones])
    tx.write(sa.insert(TERMS), _terms_row(contract, 1, contract.terms, contract.terms_hash, "draft", tx))
    return await _add_entries(tx, contract, [fact], by, 0)


def _own(contract: Contract) -> tuple[Any, ...]:
    """What the contract's own row holds and what may change of it."""
    return (contract.version, contract.auto_complete_at)


def _changing(columns: dict[str, Any], key: str) -> dict[str, Any]:
    return {"key": key, **{name: value for name, value in columns.items() if name not in _FIXED}}


async def _save_milestones(tx: Transaction, old: Contract, new: Contract) -> None:
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


async def _add_entries(tx: Transaction, contract: Contract, facts: list[f.Fact], by: By, last: int) -> int:
    now = tx.now()
    rows = [
        {
            "contract_id": contract.id,
            "number": number,
            "at": now,
            "actor": by.role,
            "actor_id": by.id,
            "action": entry.action,
            "reason": entry.reason,
            "subject_type": entry.subject[0],
            "subject_id": entry.subject[1],
            "data": entry.data,
        }
        for number, entry in enumerate(entries(contract, facts, by), last + 1)
    ]
    if rows:
        tx.write(_INSERT_ENTRY, rows if len(rows) > 1 else rows[0])
    return last + len(rows)


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


async def _draft_edited(tx: Transaction, contract: Contract, fact: f.DraftEdited, _: By) -> None:
    row = _terms_row(contract, fact.revision, fact.terms, fact.hash, "draft", tx)
    tx.write(_revision(contract, fact.revision).values(**row))


async def _proposed(tx: Transaction, contract: Contract, fact: f.TermsProposed, _: By) -> None:
    proposed = {"state": "proposed", "proposed_at": fact.at, "expires_at": fact.expires_at}
    if fact.previous_revision is None:
        tx.write(_revision(contract, fact.revision).values(**proposed))
        return
    await _restate(tx, contract, "proposed", "replaced")
    row = _terms_row(contract, fact.revision, fact.terms, fact.hash, "proposed", tx)
    tx.write(sa.insert(TERMS), {**row, **proposed})


async def _restate(tx: Transaction, contract: Contract, old: str, new: str) -> None:
    tx.write(sa.update(TERMS).where(TERMS.c.contract_id == contract.id, TERMS.c.state == old).values(state=new))


async def _approved(tx: Transaction, contract: Contract, fact: f.TermsApproved, by: By) -> None:
    await _restate(tx, contract, "in_force", "superseded")
    answer = {"state": "in_force", "answered_at": fact.at, "answered_by": by.id}
    tx.write(_revision(contract, fact.revision).values(**answer))


def _answered(state: str) -> Any:
    async def save_answer(tx: Transaction, contract: Contract, fact: Any, by: By) -> None:
        answer = {
            "state": state,
            "answered_at": tx.now(),
            "answered_by": by.id,
            "reason": getattr(fact, "reason", None),
        }
        tx.write(_revision(contract, fact.revision).values(**answer))

    return save_answer


async def _open_operation(tx: Transaction, contract: Contract, milestone_id: str, values: Mapping[str, Any]) -> None:
    row = {"contract_id": contract.id, "milestone_id": milestone_id, "state": "open", "is_open": True}
    tx.write(_INSERT_OPERATION, {**row, "opened_at": tx.now(), **values})


async def _funding_requested(tx: Transaction, contract: Contract, fact: f.FundingRequested, _: By) -> None:
    values = {"id": fact.funding_id, "kind": "funding", "amount": fact.amount}
    await _open_operation(tx, contract, fact.milestone_id, values)


async def _settlement_decided(tx: Transaction, contract: Contract, fact: f.SettlementDecided, _: By) -> None:
    settlement = fact.settlement
    values = {
        "id": settlement.id,
        "kind": "settlement",
        "amount": settlement.to_freelancer + settlement.to_client,
    }
    await _open_operation(tx, contract, fact.milestone_id, values)


async def _close(tx: Transaction, operation_id: str, state: str, payment_id: str | None = None) -> None:
    tx.write(_CLOSE_OPERATION, {"key": operation_id, "new_state": state, "payment": payment_id, "now": tx.now()})


async def _cancel_asked(tx: Transaction, _: Contract, fact: f.FundingCancelAsked, __: By) -> None:
    if fact.reason == "superseded":
        await _close(tx, fact.funding_id, "superseded")


async def _funded(tx: Transaction, _: Contract, fact: f.MilestoneFunded, __: By) -> None:
    await _close(tx, fact.funding_id, "held", fact.payment_id)


async def _funding_over(tx: Transaction, _: Contract, fact: f.FundingFailed | f.FundingAnswered, __: By) -> None:
    await _close(tx, fact.funding_id, fact.answer)


async def _payment_refused(tx: Transaction, _: Contract, fact: f.PaymentRefused, __: By) -> None:
    await _close(tx, fact.funding_id, "refused", fact.payment_id)


async def _payment_returned(tx: Transaction, _: Contract, fact: f.PaymentReturned, __: By) -> None:
    await _close(tx, fact.funding_id, "returned", fact.payment_id)


async def _settled(tx: Transaction, _: Contract, fact: f.MilestoneSettled, __: By) -> None:
    await _close(tx, fact.settlement_id, fact.state)


async def _case(tx: Transaction, contract: Contract, fact: Any, _: By) -> None:
    case = contract.case(fact.dispute_id)
    assert case is not None
    values = {"state": case.state, "decisions": list(case.decisions)}
    known = (DISPUTE_CASES.c.contract_id == contract.id) & (DISPUTE_CASES.c.dispute_id == case.id)
    done = await tx.execute(sa.update(DISPUTE_CASES).where(known).values(**values))
    if done.rowcount == 0:
        row = {"contract_id": contract.id, "dispute_id": case.id, **values}
        tx.write(sa.insert(DISPUTE_CASES), row)


_ROWS: dict[type[Any], Any] = {
    f.DraftEdited: _draft_edited,
    f.TermsProposed: _proposed,
    f.TermsApproved: _approved,
    f.TermsDeclined: _answered("declined"),
    f.TermsWithdrawn: _answered("withdrawn"),
    f.TermsLapsed: _answered("lapsed"),
    f.FundingRequested: _funding_requested,
    f.FundingCancelAsked: _cancel_asked,
    f.MilestoneFunded: _funded,
    f.FundingFailed: _funding_over,
    f.FundingAnswered: _funding_over,
    f.PaymentRefused: _payment_refused,
    f.PaymentReturned: _payment_returned,
    f.SettlementDecided: _settlement_decided,
    f.MilestoneSettled: _settled,
    f.DisputeAnswered: _case,
    f.DisputeDropped: _case,
    f.DecisionExecuted: _case,
    f.DecisionRefused: _case,
}
"""Facts that have a row of their own; all others show in the contract, its milestones and the timeline."""


_INSERT_POLICY = sa.text(
    """
    INSERT INTO policies (version, document, published_at, published_by)
    VALUES (:version, :document, :published_at, :published_by) ON CONFLICT DO NOTHING
    """
).bindparams(
    sa.bindparam("document", type_=POLICIES.c.document.type),
    sa.bindparam("published_at", type_=POLICIES.c.published_at.type),
)


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
