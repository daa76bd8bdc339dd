"""If-Match on every command that looks at it: the version that is there, `*`, or, where that is enough, nothing."""

from __future__ import annotations

import pytest

from tests.edges.access_table import TABLE
from tests.edges.asking import Answer
from tests.edges.expectations import wrong_with
from tests.edges.house import House
from tests.edges.operations import Operation, operations
from tests.edges.scenes import Scene
from tests.edges.test_bodies import fitting
from tests.support.applications import SERVICES

REQUIRED = {"edit_terms", "approve_contract", "release_milestone"}
STALE = (
    '"999999"', '"00"', '"-1"', '""', '"*"', '"1.0"', '"01"', "999999", "W/", '"', '""""', "null", "'1'", "1", "* *",
    '"999999", "999998"', '"' + "9" * 400 + '"', '"\xe9"', "W/*", '"x"' * 500,
)  # fmt: skip
"""None of them names the version that is there, however it is read."""


def looking(house: House, service: str) -> list[Operation]:
    """The commands of a service that look at If-Match."""
    return [one for one in operations(house) if one.service == service and one.method != "GET" and TABLE[one.id].checks]


async def command(house: House, scenes: dict[str, Scene], operation: Operation, match: str | None) -> Answer:
    row = TABLE[operation.id]
    body = None if row.body is None else fitting(row, scenes)
    return await house.ask(row.who, operation.method, operation.address(scenes[row.scene]), body, match=match)


@pytest.mark.parametrize("service", SERVICES)
async def test_another_version_than_the_one_that_is_there(house: House, scenes: dict[str, Scene], service: str) -> None:
    wrong = []
    for operation in looking(house, service):
        version = (await command(house, scenes, operation, STALE[0])).json()["version"]
        for sent in (
            *STALE,
            f'W/"{version}"',
            f'"{version} "',
            f'w/"{version}"',
            f'"{version}',
            f'"{version}" "1"',
            f'a"{version}"',
        ):
            answer = await command(house, scenes, operation, sent)
            problems = wrong_with(answer, operation)
            if (answer.status, answer.code, answer.json().get("version")) != (412, "version_stale", version):
                problems.append(f"{answer.status} {answer.text[:200]}")
            problems += [f"changed {table}" for table in house.changed()]
            wrong += [f"{operation.id} {sent[:30]}: {one}" for one in problems]

    assert not wrong, "\n".join(wrong)


async def test_version_without_its_quotes_is_told_so(house: House, scenes: dict[str, Scene]) -> None:
    """Given the right version without quotes, when it is sent as If-Match, then the answer says what is missing."""
    draft = scenes["draft"]
    version = (await house.done("ada", "GET", draft.contract))["version"]

    answer = await house.ask("ada", "POST", f"{draft.contract}/send", match=str(version))

    assert (answer.status, answer.code, answer.json()["version"]) == (412, "version_stale", version)
    assert "quotes" in answer.json()["detail"]
    assert house.changed() == []


@pytest.mark.parametrize("service", SERVICES)
async def test_the_version_that_is_there_any_version_and_none(
    house: House, scenes: dict[str, Scene], service: str
) -> None:
    kept = house.keep()
    wrong = []
    for operation in looking(house, service):
        version = (await command(house, scenes, operation, STALE[0])).json()["version"]
        for sent in (
            f'"{version}"',
            "*",
            f'"999999", "{version}"',
            f'W/"1", "{version}"',
            None,
        ):
            answer = await command(house, scenes, operation, sent)
            missing = sent is None and operation.id in REQUIRED
            if missing and (answer.status, answer.code, house.changed()) != (428, "precondition_required", []):
                wrong.append(f"{operation.id} without If-Match: {answer.status} {answer.text[:200]}")
            if not missing and answer.status >= 300:
                wrong.append(f"{operation.id} {sent}: {answer.status} {answer.text[:200]}")
            house.bring_back(kept)

    assert not wrong, "\n".join(wrong)


async def test_a_tag_is_good_until_the_object_changes(house: House, scenes: dict[str, Scene]) -> None:
    draft = scenes["draft"]
    seen = await house.ask("ada", "GET", draft.contract)
    tag = seen.header("etag")
    assert tag == f'"{seen.json()["version"]}"'

    terms = {"title": "Another title", **draft.terms()}
    first = await house.ask("ada", "PUT", f"{draft.contract}/terms", terms, match=tag)
    again = await house.ask("ada", "PUT", f"{draft.contract}/terms", {**terms, "title": "A third"}, match=tag)

    assert (first.status, again.status, again.code) == (200, 412, "version_stale")
    assert first.header("etag") == (await house.ask("ada", "GET", draft.contract)).header("etag")
    assert (await house.done("ada", "GET", draft.contract))["title"] == "Another title"
