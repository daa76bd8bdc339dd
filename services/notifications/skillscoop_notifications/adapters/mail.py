"""What a mail server, or the folder that stands in for one, is to this service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from skillscoop_notifications.adapters.letters import Letter


@dataclass(frozen=True, slots=True)
class Sent:
    """Somebody else answers for the letter now."""


@dataclass(frozen=True, slots=True)
class Refused:
    """This letter will never be taken. `why` is a short code without any address."""

    why: str


@dataclass(frozen=True, slots=True)
class Delayed:
    """Not taken now; worth another try. `why` is a short code without any address."""

    why: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing to send any more: the user has no confirmed address now."""


Outcome = Sent | Refused | Delayed | Dropped
Mailer = Callable[[Letter], Awaitable[Outcome]]


def mime_of(letter: Letter, sender: str, at: datetime) -> EmailMessage:
    """The letter as a message with a plain-text and an HTML part. `at` is wall time."""
    message = EmailMessage(policy=SMTP.clone(max_line_length=200))
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{letter.id}@{parseaddr(sender)[1].partition('@')[2] or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message
