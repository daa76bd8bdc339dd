"""What production refuses, of every service: each unsafe value alone, and one line that says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from skillscoop_chassis.production import lines_of, refusals_of
from stripe_simulator import from_environment

from tests.support.applications import ROOT, SERVICES, settings_class

STRONG = "k8Jq-27fe-Zp0v-Xw41"
COMMON = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": f"postgresql://app:{STRONG}@db.internal/app",
    "BUS_URL": f"amqps://app:{STRONG}@broker.internal/",
    "JWKS_URL": "https://issuer.example/.well-known/jwks.json",
    "JWT_ISSUER": "https://issuer.example/",
    "CURSOR_SECRETS": STRONG,
}
OWN: dict[str, dict[str, str]] = {
    "contracts": {"RETURN_URL_ORIGINS": "https://app.example"},
    "payments": {
        "STRIPE_API_KEY": "sk_live_" + "a1B2" * 6,
        "STRIPE_PUBLISHABLE_KEY": "pk_live_" + "a1B2" * 6,
        "STRIPE_WEBHOOK_SECRETS": "whsec_" + STRONG,
        "RETURN_URL": "https://app.example/back",
    },
    "notifications": {"SMTP_URL": f"smtps://app:{STRONG}@mail.example", "MAIL_FROM": "SkillScoop <hello@app.example>"},
    "disputes": {},
    "reviews": {},
}
"""What each service needs to start in production."""

UNSAFE: dict[str, list[tuple[str, str, str]]] = {
    "every": [
        ("DATABASE_URL", "sqlite:////data/app.sqlite", "SQLite"),
        ("DATABASE_URL", "postgresql://app:development@db.internal/app", "password"),
        ("DATABASE_URL", "postgresql://app:app@db.internal/app", "password"),
        ("DATABASE_URL", "postgresql://app:@db.internal/app", "password"),
        ("DATABASE_PASSWORD", "development", "password"),
        ("BUS_URL", "embedded:////data/bus.sqlite", "amqp"),
        ("BUS_URL", "simulated://", "amqp"),
        ("BUS_URL", "amqp://app:development@broker.internal/", "password"),
        ("BUS_URL", "amqp://guest:guest@broker.internal/", "password"),
        ("JWKS_URL", "http://issuer.example/jwks.json", "https"),
        ("JWKS_URL", "https://127.0.0.1/jwks.json", "another machine"),
        ("JWKS_URL", "file:///etc/jwks.json", "https"),
        ("JWT_ISSUER", "skillscoop-development", "development issuer"),
        ("JWT_ISSUER", "http://issuer.example", "http"),
        ("CURSOR_SECRETS", "development-only-not-for-production", "examples"),
        ("CURSOR_SECRETS", "aaaaaaaaaaaaaaaaaaaaaaaa", "few characters"),
        ("CURSOR_SECRETS", f"{STRONG},aaaaaaaaaaaaaaaaaaaaaaaa", "few characters"),
        ("CORS_ORIGINS", "http://app.example", "https"),
        ("CORS_ORIGINS", "https://app.example,https://localhost:3000", "https"),
        ("BUSINESS_CLOCK_OFFSET_FILE", "/data/offset", "clock"),
    ],
    "contracts": [
        ("RETURN_URL_ORIGINS", "http://app.example", "https"),
        ("RETURN_URL_ORIGINS", "https://[::1]", "https"),
    ],
    "payments": [
        ("STRIPE_API_KEY", "sk_test_" + "a1B2" * 6, "live"),
        ("STRIPE_API_KEY", "x", "live"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_" + "a1B2" * 6, "test key"),
        ("STRIPE_API_BASE", "http://simulator:8000", "Stripe"),
        ("STRIPE_WEBHOOK_SECRETS", "", "no secret"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_development", "whsec_development"),
        ("STRIPE_WEBHOOK_SECRETS", "x", "one letter"),
        ("STRIPE_WEBHOOK_SECRETS", f"whsec_{STRONG},whsec_x", "one letter"),
        ("STRIPE_CONNECT_WEBHOOK_SECRETS", "whsec_development", "guesses"),
        ("STRIPE_THIN_WEBHOOK_SECRETS", "x", "guesses"),
        ("RETURN_URL", "javascript:alert(1)", "https"),
        ("RETURN_URL", "http://app.example/back", "https"),
        ("RETURN_URL", "https://127.0.0.1:8080/back", "another machine"),
        ("RETURN_URL", "https://0.0.0.0/back", "another machine"),
        ("RETURN_URL", "https://user@app.example/back", "https"),
        ("RETURN_URL", "", "https"),
        ("RETURN_URL_ORIGINS", "http://app.example", "https"),
    ],
    "notifications": [
        ("SMTP_URL", "", "no mail server"),
        ("SMTP_URL", "smtp://mail.example", "plain smtp"),
        ("MAIL_FROM", "SkillScoop <no-reply@skillscoop.localhost>", "this machine"),
        ("APP_URL", "http://app.example", "https"),
    ],
}
"""Variable, value, and a word of the line that has to say why."""

UNSAFE_EXAMPLES = ("whsec_development",)
"""Values that the lines themselves name."""

CASES = [
    pytest.param(service, *case, id=f"{service}-{case[0]}-{case[1][:24]}")
    for service in SERVICES
    for case in (*UNSAFE["every"], *UNSAFE.get(service, []))
]


def refused(monkeypatch: pytest.MonkeyPatch, service: str, **environment: str) -> list[str]:
    """The lines a service ends with in this environment; none when it starts."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in {**COMMON, **OWN[service], **environment}.items():
        monkeypatch.setenv(name, value)
    try:
        settings_class(service)()
    except ValidationError as error:
        return lines_of(error)
    return []


