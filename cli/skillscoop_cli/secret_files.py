"""The passwords of a deployment: one file each, made at random, never overwritten."""

import secrets
from pathlib import Path

from skillscoop_messages.registry import SERVICES

from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import write_private

KINDS = ("database", "broker", "cursors")
NAMES = ("postgres", *(f"{service}-{kind}" for service in SERVICES for kind in KINDS))
"""Every file that docker-compose.yml mounts. What a service's processes see is theirs alone."""


def make_secrets(folder: Path) -> list[str]:
    """Make every missing secret in `folder` and answer the names of those that were made.

    The folder is closed to others; the files themselves can be read, because a container mounts each one for a user of
    its own. Raises `Refused` when the folder cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [name for name in NAMES if write_private(folder / name, _new(), mode=0o444, replace=False)]
    except OSError as error:
        raise Refused(f"{folder} cannot be used: {error.strerror or error}") from error


def _new() -> str:
    return secrets.token_urlsafe(32) + "\n"
