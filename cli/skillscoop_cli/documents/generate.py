"""Writes what is made from the services' routes: `python -m skillscoop_cli.documents.generate [--check] [root]`.

The OpenAPI document for clients and the merged one, the problems a client may meet, and the gateway's routes.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from skillscoop_chassis.http.bodies import BodyRule
from skillscoop_chassis.http.problems import PROBLEM_CODES

from skillscoop_cli.documents.applications import applications
from skillscoop_cli.embedded.dispatch import paths_of
from skillscoop_cli.embedded.joined import merge_openapi
from skillscoop_cli.gateway import nginx_bodies, nginx_probes, nginx_problems, nginx_routes

OPERATORS = "/v1/admin/"

_PROBLEMS = """\
# Problems

Every error is an `application/problem+json` document (RFC 9457) with a stable `code`. Made from the services' own
tables by `python -m skillscoop_cli.documents.generate`; do not edit by hand. Input is never echoed; `errors` points
into it.

| code | status | title | what it means |
|---|---|---|---|
"""


def documents() -> dict[Path, str]:
    """Every generated file, by its path from the repository's root."""
    apps = applications()
    merged = merge_openapi({name: app.openapi() for name, app in apps.items()})
    public = {
        **merged,
        "paths": {path: item for path, item in merged["paths"].items() if not path.startswith(OPERATORS)},
    }
    return {
        Path("docs/openapi.json"): _text(merged),
        Path("docs/problems.md"): _PROBLEMS + "".join(_problem_rows()),
        Path("deploy/gateway/openapi.json"): json.dumps(public, ensure_ascii=False, separators=(",", ":")) + "\n",
        Path("deploy/gateway/routes.conf"): nginx_routes({name: paths_of(app) for name, app in apps.items()}),
        Path("deploy/gateway/bodies.conf"): nginx_bodies(body_rules(apps)),
        Path("deploy/gateway/problems.conf"): nginx_problems(),
        Path("deploy/gateway/probes.conf"): nginx_probes(tuple(apps)),
    }


def body_rules(apps: Mapping[str, FastAPI]) -> list[BodyRule]:
    """The paths that take another size of body than usual, of all services."""
    return [
        rule
        for app in apps.values()
        for middleware in app.user_middleware
        for rule in cast(Sequence[BodyRule], middleware.kwargs.get("bodies", ()))
    ]


def _problem_rows() -> list[str]:
    return [
        f"| `{code}` | {problem.status} | {problem.title} | {problem.meaning} |\n"
        for code, problem in sorted(PROBLEM_CODES.items())
    ]


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def stale(root: Path) -> list[Path]:
    """Generated files under `root` that are missing or differ from what would be written."""
    return [
        path
        for path, text in documents().items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> list[Path]:
    """Write what is stale and return it."""
    wanted, changed = documents(), stale(root)
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(wanted[path], encoding="utf-8")
    return changed


def main(arguments: Sequence[str]) -> int:
    """Write, or with `--check` only look. 0 when all is well, 1 otherwise."""
    places = [one for one in arguments if one != "--check"]
    root = Path(places[0]) if places else Path()
    if "--check" in arguments:
        found = stale(root)
        sys.stdout.writelines(f"stale: {path}\n" for path in found)
        return 1 if found else 0
    sys.stdout.writelines(f"wrote {path}\n" for path in write(root))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
