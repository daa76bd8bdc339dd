"""Every command the README shows is run here, with small variations where it would not end or would install servers."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.support.installation import PATIENCE, PROGRAM, ROOT, Installation

OURS = "./skillscoop "
ELSEWHERE = {"docker compose up --build --wait"}
"""Commands that need more than this machine may have; they are run where their parts are tested."""


def shown_commands() -> Iterator[str]:
    """Commands in fenced blocks, and those inside sentences."""
    text = (ROOT / "README.md").read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        yield from (line.strip() for line in block.splitlines() if line.strip())
    yield from re.findall(r"`(\./skillscoop [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


COMMANDS = sorted(set(shown_commands()))


def test_the_readme_shows_commands_and_every_one_is_known() -> None:
    assert {"./skillscoop demo", "./skillscoop test --install-servers"} <= set(COMMANDS)
    assert [command for command in COMMANDS if not command.startswith(OURS) and command not in ELSEWHERE] == []


@dataclass(frozen=True)
class Installed:
    """An installation that runs, and a contract on it."""

    command: Installation
    url: str
    contract_id: str


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """One running installation for all commands that look at one."""
    folder = tmp_path_factory.mktemp("installed")
    command = Installation(folder / "data", folder / "errors.txt")
    _, url = command.up()
    token = command.run("token", "ada").stdout.strip()
    body = {
        "title": "A logo",
        "freelancer_id": "grace",
        "currency": "usd",
        "milestones": [{"description": "The logo", "amount": 5_000}],
    }
    made = httpx2.post(f"{url}/v1/contracts", json=body, headers={"Authorization": f"Bearer {token}"}).json()
    yield Installed(command, url, made["id"])
    command.end()


@pytest.mark.parametrize("command", [command.removeprefix(OURS) for command in COMMANDS if command.startswith(OURS)])
def test_the_command_works(command: str, installed: Installed, skillscoop: Installation, free_port: int) -> None:
    verb, *rest = command.split()
    if verb in SPECIAL:
        SPECIAL[verb](installed, skillscoop, rest, free_port)
        return
    words = {"<id>": installed.contract_id, "http://127.0.0.1:8080": installed.url}
    done = installed.command.run(verb, *(words.get(word, word) for word in rest))
    assert done.returncode == 0, done.stderr
    assert done.stdout


def _demo(installed: Installed, fresh: Installation, rest: list[str], port: int) -> None:
    done = fresh.run("demo", *rest, "--exit", "--port", str(port))
    assert done.returncode == 0, done.stderr


def _test(installed: Installed, fresh: Installation, rest: list[str], port: int) -> None:
    """The option is known and a run passes; installing servers is the business of the machine that asks for it."""
    assert rest in ([], ["--install-servers"])
    done = fresh.run("test", "--no-servers", "-q", "-p", "no:cacheprovider", "tests/unit/cli/test_issuer.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(option in fresh.run("test", "--help").stdout for option in rest)


def _up(installed: Installed, fresh: Installation, rest: list[str], port: int) -> None:
    process, url = fresh.up(port, *rest)
    assert httpx2.get(f"{url}/readyz").status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def _tail(installed: Installed, fresh: Installation, rest: list[str], port: int) -> None:
    """It never ends by itself: its first line is awaited, then Ctrl-C."""
    with subprocess.Popen(
        [PROGRAM, "tail", installed.contract_id],
        stdout=subprocess.PIPE,
        text=True,
        env=installed.command.environment(),
        # A run in the background of a shell is deaf to Ctrl-C, and so would be what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            assert process.stdout is not None
            assert "contracts.contract.created.v1" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def _doctor(installed: Installed, fresh: Installation, rest: list[str], port: int) -> None:
    done = fresh.run("doctor", "--port", str(port))
    assert done.returncode == 0, done.stdout


SPECIAL: dict[str, Callable[[Installed, Installation, list[str], int], None]] = {
    "demo": _demo,
    "test": _test,
    "up": _up,
    "tail": _tail,
    "doctor": _doctor,
}
