"""Drafts and proposals, as others learn of them."""

from typing import Any

from skillscoop_messages.events import contracts as events
from skillscoop_messages.events.base import Event

from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.drafting import ContractDrafted, DraftEdited, TermsProposed
from skillscoop_contracts.publish.about import (
    Builder,
    contract_changed,
    lines_of,
)


def _drafted(contract: Contract, _: ContractDrafted, __: By) -> Event:
    return events.ContractCreated(**contract_changed(contract), currency=contract.currency)


def _proposed(contract: Contract, fact: TermsProposed, _: By) -> Event:
    return events.TermsProposed(
        **contract_changed(contract),
        revision=fact.revision,
        previous_revision=fact.previous_revision,
        milestones=lines_of(fact.terms),
        total=fact.terms.total,
        currency=contract.currency,
        expires_at=fact.expires_at,
    )


BUILDERS: dict[type[Any], Builder] = {
    ContractDrafted: _drafted,
    TermsProposed: _proposed,
}

TOLD_TO_NOBODY: frozenset[type[Any]] = frozenset({DraftEdited})
"""Only the client sees a draft change."""
