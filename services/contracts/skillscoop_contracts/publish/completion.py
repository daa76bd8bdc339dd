"""The end of a contract, as others learn of it."""

from typing import Any

from skillscoop_messages.events import contracts as events
from skillscoop_messages.events.base import Event

from skillscoop_contracts.domain.completion import ContractClosed
from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.publish.about import (
    Builder,
    contract_changed,
)


def _closed(contract: Contract, fact: ContractClosed, _: By) -> Event:
    event = events.ContractCompleted if fact.state == "completed" else events.ContractEnded
    assert contract.policy is not None
    return event(
        **contract_changed(contract),
        currency=contract.currency,
        paid_to_freelancer=fact.paid,
        review_days=contract.policy.review_days,
    )


BUILDERS: dict[type[Any], Builder] = {
    ContractClosed: _closed,
}
