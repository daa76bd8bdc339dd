"""Answers to proposed terms, as others learn of them."""

from typing import Any

from skillscoop_messages.events import contracts as events
from skillscoop_messages.events.base import Event

from skillscoop_contracts.domain.agreement import (
    ChangesRequested,
    TermsApproved,
    TermsDeclined,
    TermsLapsed,
    TermsWithdrawn,
)
from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.publish.about import (
    Builder,
    about_contract,
    contract_changed,
    lines_of,
)
from skillscoop_contracts.publish.policy import policy_terms


def _changes_requested(contract: Contract, fact: ChangesRequested, _: By) -> Event:
    return events.TermsChangesRequested(**about_contract(contract), revision=fact.revision, comment=fact.comment)


def _approved(contract: Contract, fact: TermsApproved, _: By) -> Event:
    return events.TermsApproved(
        **contract_changed(contract),
        revision=fact.revision,
        terms_hash=fact.hash,
        milestones=lines_of(fact.terms),
        currency=contract.currency,
        policy=policy_terms(fact.policy),
    )


def _declined(contract: Contract, fact: TermsDeclined, _: By) -> Event:
    return events.TermsDeclined(**contract_changed(contract), revision=fact.revision, reason=fact.reason)


def _withdrawn(contract: Contract, fact: TermsWithdrawn, _: By) -> Event:
    return events.TermsWithdrawn(**contract_changed(contract), revision=fact.revision)


def _lapsed(contract: Contract, fact: TermsLapsed, _: By) -> Event:
    return events.TermsLapsed(**contract_changed(contract), revision=fact.revision)


BUILDERS: dict[type[Any], Builder] = {
    ChangesRequested: _changes_requested,
    TermsApproved: _approved,
    TermsDeclined: _declined,
    TermsWithdrawn: _withdrawn,
    TermsLapsed: _lapsed,
}
