"""Money operations: every try to fund and every settlement; at most one is open per milestone."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from skillscoop_messages.database import Transaction

from skillscoop_contracts.domain.contract import By, Contract, Funding
from skillscoop_contracts.domain.delivery import MilestoneSettled, SettlementDecided
from skillscoop_contracts.domain.funding import (
    FundingAnswered,
    FundingCancelAsked,
    FundingFailed,
    FundingRequested,
    MilestoneFunded,
    PaymentRefused,
    PaymentReturned,
)
from skillscoop_contracts.repository.row_types import Row, SaveFact
from skillscoop_contracts.tables import (
    MONEY_OPERATIONS,
)

FIND_FUNDING = sa.select(MONEY_OPERATIONS).where(
    MONEY_OPERATIONS.c.contract_id == sa.bindparam("contract"), MONEY_OPERATIONS.c.id == sa.bindparam("key")
)
"""One try to fund, by `contract` and `key`."""
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


def funding_of(row: Row) -> Funding:
    """A try to fund out of its row."""
    return Funding(row["id"], row["milestone_id"], row["amount"], row["state"])


async def _open_operation(tx: Transaction, contract: Contract, milestone_id: str, values: Mapping[str, Any]) -> None:
    row = {"contract_id": contract.id, "milestone_id": milestone_id, "state": "open", "is_open": True}
    tx.write(_INSERT_OPERATION, {**row, "opened_at": tx.now(), **values})


async def _funding_requested(tx: Transaction, contract: Contract, fact: FundingRequested, _: By) -> None:
    values = {"id": fact.funding_id, "kind": "funding", "amount": fact.amount}
    await _open_operation(tx, contract, fact.milestone_id, values)


async def _settlement_decided(tx: Transaction, contract: Contract, fact: SettlementDecided, _: By) -> None:
    settlement = fact.settlement
    values = {
        "id": settlement.id,
        "kind": "settlement",
        "amount": settlement.to_freelancer + settlement.to_client,
    }
    await _open_operation(tx, contract, fact.milestone_id, values)


async def _close(tx: Transaction, operation_id: str, state: str, payment_id: str | None = None) -> None:
    tx.write(_CLOSE_OPERATION, {"key": operation_id, "new_state": state, "payment": payment_id, "now": tx.now()})


async def _cancel_asked(tx: Transaction, _: Contract, fact: FundingCancelAsked, __: By) -> None:
    if fact.reason == "superseded":
        await _close(tx, fact.funding_id, "superseded")


async def _funded(tx: Transaction, _: Contract, fact: MilestoneFunded, __: By) -> None:
    await _close(tx, fact.funding_id, "held", fact.payment_id)


async def _funding_over(tx: Transaction, _: Contract, fact: FundingFailed | FundingAnswered, __: By) -> None:
    await _close(tx, fact.funding_id, fact.answer)


async def _payment_refused(tx: Transaction, _: Contract, fact: PaymentRefused, __: By) -> None:
    await _close(tx, fact.funding_id, "refused", fact.payment_id)


async def _payment_returned(tx: Transaction, _: Contract, fact: PaymentReturned, __: By) -> None:
    await _close(tx, fact.funding_id, "returned", fact.payment_id)


async def _settled(tx: Transaction, _: Contract, fact: MilestoneSettled, __: By) -> None:
    await _close(tx, fact.settlement_id, fact.state)


SAVE: dict[type[Any], SaveFact] = {
    FundingRequested: _funding_requested,
    FundingCancelAsked: _cancel_asked,
    MilestoneFunded: _funded,
    FundingFailed: _funding_over,
    FundingAnswered: _funding_over,
    PaymentRefused: _payment_refused,
    PaymentReturned: _payment_returned,
    SettlementDecided: _settlement_decided,
    MilestoneSettled: _settled,
}
