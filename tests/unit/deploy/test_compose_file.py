"""What docker-compose.yml promises: own passwords, two networks, nobody root, every setting in reach."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from skillscoop_cli.embedded.composition import SERVICES, settings_class
from skillscoop_cli.secret_files import NAMES, make_secrets

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
PROCESSES = [f"{service}-{role}" for service in SERVICES for role in ("migrate", "api", "worker")]
VARIABLE = re.compile(r"\$\{([A-Z_]+)")

LEFT_ALONE = {
    "jwks_file", "bus_namespace", "business_clock_offset_file", "mail_folder", "database_pool", "evidence_max_bytes",
    "jwt_types", "jwt_leeway_seconds", "jwt_max_ahead_seconds", "jwks_refresh_seconds", "http_head_seconds",
    "http_body_seconds", "stripe_timeout", "stripe_concurrency", "look_after_seconds", "book_after_seconds",
    "settlement_currencies", "recheck_after_seconds", "moved_every_seconds", "database_layer",
    "rate_reads", "rate_writes", "rate_anonymous", "rate_refused",
    "cap_invitations_of_one", "cap_invitations", "cap_fundings_of_milestone", "cap_fundings", "cap_unanswered_messages",
    "cap_withdrawn_disputes", "cap_declines",
}  # fmt: skip
"""Settings with which compose's defaults are right; another value comes in an override or as a file."""


def secrets_of(container: str) -> set[str]:
    """Names of the files a container sees."""
    given = CONTAINERS[container].get("secrets", ())
    return {one["source"] if isinstance(one, dict) else one for one in given}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_sees_its_own_secrets_only(process: str) -> None:
    """Given a service's process, then it sees its service's three files and no secret of another one anywhere."""
    service = process.partition("-")[0]
    container = CONTAINERS[process]

    assert secrets_of(process) == {f"{service}-{kind}" for kind in ("database", "broker", "cursors")}
    environment = str(container["environment"])
    assert not re.search(r"//[^/@\s]+:[^/@\s]+@", environment)
    if service != "payments":
        assert "STRIPE" not in environment


def test_every_secret_is_a_file_that_is_here_and_that_can_be_made(tmp_path: Path) -> None:
    """Given the files compose mounts, then each has one for trying out, all differ, and new ones are made at random."""
    files = {name: one["file"] for name, one in COMPOSE["secrets"].items()}
    shown = {name: (ROOT / "deploy/secrets/development" / name).read_text() for name in files}
    passwords = [text for name, text in shown.items() if not name.endswith("-cursors")]

    assert set(files) == set(NAMES)
    assert all(path.startswith("${SECRETS_FOLDER:-./deploy/secrets/development}/") for path in files.values())
    assert len(set(passwords)) == len(passwords)
    assert all(text.startswith("development-") for text in shown.values())

    assert make_secrets(tmp_path / "new") == list(NAMES)
    made = {name: (tmp_path / "new" / name).read_text() for name in NAMES}
    assert len(set(made.values())) == len(NAMES)
    assert make_secrets(tmp_path / "new") == []
    assert {name: (tmp_path / "new" / name).read_text() for name in NAMES} == made
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_the_gateway_reaches_no_database_and_no_broker() -> None:
    """Given two networks, then gateway and database share none, and what keeps data reaches nothing outside."""
    assert set(COMPOSE["networks"]) == {"edge", "inner"}
    assert COMPOSE["networks"]["inner"]["internal"] is True
    networks = {name: one.get("networks") for name, one in CONTAINERS.items()}
    assert [networks[name] for name in ("postgres", "rabbitmq", "issuer")] == [["inner"]] * 3
    assert [networks[name] for name in ("gateway", "simulator", "mail")] == [["edge"]] * 3


def test_nobody_who_listens_is_root() -> None:
    """Given the containers built here, then only the job that hands the issuer's key over runs as root, unconnected."""
    rooted = [name for name, one in CONTAINERS.items() if str(one.get("user", "")).startswith("0")]

    assert rooted == ["issuer-key"]
    assert CONTAINERS["issuer-key"]["network_mode"] == "none"
    assert "USER skillscoop" in (ROOT / "deploy/docker/service.Dockerfile").read_text()


@pytest.mark.parametrize("container", CONTAINERS)
def test_logs_are_rotated(container: str) -> None:
    """Given any container, then its log is kept within bounds."""
    assert CONTAINERS[container]["logging"]["options"]["max-size"] == "10m"


def test_every_image_from_outside_can_be_pinned_by_digest() -> None:
    """Given images that are not built here, then a variable can name each, and the script finds all of them."""
    outside = [one["image"] for one in CONTAINERS.values() if not one["image"].startswith("skillscoop/")]
    dockerfile = (ROOT / "deploy/docker/service.Dockerfile").read_text()

    assert all(re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[^}]+\}", image) for image in outside)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${UV_IMAGE}", "${PYTHON_IMAGE}"}


def test_the_example_names_every_variable() -> None:
    """Given the variables of both compose files, then `.env.example` explains each and no other."""
    used = set(VARIABLE.findall(TEXT + (ROOT / "deploy/production.yaml").read_text()))
    told = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert used - told == set()
    assert told - used == set()


def test_an_empty_stripe_address_means_stripe() -> None:
    """Given STRIPE_API_BASE set and empty, then the simulator is not put in its place."""
    assert CONTAINERS["payments-api"]["environment"]["STRIPE_API_BASE"] == "${STRIPE_API_BASE-http://simulator:8000}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_within_reach(service: str) -> None:
    """Given a service's settings, then compose passes each on or leaves it alone knowingly, and passes no other."""
    fields = set(settings_class(service).model_fields)
    api = CONTAINERS[f"{service}-api"]
    passed = {name.lower() for name in api["environment"]} | {one["target"] for one in api["secrets"]}

    missing, unknown = fields - passed - LEFT_ALONE, passed - fields - {"secrets_dir"}
    assert not missing, f"pass {missing} on in docker-compose.yml and .env.example, or name them in LEFT_ALONE"
    assert not unknown, f"docker-compose.yml passes {unknown}, which {service} does not read"
