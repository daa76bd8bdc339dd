"""Which operation an address means."""

import re

from stripe_simulator.resources import (
    accounts,
    balance,
    charges,
    checkout_sessions,
    customers,
    disputes,
    events,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
    transfers,
    webhook_endpoints,
)
from stripe_simulator.resources.operation import Operation

OPERATIONS: tuple[Operation, ...] = tuple(
    operation
    for resource in (
        accounts,
        balance,
        charges,
        checkout_sessions,
        customers,
        disputes,
        events,
        payment_intents,
        payment_methods,
        refunds,
        setup_intents,
        transfers,
        webhook_endpoints,
    )
    for operation in resource.OPERATIONS
)

_PATTERNS = [
    (operation, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.path))) for operation in OPERATIONS
]


def match(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation with the ids from the path, or None."""
    for operation, pattern in _PATTERNS:
        if operation.method == method and (found := pattern.fullmatch(path)):
            return operation, found.groupdict()
    return None
