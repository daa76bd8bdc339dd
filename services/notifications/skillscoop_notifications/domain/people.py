"""What people say about themselves: address, name, language, time zone."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from skillscoop_notifications.domain.notice_templates import MAIL_DEFAULTS

CODE_LIFE = timedelta(hours=24)
CODE_TRIES = 5
CODES_AN_HOUR = 5
CODE_DIGITS = 8

# Deliberately loose: whether an address is real shows when the code sent to it comes back.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII
)


LOCALE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*([.][A-Za-z0-9-]{1,20})?$"
"""A language tag as browsers (`en-US-u-fw-mon`) and systems (`pt_BR.UTF-8`) give it."""


def language_of_tag(tag: str) -> str:
    """The language a tag begins with, in lower case: `en` for `EN-us`."""
    return re.split(r"[-_.]", tag)[0].lower()


def is_address(text: str) -> bool:
    """Whether `text` may be a mail address: plain ASCII, one line, nothing that has a meaning in a mail header."""
    return _ADDRESS.fullmatch(text) is not None


def wants_mail(kind: str, default: bool, chosen: Mapping[str, Any]) -> bool:
    """Whether a user gets mail of a kind: what they chose, else the default of this notice template."""
    return bool(chosen.get(kind, default))


def mail_choices(chosen: Mapping[str, Any]) -> dict[str, bool]:
    """Every kind that can be mailed with the user's choice or the default, by name."""
    return {kind: wants_mail(kind, default, chosen) for kind, default in sorted(MAIL_DEFAULTS.items())}


def may_send_code(sent: int, since: datetime | None, now: datetime) -> bool:
    """Whether one more confirmation code may be mailed: `sent` of them left since `since`, at most five an hour.

    Otherwise this service could be used to fill a stranger's mailbox.
    """
    return since is None or now - since >= timedelta(hours=1) or sent < CODES_AN_HOUR
