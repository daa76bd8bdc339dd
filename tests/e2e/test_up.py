"""`up`: one line when ready, a quick end, a new start after any end, and clear words when it cannot."""

import signal
import socket
import subprocess
from collections.abc import Callable

import httpx2
import pytest

from tests.support.installation import PATIENCE, Installation

OneLine = Callable[[subprocess.CompletedProcess[str]], str]


def test_it_answers_for_all_services_and_ends_when_told(skillscoop: Installation) -> None:
    process, url = skillscoop.up()
    ready = httpx2.get(f"{url}/readyz")
    assert (ready.status_code, set(ready.json()["services"])) == (
        200,
        {"contracts", "payments", "notifications", "disputes", "reviews"},
    )
    assert httpx2.get(f"{url}/livez").status_code == 200
    metrics = httpx2.get(f"{url}/metrics").text
    for service in ready.json()["services"]:
        assert f'service="{service}"' in metrics
    paths = httpx2.get(f"{url}/openapi.json").json()["paths"]
    assert {"/v1/contracts", "/v1/milestones/{milestone_id}/payment", "/v1/disputes", "/v1/notifications"} <= set(paths)
    nobody = httpx2.get(f"{url}/v1/nothing/here")
    assert (nobody.status_code, nobody.headers["content-type"]) == (401, "application/problem+json")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert process.stdout is not None
    assert process.stdout.read() == ""


def test_ctrl_c_ends_it_too_while_somebody_listens_to_a_stream(skillscoop: Installation) -> None:
    process, url = skillscoop.up()
    token = skillscoop.run("token", "ada").stdout.strip()
    with (
        httpx2.Client(timeout=None) as http,
        http.stream("GET", f"{url}/v1/stream", headers={"Authorization": f"Bearer {token}"}) as stream,
    ):
        assert stream.status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_after_kill_minus_nine_the_same_command_starts_again(skillscoop: Installation, free_port: int) -> None:
    process, url = skillscoop.up(free_port)
    process.kill()
    process.wait(PATIENCE)
    _, again = skillscoop.up(free_port)
    assert again == url
    assert httpx2.get(f"{again}/readyz").status_code == 200


def test_fresh_forgets_the_data_but_not_who_people_are(skillscoop: Installation) -> None:
    _, url = skillscoop.up()
    token = skillscoop.run("token", "ada").stdout.strip()
    ada = {"Authorization": f"Bearer {token}"}
    terms = {"title": "A logo", "freelancer_id": "grace", "currency": "usd"}
    body = {**terms, "milestones": [{"description": "The logo", "amount": 5_000}]}
    assert httpx2.post(f"{url}/v1/contracts", json=body, headers=ada).status_code == 201
    skillscoop.end()
    _, url = skillscoop.up(0, "--fresh")
    assert httpx2.get(f"{url}/v1/contracts", headers=ada).json()["data"] == []


def test_a_taken_port_is_named(skillscoop: Installation, one_line: OneLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} is taken" in one_line(skillscoop.run("up", "--port", str(port)))
        assert f"port {port} is taken" in one_line(skillscoop.run("demo", "--exit", "--port", str(port)))


def test_a_second_process_on_the_folder_is_refused(skillscoop: Installation, one_line: OneLine) -> None:
    _, url = skillscoop.up()
    told = one_line(skillscoop.run("up", "--port", "0"))
    assert "already runs" in told
    assert url in told


@pytest.mark.parametrize(
    "verb", [("up", "--port", "0"), ("demo", "--exit"), ("token", "ada"), ("migrate",), ("config",)]
)
def test_a_folder_that_is_not_ours_is_refused(
    skillscoop: Installation, one_line: OneLine, verb: tuple[str, ...]
) -> None:
    skillscoop.data.mkdir()
    (skillscoop.data / "holiday.jpg").write_text("sun")
    assert "not a SkillScoop data folder" in one_line(skillscoop.run(*verb))
    assert [entry.name for entry in skillscoop.data.iterdir()] == ["holiday.jpg"]


def test_a_folder_of_another_version_is_refused(skillscoop: Installation, one_line: OneLine) -> None:
    assert skillscoop.run("token", "ada").returncode == 0
    (skillscoop.data / "format").write_text('{"format": 0}')
    assert "an older version" in one_line(skillscoop.run("up", "--port", "0"))


def test_a_damaged_database_is_named_with_its_remedy(skillscoop: Installation, one_line: OneLine) -> None:
    assert skillscoop.run("token", "ada").returncode == 0
    (skillscoop.data / "databases" / "contracts.sqlite").write_bytes(b"not a database at all" * 100)
    told = one_line(skillscoop.run("up", "--port", "0"))
    assert "contracts.sqlite" in told
    assert "--fresh" in told


def test_a_damaged_post_is_named_with_its_remedy(skillscoop: Installation, one_line: OneLine) -> None:
    assert skillscoop.run("migrate").returncode == 0
    (skillscoop.data / "bus.sqlite").write_bytes(b"not a database at all" * 100)
    told = one_line(skillscoop.run("up", "--port", "0"))
    assert "bus.sqlite" in told
    assert "--fresh" in told


def test_a_live_key_in_the_environment_is_refused(skillscoop: Installation, one_line: OneLine) -> None:
    told = one_line(skillscoop.run("up", "--port", "0", STRIPE_API_KEY="sk_live_51abc"))
    assert "STRIPE_API_KEY" in told
    assert "51abc" not in told
