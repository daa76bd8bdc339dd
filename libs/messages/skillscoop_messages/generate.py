"""Writes the documents made from the registry: `python -m skillscoop_messages.generate [--check] [root]`.

Golden schemas are only ever added or extended here: an incompatible change is refused, because it needs a new major.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skillscoop_messages import registry, schemas, topology

SCHEMA_FOLDER = Path("libs/messages/schemas")
EVENTS_PAGE = Path("docs/events.md")
ASYNCAPI = Path("docs/asyncapi.json")
DEFINITIONS = Path("deploy/rabbitmq/definitions.json")

_INTRODUCTION = """\
# Events

What the services say, made from the registry by `python -m skillscoop_messages.generate`; do not edit by hand.
Every event travels as a CloudEvents 1.0 document through one topic exchange, `skillscoop.events`, with its type as
routing key; each subscription below is a durable quorum queue of the same name. Delivery is at least once and in any
order. The schema of each event's data stands in `libs/messages/schemas`, the whole document in `docs/asyncapi.json`.
Events with an object also carry `object: {type, id, version, state}` as of after the change.

"""


def documents() -> dict[Path, str]:
    """Every generated file, by its path from the repository's root."""
    return {
        EVENTS_PAGE: _INTRODUCTION + topology.event_table(),
        ASYNCAPI: _text(topology.asyncapi()),
        DEFINITIONS: _text(topology.definitions()),
        **{
            SCHEMA_FOLDER / f"{entry.type}.json": _text(schemas.event_schema(entry.event)) for entry in registry.ENTRIES
        },
    }


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def refused_changes(root: Path) -> list[str]:
    """Changes the golden schemas under `root` do not allow under the same major, in words."""
    refused = []
    for entry in registry.ENTRIES:
        golden = root / SCHEMA_FOLDER / f"{entry.type}.json"
        if golden.exists():
            found = schemas.incompatibilities(json.loads(golden.read_text()), schemas.event_schema(entry.event))
            refused += [f"{entry.type}: {words}" for words in found]
    return refused


def stale(root: Path) -> list[Path]:
    """Generated files under `root` that are missing or differ from what would be written."""
    return [
        path
        for path, text in documents().items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> list[Path]:
    """Write what is stale and return it. Raises ValueError, having written nothing, on a refused change."""
    if refused := refused_changes(root):
        raise ValueError("these need a new major version:\n" + "\n".join(refused))
    wanted = documents()
    changed = stale(root)
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(wanted[path], encoding="utf-8")
    return changed


def main(arguments: Sequence[str]) -> int:
    """Write, or with `--check` only look. 0 when all is well, 1 otherwise."""
    places = [one for one in arguments if one != "--check"]
    root = Path(places[0]) if places else Path()
    if "--check" in arguments:
        problems = [*refused_changes(root), *(f"stale: {path}" for path in stale(root))]
        sys.stdout.writelines(f"{problem}\n" for problem in problems)
        return 1 if problems else 0
    sys.stdout.writelines(f"wrote {path}\n" for path in write(root))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
