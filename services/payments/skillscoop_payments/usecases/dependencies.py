"""What every use case needs beside its transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from skillscoop_messages.context import TraceContext, trace_context

from skillscoop_payments.gateway import Gateway


@dataclass(frozen=True)
class Dependencies:
    """The provider and the settings around it.

    `environment` marks every object we make there; `nudge` starts waiting operations at once and `poll` what is to
    be polled there, call either after a commit only; `return_url` is where people come back to when nobody named a
    page; `poll_after` is how long an open object is left alone before it is polled, `book_after` the same
    for money the provider has yet to book, `recheck_after` for accounts that are in order; after
    `declines` declined cards a payment is closed.
    """

    environment: str
    gateway: Gateway
    nudge: Callable[[], None]
    poll: Callable[[], None]
    return_url: str
    poll_after: timedelta
    book_after: timedelta
    recheck_after: timedelta = timedelta(days=1)
    declines: int = 10


@contextmanager
def in_trace(trace: TraceContext) -> Iterator[None]:
    """Whatever is recorded inside belongs to this trace."""
    token = trace_context.set(trace)
    try:
        yield
    finally:
        trace_context.reset(token)
