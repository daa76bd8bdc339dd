"""The set-up scripts of database and broker, run on real ones: every service's password opens its own things only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import aiormq
import psycopg
import pytest
from skillscoop_cli.secret_files import make_secrets
from skillscoop_messages.registry import SERVICES
from yarl import URL

from tests.support.servers.private import PrivatePostgres, PrivateRabbit, program

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = {
    "contracts": "a/b@c:d&e|f",
    "payments": r"q\uote\"s'`id`$(id)$HOME;--",
    "notifications": "per%cent #hash ?mark",
    "disputes": "[x]{y}<z>*~!^=+,.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Secrets as a careful operator would not choose them."""
    folder = tmp_path / "secrets"
    make_secrets(folder)
    folder.chmod(0o755)
    for service, password in HOSTILE.items():
        for kind in ("database", "broker"):
            path = folder / f"{service}-{kind}"
            path.chmod(0o644)
            path.write_text(f"{password}{kind}\n")
    return folder


def test_a_password_opens_its_own_database_only(private_postgres: PrivatePostgres, folder: Path) -> None:
    """Given the databases as compose makes them, then each role opens its own database, with its own password."""
    psql = program("psql") or "psql"
    done = subprocess.run(
        ["sh", str(ROOT / "deploy/postgres/init.sh")],
        env={
            **os.environ,
            "PATH": f"{Path(psql).parent}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(private_postgres.port),
            "POSTGRES_USER": "postgres",
            "SECRETS_DIR": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hba = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (private_postgres.data / "pg_hba.conf").write_text(hba)
    with psycopg.connect(private_postgres.url, autocommit=True) as admin:
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("SELECT pg_sleep(0.2)")

    passwords = {service: (folder / f"{service}-database").read_text().rstrip("\n") for service in SERVICES}
    opened = {
        (owner, user, database)
        for owner, password in passwords.items()
        for user in SERVICES
        for database in (*SERVICES, "postgres")
        if (owner == user or database == user) and _opens(private_postgres.port, user, password, database)
    }

    assert opened == {(service, service, service) for service in SERVICES}


def _opens(port: int, user: str, password: str, database: str) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, user=user, password=password, dbname=database).close()
    except psycopg.OperationalError:
        return False
    return True


async def test_a_password_opens_its_own_broker_user_only(
    private_rabbit: PrivateRabbit, folder: Path, tmp_path: Path
) -> None:
    """Given the users as compose makes them, then each gets in with its own password and with no other."""
    done = subprocess.run(
        ["sh", str(ROOT / "deploy/rabbitmq/users.sh")],
        env={**os.environ, "SECRETS_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    definitions = private_rabbit.folder / "users.json"
    definitions.write_text(done.stdout)
    definitions.chmod(0o644)
    private_rabbit.ctl("import_definitions", str(definitions))

    passwords = {service: (folder / f"{service}-broker").read_text().rstrip("\n") for service in SERVICES}
    opened = {
        (owner, user)
        for owner, password in passwords.items()
        for user in SERVICES
        if await _lets_in(private_rabbit.port, user, password)
    }

    assert opened == {(service, service) for service in SERVICES}


async def _lets_in(port: int, user: str, password: str) -> bool:
    url = URL.build(scheme="amqp", user=user, password=password, host="127.0.0.1", port=port, path="/")
    try:
        connection = await aiormq.connect(url)
    except aiormq.exceptions.AMQPError:
        return False
    await connection.close()
    return True


@pytest.mark.parametrize("content", [None, "", "two\nlines\n"], ids=["missing", "empty", "two-lines"])
def test_a_missing_password_stops_the_broker(folder: Path, content: str | None) -> None:
    """Given one service without a password, then the broker is not set up with a user that anybody could be."""
    path = folder / "payments-broker"
    path.unlink()
    if content is not None:
        path.write_text(content)

    done = subprocess.run(
        ["sh", str(ROOT / "deploy/rabbitmq/users.sh")],
        env={**os.environ, "SECRETS_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert done.stdout == ""
