"""What the service reacts to: one function per queue."""

from typing import Any

from skillscoop_messages.consumer import Subscriber
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.events import contracts

from skillscoop_disputes import projections, usecases


async def learn_contract(tx: Transaction, envelope: Envelope[Any]) -> None:
    """Keep our copy of parties, policy and held money. What is decided about is no longer held for a dispute."""
    event, sequence = envelope.data, envelope.sequence
    await projections.learn_contract(tx, event, sequence)
    match event:
        case contracts.TermsApproved():
            await projections.learn_policy(tx, event.contract_id, event.policy)
        case (
            contracts.MilestoneFunded()
            | contracts.MilestoneSubmitted()
            | contracts.MilestoneSubmissionRetracted()
            | contracts.MilestoneHeldChanged()
            | contracts.MilestoneUnfrozen()
        ):
            await projections.learn_held(tx, event, event.held, sequence)
        case contracts.MilestoneSettlementDecided():
            await projections.learn_held(tx, event, 0, sequence)
        case _:
            pass


async def confirm_when_contracts_answered(tx: Transaction, envelope: Envelope[Any]) -> None:
    """Contracts froze the disputed money, or could not."""
    await usecases.confirm_or_refuse(tx, envelope.data)


async def note_unfrozen(_tx: Transaction, _envelope: Envelope[Any]) -> None:
    """Contracts let go of what a withdrawn dispute held. Nothing to do: it is the answer the withdrawal waits for."""


async def record_execution(tx: Transaction, envelope: Envelope[Any]) -> None:
    """Contracts settled as decided, or could not."""
    await usecases.record_execution(tx, envelope.data)


async def close_when_milestones_final(tx: Transaction, envelope: Envelope[Any]) -> None:
    """A milestone's money was delivered."""
    await usecases.finish_milestone(tx, envelope.data)


SUBSCRIBERS: list[Subscriber] = [
    Subscriber(f"disputes.{handle.__name__}", handle)
    for handle in (
        learn_contract,
        confirm_when_contracts_answered,
        note_unfrozen,
        record_execution,
        close_when_milestones_final,
    )
]
