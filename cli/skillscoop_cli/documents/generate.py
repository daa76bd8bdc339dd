"""Writes what is made from the services: `python -m skillscoop_cli.documents.generate [--check] [root]`.

The OpenAPI document for clients and the merged one, the problems a client may meet, the gateway's routes,
and the generated parts of the services' READMEs.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from skillscoop_chassis.http.bodies import BodyRule
from skillscoop_chassis.http.problems import PROBLEM_CODES
from skillscoop_chassis.production import refusals_of
from skillscoop_chassis.settings import ServiceSettings

from skillscoop_cli.docs_page import nginx_locations
from skillscoop_cli.documents.applications import applications
from skillscoop_cli.documents.configuration import configuration
from skillscoop_cli.documents.readmes import readmes
from skillscoop_cli.embedded.composition import SERVICES, settings_class
from skillscoop_cli.embedded.dispatch import paths_of
from skillscoop_cli.embedded.merged import merge_openapi
from skillscoop_cli.gateway import nginx_bodies, nginx_probes, nginx_problems, nginx_routes

_PRODUCTION = """\
# What production refuses

With `ENVIRONMENT=production` a process that finds one of these values ends at once, with exit code 2 and one line for
each of them: the variable, what was refused and why, and never the value. Made from the settings' own tables by
`python -m skillscoop_cli.documents.generate`; do not edit by hand.

Values may also come from files: `SECRETS_DIR` names a folder in which each file is called like its variable, such as
`cursor_secrets`. White space and line breaks around a value are cut off, wherever it comes from; a control character
inside one is refused, in every environment. `DATABASE_PASSWORD` and `BUS_PASSWORD` are put into `DATABASE_URL` and
`BUS_URL` as they are, so that no sign in them needs encoding.

| variable | of | refused | why |
|---|---|---|---|
"""

OPERATORS = "/v1/admin/"

_PROBLEMS = """\
# Problems

Every error is an `application/problem+json` document (RFC 9457) with a stable `code`. Made from the services' own
tables by `python -m skillscoop_cli.documents.generate`; do not edit by hand. Input is never echoed; `errors` points
into it.

| code | status | title | what it means |
|---|---|---|---|
"""


def documents(root: Path) -> dict[Path, str]:
    """Every generated file, by its path from the repository's `root`."""
    apps = applications()
    merged = merge_openapi({name: app.openapi() for name, app in apps.items()})
    public = {
        **merged,
        "paths": {path: item for path, item in merged["paths"].items() if not path.startswith(OPERATORS)},
    }
    return {
        Path("docs/openapi.json"): _text(merged),
        Path("docs/problems.md"): _PROBLEMS + "".join(_problem_rows()),
        Path("docs/configuration.md"): configuration(),
        Path("docs/production.md"): _PRODUCTION + "".join(_production_rows()),
        **readmes(root),
        Path("deploy/gateway/openapi.json"): json.dumps(public, ensure_ascii=False, separators=(",", ":")) + "\n",
        Path("deploy/gateway/routes.conf"): nginx_routes({name: paths_of(app) for name, app in apps.items()}),
        Path("deploy/gateway/bodies.conf"): nginx_bodies(body_rules(apps)),
        Path("deploy/gateway/docs.conf"): nginx_locations(),
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


def _production_rows() -> list[str]:
    rows = dict.fromkeys(refusals_of(ServiceSettings), "every service")
    for service in SERVICES:
        rows |= {row: service for row in refusals_of(settings_class(service)) if rows.get(row) != "every service"}
    return [f"| `{row.variable}` | {owner} | {row.what} | {row.why} |\n" for row, owner in rows.items()]


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
        for path, text in documents(root).items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> list[Path]:
    """Write what is stale and return it."""
    wanted, changed = documents(root), stale(root)
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
