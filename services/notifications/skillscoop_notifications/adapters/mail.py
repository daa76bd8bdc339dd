"""What a mail server, or the folder that stands in for one, is to this service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from skillscoop_notifications.adapters.emails import Email


@dataclass(frozen=True, slots=True)
class Sent:
    """Somebody else answers for the e-mail now."""


@dataclass(frozen=True, slots=True)
class Refused:
    """This e-mail will never be taken. `why` is a short code without any address."""

    why: str


@dataclass(frozen=True, slots=True)
class Delayed:
    """Not taken now; worth another try. `why` is a short code without any address."""

    why: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing to send any more: the user has no confirmed address now."""


Outcome = Sent | Refused | Delayed | Dropped
Mailer = Callable[[Email], Awaitable[Outcome]]


def mime_of(email: Email, sender: str, at: datetime) -> EmailMessage:
    """The e-mail as a message with a plain-text and an HTML part. `at` is wall time."""
    message = EmailMessage(policy=SMTP.clone(max_line_length=200))
    message["From"] = sender
    message["To"] = email.to
    message["Subject"] = email.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{email.id}@{parseaddr(sender)[1].partition('@')[2] or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(email.text, cte="quoted-printable")
    message.add_alternative(email.html, subtype="html", cte="quoted-printable")
    return message
