"""Options several verbs have in common, and how results are printed."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Data folder; else $SKILLSCOOP_DATA, else .skillscoop here."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Loopback port; 0 takes any free one.")]
Url = Annotated[
    str | None, typer.Option("--url", help="Operators' address; else $SKILLSCOOP_URL, else the one running here.")
]
Token = Annotated[
    str | None, typer.Option("--token", help="Token with role ops; else $SKILLSCOOP_TOKEN, else an own one.")
]

DEFAULT_PORT = 8080


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def from_environment(given: str | None, name: str) -> str | None:
    """What was given, else the environment variable, else `None`."""
    return given or os.environ.get(name) or None
