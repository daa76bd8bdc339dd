"""Settings: what is refused at the start, before anything can go wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from skillscoop_chassis.settings import ServiceSettings, clocks_of

NEEDED: dict[str, Any] = {"database_url": "sqlite:////tmp/a", "bus_url": "embedded:////tmp/b", "jwks_file": "keys.json"}
PRODUCTION = {
    **NEEDED,
    "database_url": "postgresql://contracts:9fK2-pq7-Vx@db.internal/contracts",
    "bus_url": "amqps://contracts:x0Y-41r-Ze@broker.internal/",
    "environment": "production",
    "jwt_issuer": "https://issuer.example",
    "cursor_secrets": "a-secret-of-sixteen!",
}


def test_production_takes_what_is_set_for_it() -> None:
    assert ServiceSettings(**PRODUCTION).environment == "production"


WRONG: dict[str, dict[str, Any]] = {
    "no keys": {**NEEDED, "jwks_file": None},
    "two places for keys": {**NEEDED, "jwks_url": "https://issuer.example/jwks"},
    "short secret": {**NEEDED, "cursor_secrets": "short"},
    "no secret": {**NEEDED, "cursor_secrets": ","},
    "namespace with spaces": {**NEEDED, "bus_namespace": "a b"},
    "development issuer in production": {**PRODUCTION, "jwt_issuer": "skillscoop-development"},
    "development secret in production": {k: v for k, v in PRODUCTION.items() if k != "cursor_secrets"},
    "played clock in production": {**PRODUCTION, "business_clock_offset_file": "offset"},
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG.keys())
def test_unsafe_settings_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServiceSettings(**given)


def test_secrets_are_never_shown() -> None:
    settings = ServiceSettings(**{**PRODUCTION, "database_url": "postgresql://u:hunter2@h/d"})

    assert "hunter2" not in repr(settings)
    assert "a-secret" not in settings.model_dump_json()


def test_first_secret_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURSOR_SECRETS", "first-secret-of-two, second-secret-of-two")
    monkeypatch.setenv("PORT", "")
    settings = ServiceSettings(**NEEDED)

    assert [one.get_secret_value() for one in settings.cursor_secrets] == [
        "first-secret-of-two",
        "second-secret-of-two",
    ]
    assert settings.port == 8000


def test_business_clock_runs_ahead_by_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    clocks = clocks_of(ServiceSettings(**NEEDED, business_clock_offset_file=file))

    def ahead() -> timedelta:
        return clocks.business() - clocks.wall()

    assert abs(ahead()) < timedelta(seconds=5)
    file.write_text(str(14 * 86_400))
    assert abs(ahead() - timedelta(days=14)) < timedelta(seconds=5)
    file.write_text(str(30 * 86_400))
    assert abs(ahead() - timedelta(days=30)) < timedelta(seconds=5)
