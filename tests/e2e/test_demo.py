"""`demo` and `walk`: the whole story holds on a fresh folder, again on a used one, and through kills in its middle."""

import asyncio
import json
import subprocess
from datetime import timedelta

import httpx2
from skillscoop_cli.folder import open_folder
from skillscoop_cli.issuer import issue, key_of
from skillscoop_cli.story.narrator import Silent
from skillscoop_cli.story.people import cast_of
from skillscoop_cli.story.record import Outcome, Step
from skillscoop_cli.story.walk import Where, one_address, walk
from skillscoop_messages.clock import wall_time

from tests.support.installation import Installation


def test_demo_tells_the_whole_story_on_a_fresh_folder(skillscoop: Installation) -> None:
    told = skillscoop.json("demo", "--exit", "--json", "--port", "0")
    assert told["ok"], told["error"]
    assert told["error"] is None
    assert all(check["ok"] for check in told["checks"])
    assert "debits = credits" in [check["name"] for check in told["checks"]]
    ledger = told["totals"]["contract"]
    assert ledger["charged"] == ledger["released"] + ledger["refunded"] + ledger["fees"]
    events = [event for step in told["steps"] for event in step["events"]]
    assert {"contracts.milestone.funded.v1", "payments.settlement.completed.v1", "disputes.dispute.closed.v1"} <= {
        event["type"] for event in events
    }
    assert all(state == "handled" for event in events for state in event["queues"].values())


def test_demo_narrates_for_people_and_ends_with_the_books(skillscoop: Installation) -> None:
    done = skillscoop.run("demo", "--exit", "--port", "0")
    assert done.returncode == 0, done.stderr
    assert "\x1b[" not in done.stdout
    for words in (
        "Ada drafts a contract",
        "contracts.milestone.released.v1",
        "ledger  charged +$400.00 · held +$400.00",
    ):
        assert words in done.stdout
    assert "debits = credits" in done.stdout.strip().splitlines()[-1]


def test_the_walk_can_be_told_again_on_the_same_data(skillscoop: Installation) -> None:
    _, url = skillscoop.up()
    first, second = skillscoop.json("walk", "--json"), skillscoop.json("walk", "--url", url, "--json")
    assert first["ok"]
    assert second["ok"]
    assert first["contract_id"] != second["contract_id"]
    assert second["totals"]["platform"]["debits"] == second["totals"]["platform"]["credits"]


def test_a_walk_nobody_answers_fails_with_a_sentence(skillscoop: Installation, free_port: int) -> None:
    done = skillscoop.run("walk", "--json", "--patience", "1", "--url", f"http://127.0.0.1:{free_port}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no answer" in json.loads(done.stdout)["error"]


BLOWS = {4: 0.0, 8: 0.02, 9: 0.06, 14: 0.1, 20: 0.04, 21: 0.08, 23: 0.03}
"""After which step, and how many seconds into the next one, the process dies: edit, three ways of funding, onboarding,
a split's delivery, a release, the reviews."""


class Assassin(Silent):
    """Kills the process in the middle of some steps and starts it again on the same folder and port."""

    def __init__(self, skillscoop: Installation, process: subprocess.Popen[str], port: int) -> None:
        self._skillscoop, self._process, self._port = skillscoop, process, port
        self._attempts: list[asyncio.Task[None]] = []
        self.kills = 0

    def step(self, step: Step) -> None:
        pause = BLOWS.get(step.number)
        if pause is not None:
            self._attempts.append(asyncio.create_task(self._kill(pause)))

    async def _kill(self, after: float) -> None:
        await asyncio.sleep(after)
        self._process.kill()
        self._process.wait()
        self.kills += 1
        self._process, _ = await asyncio.to_thread(self._skillscoop.up, self._port)

    async def rest(self) -> None:
        await asyncio.gather(*self._attempts)


async def test_killed_again_and_again_in_its_middle_it_finishes_and_nothing_is_doubled(
    skillscoop: Installation, free_port: int
) -> None:
    process, url = await asyncio.to_thread(skillscoop.up, free_port)
    key = key_of(open_folder(skillscoop.data))
    cast = cast_of(lambda user, roles: issue(key, user, roles, timedelta(hours=1), wall_time()))
    assassin = Assassin(skillscoop, process, free_port)
    where = Where(url, one_address(url), one_address(url), simulator=f"{url}/stripe-simulator", patience=60.0)
    outcome = await walk(where, cast, assassin)
    await assassin.rest()
    assert assassin.kills == len(BLOWS)
    assert outcome.ok, outcome.error
    await _told_once(outcome, cast.grace.token, url)


async def _told_once(outcome: Outcome, token: str, url: str) -> None:
    """No two entries of the feed tell the same fact."""
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        entries = (await http.get(f"{url}/v1/notifications?limit=100")).json()["data"]
        timeline = (await http.get(f"{url}/v1/contracts/{outcome.contract_id}/timeline")).json()["data"]
    facts = [(entry["kind"], str(entry["subject"]), entry["body"]) for entry in entries]
    assert sorted(facts) == sorted(set(facts))
    moves = [(entry["action"], str(entry["subject"]), str(entry["data"])) for entry in timeline]
    assert sorted(moves) == sorted(set(moves))