@pytest.mark.parametrize("service", SERVICES)
def test_production_starts_with_safe_values(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    assert refused(monkeypatch, service) == []


@pytest.mark.parametrize(("service", "variable", "value", "why"), CASES)
def test_production_refuses_unsafe_value(
    monkeypatch: pytest.MonkeyPatch, service: str, variable: str, value: str, why: str
) -> None:
    """Given production with one unsafe value, when the process starts, then one line names the variable and why."""
    lines = refused(monkeypatch, service, **{variable: value})

    assert len(lines) == 1, lines
    named = {"DATABASE_PASSWORD": "DATABASE_URL"}.get(variable, variable)
    assert lines[0].startswith(f"{named}: ") and why in lines[0]
    assert len(value) < 8 or value in UNSAFE_EXAMPLES or value not in lines[0]


def test_every_row_of_the_table_refuses_something() -> None:
    """Given the table in docs/production.md, when the cases of this test are counted, then each row has one."""
    cases = {
        (service, variable, row.what)
        for service in SERVICES
        for variable, value, _ in (*UNSAFE["every"], *UNSAFE.get(service, []))
        for row in refusals_of(settings_class(service))
        if row.variable == {"DATABASE_PASSWORD": "DATABASE_URL"}.get(variable, variable)
    }
    rows = {(service, row.variable, row.what) for service in SERVICES for row in refusals_of(settings_class(service))}

    assert rows <= cases


def test_every_unsafe_value_has_its_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given three unsafe values, when the process starts, then there are three lines."""
    unsafe = {"CURSOR_SECRETS": "aaaaaaaaaaaaaaaaaaaaaaaa", "JWT_ISSUER": "http://x", "STRIPE_WEBHOOK_SECRETS": "x"}
    lines = refused(monkeypatch, "payments", **unsafe)

    assert sorted(line.partition(":")[0] for line in lines) == sorted(unsafe)


SECRETS: dict[str, dict[str, str]] = {
    "every": {"CURSOR_SECRETS": STRONG, "DATABASE_URL": COMMON["DATABASE_URL"], "BUS_URL": COMMON["BUS_URL"]},
    "payments": {name: value for name, value in OWN["payments"].items() if name.startswith("STRIPE_")},
    "notifications": {"SMTP_URL": OWN["notifications"]["SMTP_URL"]},
}


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\n"], ids=["newline", "windows", "blank lines"])
@pytest.mark.parametrize("service", SERVICES)
def test_secrets_from_files_lose_the_end_of_their_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: str, end: str
) -> None:
    """Given secrets as files that end in a newline, and the same as variables, when a service reads them, then the
    newline is no part of any of them."""
    secrets = {**SECRETS["every"], **SECRETS.get(service, {})}
    rest = {name: value for name, value in {**COMMON, **OWN[service]}.items() if name not in secrets}
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in rest.items():
        monkeypatch.setenv(name, value)
    for name, value in secrets.items():
        (tmp_path / name.lower()).write_bytes((value + end).encode())
    with monkeypatch.context() as files:
        files.setenv("SECRETS_DIR", str(tmp_path))
        from_files = settings_class(service)()
    for name, value in secrets.items():
        monkeypatch.setenv(name, value + end)
    from_variables = settings_class(service)()

    for known in (from_files, from_variables):
        for name, value in secrets.items():
            assert _plain(getattr(known, name.lower())) == value, name


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_plain(one) for one in value)
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


@pytest.mark.parametrize("variable", ["CURSOR_SECRETS", "DATABASE_URL", "JWT_ISSUER", "DATABASE_PASSWORD"])
def test_line_break_inside_a_value_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    lines = refused(monkeypatch, "reviews", **{variable: f"{STRONG}\n{STRONG}"})

    assert [line.partition(":")[0] for line in lines] == [variable]
    assert STRONG not in lines[0]


@pytest.mark.parametrize("password", ["p@ss/w:ord&|?#%41", "ünï cödé", "a%20b"])
def test_password_needs_no_encoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, password: str) -> None:
    """Given a password with signs that mean something in an address, when it comes as a file of its own, then both
    addresses hold it."""
    import sqlalchemy as sa
    import yarl

    (tmp_path / "database_password").write_text(password + "\n")
    (tmp_path / "bus_password").write_text(password + "\n")
    plain = {"DATABASE_URL": "postgresql://app@db.internal/app", "BUS_URL": "amqp://app@broker.internal/"}
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in {**COMMON, **plain, "SECRETS_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    known = settings_class("reviews")()

    assert sa.make_url(known.database_url.get_secret_value()).password == password
    assert yarl.URL(known.bus_url.get_secret_value()).password == password


def test_process_ends_with_one_line_for_each_refused_value(tmp_path: Path) -> None:
    """Given a process in production with two unsafe values, when it starts, then it ends with 2 and two lines."""
    environment = {**COMMON, "DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite", "JWKS_URL": "http://issuer.example/"}
    done = subprocess.run(
        [sys.executable, "-m", "skillscoop_reviews"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environment},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 2
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["DATABASE_URL", "JWKS_URL"]
    assert not list(tmp_path.iterdir())


def test_secrets_of_the_simulator_lose_the_end_of_their_line() -> None:
    """Given a webhook secret read from a file, when the simulator starts, then the newline is no part of it."""
    target = {"url": "http://payments:8000/webhooks/stripe", "secret": "whsec_of_a_file\n", "kind": "platform"}
    _, _, settings = from_environment({"SIMULATOR_WEBHOOKS": json.dumps([target])})

    assert settings.webhooks[0].secret == "whsec_of_a_file"
