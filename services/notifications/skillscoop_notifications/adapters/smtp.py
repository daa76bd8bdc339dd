"""E-mails through a mail server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from skillscoop_notifications.adapters.emails import Email
from skillscoop_notifications.adapters.mail import Delayed, Mailer, Outcome, Refused, Sent, mime_of

TIMEOUT_SECONDS = 20.0
PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


def smtp_mailer(url: str, sender: str, wall: Callable[[], datetime]) -> Mailer:
    """A mailer for `smtp://`, `smtps://` or `smtp+starttls://` `[user:password@]host[:port]`.

    Raises ValueError for another kind of address. Plain smtp never upgrades and refuses to send a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("SMTP_URL must be smtp://, smtps:// or smtp+starttls:// with a host")
    if parts.username and parts.scheme == "smtp":
        raise ValueError("SMTP_URL: a password needs smtps:// or smtp+starttls://")

    async def send(email: Email) -> Outcome:
        server = SMTP(
            hostname=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=parts.scheme == "smtps",
            start_tls=parts.scheme == "smtp+starttls",
            timeout=TIMEOUT_SECONDS,
        )
        try:
            async with server:
                await server.send_message(mime_of(email, sender, wall()))
        # Whatever it was: this e-mail waits, and nothing else does.
        except Exception as error:
            return outcome_of(error)
        return Sent()

    return send


def outcome_of(error: Exception) -> Outcome:
    """What a failed attempt means. Codes only: the server's own words often repeat the address."""
    if isinstance(error, SMTPRecipientsRefused):
        codes = [one.code for one in error.recipients]
        return Refused(f"smtp_{codes[0]}") if codes and min(codes) >= 500 else Delayed("smtp_recipient_later")
    # A wrong password or sender is our own mistake: e-mails wait until it is put right.
    ours = isinstance(error, (SMTPAuthenticationError, SMTPSenderRefused))
    if isinstance(error, SMTPResponseException):
        code = f"smtp_{error.code}"
        return Refused(code) if error.code >= 500 and not ours else Delayed(code)
    return Delayed("smtp_unreachable" if isinstance(error, (SMTPException, OSError)) else type(error).__name__)
