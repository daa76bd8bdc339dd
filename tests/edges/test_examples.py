"""What the API document shows is what the API takes: every example of a request, and every word about If-Match."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.edges.access_table import TABLE
from tests.edges.all_services import AllServices
from tests.edges.asking import JSON
from tests.edges.operations import Operation, operations
from tests.edges.scenes import Scene
from tests.edges.test_bodies import fitting
from tests.edges.test_versions import REQUIRED
from tests.support.applications import SERVICES

ID = re.compile(r"[a-z]{2,4}_[0-9a-f]{32}")
OF_THE_SCENE = {"amount", "to_freelancer", "code", "agent_id", "freelancer_id"}
"""Fields whose value only fits one situation: what is owed there, who is there, what was mailed."""


def placed(example: Any, fits: Any, name: str = "") -> Any:
    """The example with ids and OF_THE_SCENE taken from a body that fits the scene; all else as it is documented."""
    if isinstance(example, dict):
        known = fits if isinstance(fits, dict) else {}
        return {key: placed(value, known.get(key), key) for key, value in example.items()}
    if isinstance(example, list):
        # A list about the scene's things is as long as the scene wants it; each entry is written like the example's.
        known = fits if isinstance(fits, list) and fits else [None] * len(example)
        return [placed(example[-1], one, name) for one in known] if example else []
    if fits is not None and (name in OF_THE_SCENE or (isinstance(example, str) and ID.fullmatch(example))):
        return fits
    return example


def example_of(operation: Operation) -> Any:
    """The example of an operation's JSON body, None where it takes none."""
    return operation.told.get("requestBody", {}).get("content", {}).get(JSON, {}).get("example")


async def test_every_example_is_taken(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    """Given each operation in a situation in which it is possible, when the documented example is sent, then it is."""
    kept, sent, wrong = all_services.keep(), 0, []
    for operation in operations(all_services):
        example = example_of(operation)
        if example is None:
            continue
        row, sent = TABLE[operation.id], sent + 1
        body = placed(example, fitting(row, scenes))
        path = operation.address(scenes[row.scene], **row.values)
        match = "*" if "If-Match" in operation.headers else None
        answer = await all_services.ask(row.who, operation.method, path, body, match=match, service=operation.service)
        if answer.status >= 300:
            wrong.append(f"{operation.id} {body}: {answer.status} {answer.text[:300]}")
        all_services.bring_back(kept)

    assert not wrong, "\n".join(wrong)
    assert sent > 30


@pytest.mark.parametrize("service", SERVICES)
async def test_document_says_where_if_match_is_needed(all_services: AllServices, service: str) -> None:
    """Given every command, then the document names If-Match where it is looked at, as required where it is."""
    wrong = []
    for operation in operations(all_services):
        if operation.service != service or operation.method == "GET":
            continue
        told = next((one for one in operation.told.get("parameters", []) if one["name"] == "If-Match"), None)
        looked_at, required = TABLE[operation.id].checks, operation.id in REQUIRED
        if (told is not None) != looked_at or (told is not None and told["required"] != required):
            wrong.append(f"{operation.id}: {told}")
        if ("428" in operation.told["responses"]) != required or ("412" in operation.told["responses"]) != looked_at:
            wrong.append(f"{operation.id}: {sorted(operation.told['responses'])}")

    assert not wrong, "\n".join(wrong)
