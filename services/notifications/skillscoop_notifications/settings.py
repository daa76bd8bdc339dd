"""Every environment variable of the notifications service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from skillscoop_chassis.settings import ServiceSettings


class NotificationsSettings(ServiceSettings):
    """What is common to all services, and where mail goes.

    Without SMTP_URL letters are written as .eml files into MAIL_FOLDER. APP_URL is the address of the pages people
    use; links in mail begin with it, and are left out without it.
    """

    smtp_url: SecretStr | None = None
    mail_from: str = Field(default="SkillScoop <no-reply@skillscoop.localhost>", max_length=320)
    mail_folder: Path = Path("mail")
    app_url: str | None = Field(default=None, pattern=r"^https?://[^\s\"<>]+$")

    @field_validator("mail_from")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable() or "@" not in value:
            raise ValueError("MAIL_FROM is one line with an address in it")
        return value
