"""What happens by itself as business time goes on."""

from collections.abc import Callable

from stripe_simulator.resources import balance, charges, checkout_sessions, refunds
from stripe_simulator.store import Transaction

HANDLERS: dict[str, Callable[[Transaction, str], object]] = {
    "book": charges.book,
    "expire_session": checkout_sessions.expire_when_due,
    "refund": refunds.advance,
    "retry_refunds": refunds.retry,
    "settle": balance.settle,
}
"""By kind of timer: what is done with its subject."""


def fire(tx: Transaction) -> None:
    """Do everything that is due, earliest first, with what follows from it."""
    while timer := tx.next_timer():
        kind, subject = timer
        HANDLERS[kind](tx, subject)
