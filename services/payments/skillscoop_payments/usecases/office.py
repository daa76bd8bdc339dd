"""What every use case needs beside its transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from skillscoop_messages.context import TraceContext, trace_context

from skillscoop_payments.gateway import Gateway


@dataclass(frozen=True)
class Office:
    """The provider and the settings around it.

    `environment` marks every object we make there; `wake` starts waiting operations at once and `look` what is to be
    looked at there, call either after a commit only; `return_url` is where people come back to when nobody named a
    page; `look_after` is how long an open object is left alone before it is looked at unasked, `book_after` the same
    for money the provider has yet to book, `recheck_after` for accounts that are in order; after
    `declines` declined cards a payment is closed.
    """

    environment: str
    gateway: Gateway
    nudge: Callable[[], None]
    look: Callable[[], None]
    return_url: str
    look_after: timedelta
    book_after: timedelta
    recheck_after: timedelta = timedelta(days=1)
    declines: int = 10


@contextmanager
def telling(told: TraceContext) -> Iterator[None]:
    """Whatever is recorded inside belongs to this trace."""
    token = trace_context.set(told)
    try:
        yield
    finally:
        trace_context.reset(token)
