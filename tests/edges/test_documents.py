"""What the API documents promise, held against answers to thousands of calls that nobody thought of."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from skillscoop_cli.embedded.composition import app_of
from skillscoop_cli.embedded.server import bound, serving

from tests.edges.all_services import AllServices
from tests.edges.scenes import Scene
from tests.support.applications import SERVICES

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
OTHER_CHECKS = (
    "positive_data_acceptance",
    "negative_data_rejection",
    "use_after_free",
    "ensure_resource_availability",
    "missing_required_header",
    "ignored_auth",
    "object_level_authorization",
    "unsupported_method",
    "allow_header_conformance",
)
EXAMPLES = 4


@dataclass
class Run:
    """What came of one service's calls."""

    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def settings(all_services: AllServices, scene: Scene, url: str) -> SchemathesisConfig:
    """A few calls of each kind for each operation, the same ones in every run, about things that are there."""
    token = all_services.issuer.token("ada", ["support", "ops"])
    ids = {name: getattr(scene, name) for name in ("contract_id", "milestone_id", "dispute_id", "conversation_id")}
    ids |= {name: getattr(scene, name) for name in ("evidence_id", "message_id", "payment_id")}
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "base-url": url,
            "headers": {"Authorization": f"Bearer {token}"},
            "parameters": {f"path.{name}": value for name, value in ids.items()},
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none", "no-shrink": True},
            "phases": {"stateful": {"enabled": False}, "coverage": {"unexpected-methods": []}},
            "checks": {name: {"enabled": name in CHECKS} for name in (*CHECKS, *OTHER_CHECKS)},
        }
    )


def run(document: dict[str, Any], config: SchemathesisConfig) -> Run:
    """Make the calls and look at every answer."""
    found = Run()
    for event in from_schema(schemathesis.openapi.from_dict(document, config=config)).execute():
        if isinstance(event, events.NonFatalError):
            found.wrong.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            found.wrong.append(repr(event.exception))
        elif isinstance(event, events.ScenarioFinished):
            for interaction in event.recorder.interactions.values():
                found.calls += 1
                if interaction.response is not None:
                    found.statuses[interaction.response.status_code] += 1
            found.wrong += [
                f"{event.label} in {event.phase.value}: {check.name}: {check.failure_info.failure}\n"
                f"  {check.failure_info.code_sample}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info is not None
            ]
    return found


@pytest.mark.parametrize("service", SERVICES)
async def test_answers_are_as_documented(all_services: AllServices, scenes: dict[str, Scene], service: str) -> None:
    document = copy.deepcopy(all_services.document(service))
    # An endless answer, and what it says is no JSON.
    document["paths"].pop("/v1/stream", None)
    door = bound(0)
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    async with serving(app_of(all_services.by_name[service]), door):
        found = await asyncio.to_thread(run, document, settings(all_services, scenes["reviewed"], url))

    assert not found.wrong, "\n".join(dict.fromkeys(found.wrong))
    assert found.calls > 100
    assert found.statuses.keys() >= {200, 422} and not [one for one in found.statuses if one >= 500], found.statuses
