"""E-mails as .eml files in a folder, for machines without a mail server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from skillscoop_notifications.adapters.emails import Email
from skillscoop_notifications.adapters.mail import Delayed, Mailer, Outcome, Sent, mime_of


def file_mailer(folder: Path, sender: str, wall: Callable[[], datetime]) -> Mailer:
    """A mailer that writes `<id>.eml`; an e-mail sent twice is one file. The folder is readable by its owner only."""

    def store(name: str, content: bytes) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f".{name}.part"
        draft.write_bytes(content)
        draft.chmod(0o600)
        draft.replace(folder / f"{name}.eml")

    async def send(email: Email) -> Outcome:
        try:
            store(email.id, bytes(mime_of(email, sender, wall())))
        except OSError as error:
            return Delayed(f"file_{error.errno}")
        return Sent()

    return send
