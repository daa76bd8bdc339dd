"""The smaller verbs: what they print, and how they end."""

import base64
import json
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.installation import PATIENCE, ROOT, Installation

OneLine = Callable[[subprocess.CompletedProcess[str]], str]


def _claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def test_token_prints_one_token_and_nothing_else(skillscoop: Installation) -> None:
    done = skillscoop.run("token", "sam", "--role", "support", "--role", "ops", "--ttl", "30m")
    assert done.returncode == 0
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    claims = _claims(done.stdout.strip())
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("skillscoop-development", "skillscoop", "sam")
    assert claims["roles"] == ["support", "ops"]
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 1_800


@pytest.mark.parametrize("arguments", [("--role", "king"), ("--ttl", "soon"), ("--ttl", "0s")])
def test_token_refuses_what_it_does_not_know(
    skillscoop: Installation, one_line: OneLine, arguments: tuple[str, ...]
) -> None:
    assert one_line(skillscoop.run("token", "ada", *arguments))


@pytest.mark.parametrize("arguments", [("dance",), ("up", "--port", "99999"), ("token",), ("parked", "burn")])
def test_wrong_use_ends_with_two(skillscoop: Installation, arguments: tuple[str, ...]) -> None:
    done = skillscoop.run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_root_script_works_from_anywhere_and_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "scoop").symlink_to(ROOT / "skillscoop")
    (tmp_path / "link").symlink_to(Path("bin") / "scoop")
    done = subprocess.run(
        [tmp_path / "link", "token", "ada"], capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert _claims(done.stdout.strip())["sub"] == "ada"
    assert (tmp_path / ".skillscoop" / "issuer" / "key.json").exists()


def test_a_machine_without_python_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    script = tmp_path / "clone" / "skillscoop"
    script.write_text((ROOT / "skillscoop").read_text())
    for name in ("sh", "readlink", "dirname"):
        (tmp_path / name).symlink_to(Path("/bin") / name if (Path("/bin") / name).exists() else Path("/usr/bin") / name)
    done = subprocess.run(
        [tmp_path / "sh", script, "demo"],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "skillscoop: python3 is missing; install it (Debian, Ubuntu: apt install python3 python3-venv)"
    ]


OLD = """#!/bin/sh
case "$*" in *exit*) exit 1 ;; *) echo 3.10 ;; esac
"""
NO_PYTHON_FOR_UV = """#!/bin/sh
case "$1" in --version) echo uv 0.9 ;; *) echo "no interpreter found" >&2; exit 2 ;; esac
"""


@pytest.mark.parametrize(
    ("programs", "line"),
    [
        pytest.param({"python3": OLD, "python3.11": OLD}, "and python3 here is 3.10; install one, or uv", id="old"),
        pytest.param({"python3": OLD, "uv": NO_PYTHON_FOR_UV}, "none is here, and uv could not fetch one", id="uv"),
    ],
)
def test_a_machine_with_an_old_python_gets_one_line(tmp_path: Path, programs: dict[str, str], line: str) -> None:
    """Given no interpreter this is tested with, then one line says which are, and nothing is installed."""
    (tmp_path / "clone").mkdir()
    script = tmp_path / "clone" / "skillscoop"
    script.write_text((ROOT / "skillscoop").read_text())
    for name in ("sh", "readlink", "dirname", "env", "rm"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    for name, content in programs.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [tmp_path / "sh", script, "demo"],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    told = [one for one in done.stderr.splitlines() if "first start" not in one]
    assert len(told) == 1, done.stderr
    assert "Python 3.11 to 3.14 is needed" in told[0]
    assert line in told[0]
    assert not (tmp_path / "clone" / ".tools").exists()


def test_the_script_and_the_packages_agree_on_the_interpreters() -> None:
    """Given the interpreters the script looks for, then they are those the lock file was made for."""
    script = (ROOT / "skillscoop").read_text()
    bounds = {tomllib.loads(path.read_text())["project"]["requires-python"] for path in _projects()}

    assert bounds == {">=3.11,<3.15"}
    assert "(3, 11) <= sys.version_info[:2] < (3, 15)" in script
    assert 'requires-python = ">=3.11, <3.15"' in (ROOT / "uv.lock").read_text()


def _projects() -> list[Path]:
    below = ("libs/*", "services/*", "cli", "deploy/stripe-simulator", ".")
    return [path for folder in below for path in ROOT.glob(f"{folder}/pyproject.toml")]


def test_documents_are_printed_without_anything_running(skillscoop: Installation) -> None:
    paths = skillscoop.json("openapi")["paths"]
    assert "/v1/contracts" in paths
    assert "/v1/admin/payments/parked" in paths
    assert skillscoop.json("asyncapi")["asyncapi"].startswith("3.")
    assert {queue["name"] for queue in skillscoop.json("topology")["queues"]} >= {"notifications.notify_people"}
    assert not skillscoop.data.exists()


def test_migrate_makes_the_databases_once(skillscoop: Installation) -> None:
    assert set(skillscoop.json("migrate", "--json").values()) == {"made"}
    assert set(skillscoop.json("migrate", "--json").values()) == {"current"}


def test_config_masks_secrets(skillscoop: Installation) -> None:
    shown = skillscoop.run("config")
    assert shown.returncode == 0
    secrets = json.loads((skillscoop.data / "secrets.json").read_text())
    for secret in secrets.values():
        assert secret not in shown.stdout
    assert "DATABASE_URL=sqlite:///" in shown.stdout
    assert set(skillscoop.json("config", "--json")) == {"contracts", "payments", "notifications", "disputes", "reviews"}


def test_doctor_finds_a_healthy_machine_healthy(skillscoop: Installation, free_port: int) -> None:
    found = skillscoop.json("doctor", "--json", "--port", str(free_port))
    assert found["ok"], found
    assert not skillscoop.data.exists()


def test_doctor_says_what_mends_a_foreign_folder(skillscoop: Installation, free_port: int) -> None:
    skillscoop.data.mkdir()
    (skillscoop.data / "holiday.jpg").write_text("sun")
    done = skillscoop.run("doctor", "--json", "--port", str(free_port))
    assert done.returncode == 1
    failed = [check for check in json.loads(done.stdout)["checks"] if not check["ok"]]
    assert [(check["name"], "--data" in check["fix"]) for check in failed] == [("data folder", True)]


def test_time_can_be_played_and_stays_played(skillscoop: Installation) -> None:
    first = skillscoop.json("clock", "advance", "14d", "--json")["business_time"]
    second = skillscoop.json("clock", "advance", "1d", "--json")["business_time"]
    assert second > first


def test_operators_see_the_life_of_a_contract(skillscoop: Installation) -> None:
    skillscoop.up()
    walked = skillscoop.json("walk", "--json")
    life = skillscoop.json("story", walked["contract_id"], "--json")
    assert life
    assert "contracts.contract.completed.v1" in str(life)
    assert skillscoop.json("parked", "list", "--json") == []
    told = skillscoop.json("outbox", "--json")
    assert {row["service"] for row in told if row["state"] == "published"} >= {"contracts", "payments", "reviews"}
    assert all(row["published_at"] for row in told if row["state"] == "published")
    listed = skillscoop.json("operations", "list", "--json")
    assert listed
    assert skillscoop.run("parked", "show", "payments.learn_policy:nothing").returncode == 1
    assert skillscoop.run("story", walked["contract_id"]).stdout.count("\n") > 10


def test_operators_verbs_without_a_server_say_so(skillscoop: Installation, free_port: int) -> None:
    without_token = skillscoop.run("outbox", "--url", f"http://127.0.0.1:{free_port}")
    assert (without_token.returncode, "--token" in without_token.stderr) == (2, True)
    skillscoop.run("token", "olga")
    done = skillscoop.run("outbox", "--url", f"http://127.0.0.1:{free_port}")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
