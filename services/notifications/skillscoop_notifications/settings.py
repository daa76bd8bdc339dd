"""Every environment variable of the notifications service."""

from __future__ import annotations

from email.utils import parseaddr
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator
from skillscoop_chassis.http.limits import Rate
from skillscoop_chassis.production import Refusal, is_loopback, is_public_https, parts_of
from skillscoop_chassis.settings import ServiceSettings


class NotificationsSettings(ServiceSettings):
    """What is common to all services, and where mail goes.

    Without SMTP_URL e-mails are written as .eml files into MAIL_FOLDER. APP_URL is the address of the pages people
    use; links in mail begin with it, and are left out without it. CAP_UNANSWERED_MESSAGES: what a client may write in
    one conversation to a freelancer who has not yet taken part.
    """

    REFUSED_IN_PRODUCTION: ClassVar[tuple[Refusal, ...]] = (
        Refusal(
            "SMTP_URL",
            "no mail server",
            "mail would be written into a folder and reach nobody",
            lambda s: s.smtp_url is None,
        ),
        Refusal(
            "SMTP_URL",
            "plain smtp://",
            "names and what they agreed on would travel unprotected; use smtps:// or smtp+starttls://",
            lambda s: s.smtp_url is not None and parts_of(s.smtp_url).scheme not in ("smtps", "smtp+starttls"),
        ),
        Refusal(
            "MAIL_FROM",
            "an address of this machine",
            "mail servers refuse it, and answers to it are lost",
            lambda s: is_loopback(parseaddr(s.mail_from)[1].rpartition("@")[2]),
        ),
        Refusal(
            "APP_URL",
            "anything but https:// on another machine",
            "links in mail lead there",
            lambda s: s.app_url is not None and not is_public_https(s.app_url),
        ),
    )

    smtp_url: SecretStr | None = None
    mail_from: str = Field(default="SkillScoop <no-reply@skillscoop.localhost>", max_length=320)
    mail_folder: Path = Path("mail")
    cap_unanswered_messages: Rate = "10/day"
    app_url: str | None = Field(default=None, pattern=r"^https?://[^\s\"<>]+$")

    @field_validator("mail_from")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable() or "@" not in value:
            raise ValueError("MAIL_FROM is one line with an address in it")
        return value
