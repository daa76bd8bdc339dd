"""What the service reacts to: one function per queue."""

from typing import Any

from skillscoop_messages.consumer import Subscriber
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.events.contracts import ContractEnded

from skillscoop_reviews import usecases


async def learn_contract(tx: Transaction, envelope: Envelope[Any]) -> None:
    """A contract was made: remember its parties."""
    await usecases.learn_contract(tx, envelope.data, envelope.sequence)


async def open_window_when_contract_over(tx: Transaction, envelope: Envelope[Any]) -> None:
    """A contract was completed, or ended with something paid: both sides may review each other."""
    over = envelope.data
    if isinstance(over, ContractEnded) and over.paid_to_freelancer == 0:
        await usecases.learn_contract(tx, over, envelope.sequence)
        return
    await usecases.open_window(tx, over, envelope.sequence, over.review_days)


SUBSCRIBERS: list[Subscriber] = [
    Subscriber(f"reviews.{handle.__name__}", handle) for handle in (learn_contract, open_window_when_contract_over)
]
