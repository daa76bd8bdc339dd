"""Every command the README shows is run here, with small variations where it would not end or would install servers."""

import re
import signal
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.support.installation import PATIENCE, ROOT, Installation

OURS = "./skillscoop "
ELSEWHERE = {"docker compose up --build --wait": "tests/e2e/test_compose.py"}
"""Commands that other tests run."""


def shown_commands() -> Iterator[str]:
    """Commands in fenced blocks, and those inside sentences."""
    text = (ROOT / "README.md").read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        yield from (line.strip() for line in block.splitlines() if line.strip())
    yield from re.findall(r"`(\./skillscoop [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


COMMANDS = sorted(set(shown_commands()))


def test_the_readme_shows_commands_and_every_one_is_known() -> None:
    assert {"./skillscoop demo", "./skillscoop test --install-servers"} <= set(COMMANDS)
    strangers = [command for command in COMMANDS if not command.startswith(OURS) and command not in ELSEWHERE]
    assert strangers == []


def _verbs() -> list[str]:
    return [command.removeprefix(OURS) for command in COMMANDS if command.startswith(OURS)]


@pytest.mark.parametrize("command", _verbs())
def test_the_command_works(skillscoop: Installation, free_port: int, command: str) -> None:
    verb, *rest = command.split()
    special = SPECIAL.get(verb)
    if special is not None:
        special(skillscoop, rest, free_port)
        return
    done = skillscoop.run(verb, *rest)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def _demo(skillscoop: Installation, rest: list[str], port: int) -> None:
    done = skillscoop.run("demo", *rest, "--exit", "--port", str(port))
    assert done.returncode == 0, done.stderr


def _test(skillscoop: Installation, rest: list[str], port: int) -> None:
    """The option is known and a run passes; installing servers is the business of the machine that asks for it."""
    assert rest in ([], ["--install-servers"])
    done = skillscoop.run("test", "--no-servers", "-q", "tests/unit/cli/test_issuer.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(option in skillscoop.run("test", "--help").stdout for option in rest)


def _up(skillscoop: Installation, rest: list[str], port: int) -> None:
    process, url = skillscoop.up(port)
    assert httpx2.get(f"{url}/readyz").status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def _walk(skillscoop: Installation, rest: list[str], port: int) -> None:
    _, url = skillscoop.up(port)
    done = skillscoop.run("walk", *(url if word.startswith("http://") else word for word in rest))
    assert done.returncode == 0, done.stderr


def _operators(verb: str) -> Callable[[Installation, list[str], int], None]:
    def run(skillscoop: Installation, rest: list[str], port: int) -> None:
        skillscoop.up(port)
        done = skillscoop.run(verb, *rest)
        assert done.returncode == 0, done.stderr

    return run


def _story(skillscoop: Installation, rest: list[str], port: int) -> None:
    _, url = skillscoop.up(port)
    token = skillscoop.run("token", "ada").stdout.strip()
    body = {
        "title": "A logo",
        "freelancer_id": "grace",
        "currency": "usd",
        "milestones": [{"description": "The logo", "amount": 5_000}],
    }
    made = httpx2.post(f"{url}/v1/contracts", json=body, headers={"Authorization": f"Bearer {token}"}).json()
    done = skillscoop.run("story", made["id"])
    assert done.returncode == 0, done.stderr
    assert "contracts.contract.created.v1" in done.stdout


def _tail(skillscoop: Installation, rest: list[str], port: int) -> None:
    """It never ends by itself, so only its words are asked for."""
    assert skillscoop.run("tail", "--help").returncode == 0


def _doctor(skillscoop: Installation, rest: list[str], port: int) -> None:
    done = skillscoop.run("doctor", "--port", str(port))
    assert done.returncode == 0, done.stdout


SPECIAL: dict[str, Callable[[Installation, list[str], int], None]] = {
    "demo": _demo,
    "test": _test,
    "up": _up,
    "walk": _walk,
    "story": _story,
    "tail": _tail,
    "doctor": _doctor,
    "outbox": _operators("outbox"),
    "parked": _operators("parked"),
    "operations": _operators("operations"),
}
