"""Tries to fund and what became of them, as others learn of it."""

from typing import Any

from skillscoop_messages.events import contracts as events
from skillscoop_messages.events.base import Event

from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.funding import (
    FundingAnswered,
    FundingCancelAsked,
    FundingFailed,
    FundingRequested,
    MilestoneFunded,
    PaymentRefused,
    PaymentReturned,
)
from skillscoop_contracts.publish.about import (
    Builder,
    about_milestone,
    fee_of,
)


def _funding_requested(contract: Contract, fact: FundingRequested, _: By) -> Event:
    return events.MilestoneFundingRequested(
        **about_milestone(contract, contract.the_milestone(fact.milestone_id)),
        funding_id=fact.funding_id,
        method=fact.method,
        return_url=fact.return_url,
        fee=fee_of(fact.fee),
    )


def _funding_canceled(contract: Contract, fact: FundingCancelAsked, _: By) -> Event:
    return events.MilestoneFundingCanceled(
        **about_milestone(contract, contract.the_milestone(fact.milestone_id)),
        funding_id=fact.funding_id,
        reason=fact.reason,
    )


def _funded(contract: Contract, fact: MilestoneFunded, _: By) -> Event:
    return events.MilestoneFunded(
        **about_milestone(contract, contract.the_milestone(fact.milestone_id)),
        funding_id=fact.funding_id,
        payment_id=fact.payment_id,
        held=fact.held,
    )


def _funding_failed(contract: Contract, fact: FundingFailed, _: By) -> Event:
    return events.MilestoneFundingFailed(
        **about_milestone(contract, contract.the_milestone(fact.milestone_id)),
        funding_id=fact.funding_id,
        reason=fact.reason,
    )


def _payment_refused(contract: Contract, fact: PaymentRefused, _: By) -> Event:
    return events.MilestonePaymentRefused(
        **about_milestone(contract, contract.the_milestone(fact.milestone_id), changed=False),
        funding_id=fact.funding_id,
        payment_id=fact.payment_id,
        reason=fact.reason,
    )


BUILDERS: dict[type[Any], Builder] = {
    FundingRequested: _funding_requested,
    FundingCancelAsked: _funding_canceled,
    MilestoneFunded: _funded,
    FundingFailed: _funding_failed,
    PaymentRefused: _payment_refused,
}

TOLD_TO_NOBODY: frozenset[type[Any]] = frozenset({FundingAnswered, PaymentReturned})
"""An answer nobody waited for, and money that payments itself said went back."""
