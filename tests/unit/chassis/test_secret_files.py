"""Settings from files: how a password comes into its address, and what goes before what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from skillscoop_chassis.production import is_guessable, password_is_known
from skillscoop_chassis.settings import ServiceSettings
from sqlalchemy import make_url
from yarl import URL

ROOT = Path(__file__).resolve().parents[3]
NEEDED: dict[str, Any] = {"database_url": "sqlite:////tmp/a", "bus_url": "embedded:////tmp/b", "jwks_file": "keys.json"}
HOSTILE = r"""a/b@c:d&e|f?g#h%i j"k\l'm+n$o;ü"""


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which this process finds its secrets."""
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_password_with_any_marks_opens_what_it_should(secrets: Path, ending: str) -> None:
    """Given a password full of marks an address would misread, when it comes from a file, then drivers read it back."""
    for name in ("database_password", "bus_password"):
        (secrets / name).write_bytes((HOSTILE + ending).encode())

    settings = ServiceSettings(
        **{
            **NEEDED,
            "database_url": "postgresql://contracts@postgres/contracts",
            "bus_url": "amqp://contracts@rabbitmq/",
        }
    )

    database = make_url(settings.database_url.get_secret_value())
    bus = URL(settings.bus_url.get_secret_value())
    assert (database.username, database.password, database.host) == ("contracts", HOSTILE, "postgres")
    assert (bus.user, bus.password, bus.host) == ("contracts", HOSTILE, "rabbitmq")


def test_any_setting_can_be_a_file_and_the_environment_goes_first(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a setting as a file and as a variable, then the variable counts; alone, the file does."""
    (secrets / "cursor_secrets").write_text("first-secret-of-two,second-secret-of-two\n")
    (secrets / "log_level").write_text("error\n")
    monkeypatch.setenv("LOG_LEVEL", "debug")

    settings = ServiceSettings(**NEEDED)

    shown = [one.get_secret_value() for one in settings.cursor_secrets]
    assert shown == ["first-secret-of-two", "second-secret-of-two"]
    assert settings.log_level == "debug"


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "deploy/secrets/development").iterdir()))
def test_production_takes_no_password_that_this_repository_brings(file: str) -> None:
    """Given a password for trying out, then it counts as known to everybody, in an address as well as alone."""
    password = (ROOT / "deploy/secrets/development" / file).read_text().strip()

    assert password_is_known(f"postgresql://somebody:{password}@host/database")
    assert is_guessable(password)
