"""What happens by itself as business time goes on."""

import logging
from collections.abc import Callable

from stripe_simulator.resources import balance, charges, checkout_sessions, refunds
from stripe_simulator.store import Transaction, savepoint

HANDLERS: dict[str, Callable[[Transaction, str], object]] = {
    "book": charges.book,
    "expire_session": checkout_sessions.expire_when_due,
    "refund": refunds.advance,
    "retry_refunds": refunds.retry,
    "settle": balance.settle,
}
"""By kind of timer: what is done with its subject."""

_log = logging.getLogger("stripe_simulator")


def fire(tx: Transaction) -> None:
    """Do everything that is due, earliest first, with what follows from it. A timer that fails is dropped and told."""
    while timer := tx.next_timer():
        kind, subject = timer
        try:
            with savepoint(tx, unless=lambda error: False):
                HANDLERS[kind](tx, subject)
        except Exception:
            _log.exception("timer %s of %s failed", kind, subject)
