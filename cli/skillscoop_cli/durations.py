"""Lengths of time as people write them on a command line."""

import re
from datetime import timedelta

from skillscoop_cli.failures import Refused

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(r"([0-9]{1,6})([smhdw])")


def duration(text: str) -> timedelta:
    """`90s`, `30m`, `1h`, `14d`, `2w`, several in a row (`1h30m`); raises `Refused` for anything else and for zero."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Refused(f"{text!r} is no length of time: write 90s, 30m, 1h, 14d or 1h30m")
    length = sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    if not length:
        raise Refused(f"{text!r} is no time at all")
    return length
