"""If-Match on every command that looks at it: the version that is there, `*`, or, where that is enough, nothing."""

from __future__ import annotations

import pytest

from tests.edges.access_table import TABLE
from tests.edges.all_services import AllServices
from tests.edges.asking import Answer
from tests.edges.expectations import wrong_with
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


def looking(all_services: AllServices, service: str) -> list[Operation]:
    """The commands of a service that look at If-Match."""
    return [
        one
        for one in operations(all_services)
        if one.service == service and one.method != "GET" and TABLE[one.id].checks
    ]


async def command(
    all_services: AllServices, scenes: dict[str, Scene], operation: Operation, match: str | None
) -> Answer:
    row = TABLE[operation.id]
    body = None if row.body is None else fitting(row, scenes)
    return await all_services.ask(row.who, operation.method, operation.address(scenes[row.scene]), body, match=match)


@pytest.mark.parametrize("service", SERVICES)
async def test_another_version_than_the_one_that_is_there(
    all_services: AllServices, scenes: dict[str, Scene], service: str
) -> None:
    wrong = []
    for operation in looking(all_services, service):
        version = (await command(all_services, scenes, operation, STALE[0])).json()["version"]
        for sent in (
            *STALE,
            f'W/"{version}"',
            f'"{version} "',
            f'w/"{version}"',
            f'"{version}',
            f'"{version}" "1"',
            f'a"{version}"',
        ):
            answer = await command(all_services, scenes, operation, sent)
            problems = wrong_with(answer, operation)
            if (answer.status, answer.code, answer.json().get("version")) != (412, "version_stale", version):
                problems.append(f"{answer.status} {answer.text[:200]}")
            problems += [f"changed {table}" for table in all_services.changed()]
            wrong += [f"{operation.id} {sent[:30]}: {one}" for one in problems]

    assert not wrong, "\n".join(wrong)


async def test_version_without_its_quotes_is_told_so(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    """Given the right version without quotes, when it is sent as If-Match, then the answer says what is missing."""
    draft = scenes["draft"]
    version = (await all_services.done("ada", "GET", draft.contract))["version"]

    answer = await all_services.ask("ada", "POST", f"{draft.contract}/send", match=str(version))

    assert (answer.status, answer.code, answer.json()["version"]) == (412, "version_stale", version)
    assert "quotes" in answer.json()["detail"]
    assert all_services.changed() == []


@pytest.mark.parametrize("service", SERVICES)
async def test_the_version_that_is_there_any_version_and_none(
    all_services: AllServices, scenes: dict[str, Scene], service: str
) -> None:
    kept = all_services.keep()
    wrong = []
    for operation in looking(all_services, service):
        version = (await command(all_services, scenes, operation, STALE[0])).json()["version"]
        for sent in (
            f'"{version}"',
            "*",
            f'"999999", "{version}"',
            f'W/"1", "{version}"',
            None,
        ):
            answer = await command(all_services, scenes, operation, sent)
            missing = sent is None and operation.id in REQUIRED
            if missing and (answer.status, answer.code, all_services.changed()) != (428, "precondition_required", []):
                wrong.append(f"{operation.id} without If-Match: {answer.status} {answer.text[:200]}")
            if not missing and answer.status >= 300:
                wrong.append(f"{operation.id} {sent}: {answer.status} {answer.text[:200]}")
            all_services.bring_back(kept)

    assert not wrong, "\n".join(wrong)


async def test_a_tag_is_good_until_the_object_changes(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    draft = scenes["draft"]
    seen = await all_services.ask("ada", "GET", draft.contract)
    tag = seen.header("etag")
    assert tag == f'"{seen.json()["version"]}"'

    terms = {"title": "Another title", **draft.terms()}
    first = await all_services.ask("ada", "PUT", f"{draft.contract}/terms", terms, match=tag)
    again = await all_services.ask("ada", "PUT", f"{draft.contract}/terms", {**terms, "title": "A third"}, match=tag)

    assert (first.status, again.status, again.code) == (200, 412, "version_stale")
    assert first.header("etag") == (await all_services.ask("ada", "GET", draft.contract)).header("etag")
    assert (await all_services.done("ada", "GET", draft.contract))["title"] == "Another title"
