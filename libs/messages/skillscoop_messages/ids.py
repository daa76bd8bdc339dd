"""Identifiers that sort by the time they were made: UUIDv7, with a prefix that tells the type of the object."""

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from uuid import UUID

PREFIXES: dict[str, str] = {
    "contract": "ctr",
    "milestone": "ms",
    "funding": "fnd",
    "payment": "pay",
    "settlement": "stl",
    "transfer": "trf",
    "refund": "ref",
    "operation": "op",
    "chargeback": "cbk",
    "payout_account": "pac",
    "offer": "off",
    "end_request": "end",
    "dispute": "dsp",
    "evidence": "evd",
    "review": "rvw",
    "conversation": "cnv",
    "message": "msg",
    "attachment": "att",
    "notification": "ntf",
    "webhook_endpoint": "whe",
}

_HEX32 = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
_RANDOM_BITS = 74


class IdSource:
    """Makes UUIDv7 values that rise strictly within this source, also inside one millisecond.

    `milliseconds` gives Unix time in ms, `random_bits(n)` gives an n-bit integer; both can be seeded for a
    repeatable run.
    """

    def __init__(self, milliseconds: Callable[[], int], random_bits: Callable[[int], int]) -> None:
        self._milliseconds = milliseconds
        self._random_bits = random_bits
        self._last_ms = 0
        self._last_random = 0

    def next(self) -> UUID:
        """The next id; when the clock stands still or goes back, the random part counts up instead."""
        now = self._milliseconds()
        if now > self._last_ms:
            # The top bit stays free, so that counting up inside a millisecond cannot overflow.
            self._last_ms, self._last_random = now, self._random_bits(_RANDOM_BITS - 1)
        else:
            self._last_random += 1 + self._random_bits(32)
            if self._last_random >> _RANDOM_BITS:
                self._last_ms, self._last_random = self._last_ms + 1, self._random_bits(_RANDOM_BITS - 1)
        return _layout(self._last_ms, self._last_random)


def _layout(milliseconds: int, random: int) -> UUID:
    """RFC 9562: 48 bits of time, version 7, 12 random bits, variant 10, 62 random bits."""
    high = (milliseconds & 0xFFFFFFFFFFFF) << 16 | 0x7000 | random >> 62
    low = 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=high << 64 | low)


_SYSTEM = IdSource(lambda: time.time_ns() // 1_000_000, secrets.randbits)
_source: ContextVar[IdSource] = ContextVar("id_source", default=_SYSTEM)


@contextmanager
def ids_from(source: IdSource) -> Iterator[None]:
    """Inside this block ids of the current task come from `source`: for runs that repeat from a seed."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def new_id(prefix: str) -> str:
    """A new object id, for example `ctr_` and 32 lower-case hex digits. `prefix` is one of PREFIXES' values."""
    return f"{prefix}_{_source.get().next().hex}"


def new_message_id() -> str:
    """A new message id: a UUIDv7 in its usual form with dashes."""
    return str(_source.get().next())


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` is a well-formed id with this prefix; says nothing about the object's existence."""
    head, _, tail = text.partition("_")
    return head == prefix and _HEX32.fullmatch(tail) is not None


def message_id_floor(moment: datetime) -> str:
    """The smallest message id of that millisecond: rows older than `moment` are found through the primary key."""
    return str(UUID(int=(int(moment.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80))
