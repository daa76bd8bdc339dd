"""JSON Schema of every event, and what may change in it without a new major version.

The golden schemas are committed, one file per event version. What consumers already read must stay as it is: an event
may gain optional fields and enum values, nothing else. Anything else is a new class with the next major.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skillscoop_messages.envelope import SCHEMAS
from skillscoop_messages.events.base import Event

Schema = Mapping[str, Any]

_BOUNDS = ("format", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
           "minLength", "maxLength", "minItems", "maxItems", "multipleOf")  # fmt: skip


def summary(event: type[Event]) -> str:
    """The first paragraph of an event's description, on one line."""
    return " ".join((event.__doc__ or "").strip().split("\n\n")[0].split())


def event_schema(event: type[Event]) -> dict[str, Any]:
    """The schema of an event's data as consumers see it: fields they do not know are allowed."""
    schema = _open(event.model_json_schema(mode="serialization"))
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMAS}/{event.type}.json",
        "title": event.__name__,
        "description": summary(event),
    }
    return head | {key: value for key, value in schema.items() if key not in head}


def _open(value: Any) -> Any:
    """Drop what only binds the producer: the ban on further fields, and titles that repeat the field's name."""
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key != "additionalProperties" or one is not False}
        if "properties" in kept:
            kept["properties"] = {
                name: {key: _open(one) for key, one in field.items() if key != "title"}
                for name, field in kept["properties"].items()
            }
            return {key: one if key == "properties" else _open(one) for key, one in kept.items()}
        return {key: _open(one) for key, one in kept.items()}
    return [_open(one) for one in value] if isinstance(value, list) else value


def dereferenced(schema: Schema) -> dict[str, Any]:
    """The same schema with its own definitions written out in place, and without the keys that name a document."""
    definitions = schema.get("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, Mapping):
            if "$ref" in value:
                return resolve(definitions[str(value["$ref"]).rsplit("/", 1)[1]])
            return {key: resolve(one) for key, one in value.items() if key != "$defs"}
        return [resolve(one) for one in value] if isinstance(value, list) else value

    return {key: resolve(value) for key, value in schema.items() if key not in ("$defs", "$schema", "$id")}


@dataclass(frozen=True)
class Field:
    """One place in an event's data, however the schema spells it.

    `types` are JSON types, `enum` the allowed values or None for any, `bounds` further limits such as format.
    """

    types: frozenset[str]
    required: bool
    enum: frozenset[str] | None
    bounds: tuple[tuple[str, str], ...]


def field_table(schema: Schema) -> dict[str, Field]:
    """The schema as a flat table: path (`milestones[].amount`, `policy.fee_fixed{}`) to field."""
    table: dict[str, Field] = {}
    _walk(dereferenced(schema), "", True, table)
    return table


def _walk(schema: Schema, path: str, required: bool, table: dict[str, Field]) -> None:
    """Add a place and everything below it. Alternatives of one place are merged into one row."""
    alternatives = [schema, *schema.get("anyOf", [])]
    types: set[str] = set()
    values: list[str] = []
    bounds: dict[str, str] = {}
    for one in alternatives:
        named = one.get("type", [])
        types |= {named} if isinstance(named, str) else set(named)
        # A choice of one is spelled `const`; a second choice later must not look like another kind of field.
        values += [repr(value) for value in [*one.get("enum", []), *([one["const"]] if "const" in one else [])]]
        bounds |= {key: repr(one[key]) for key in _BOUNDS if key in one}
        for name, field in one.get("properties", {}).items():
            _walk(field, f"{path}.{name}".lstrip("."), name in one.get("required", []), table)
        if isinstance(one.get("items"), Mapping):
            _walk(one["items"], f"{path}[]", True, table)
        if isinstance(one.get("additionalProperties"), Mapping):
            _walk(one["additionalProperties"], f"{path}{{}}", True, table)
    table[path] = Field(
        types=frozenset(types),
        required=required,
        enum=frozenset(values) if values else None,
        bounds=tuple(sorted(bounds.items())),
    )


def incompatibilities(golden: Schema, current: Schema) -> list[str]:
    """What keeps `current` from standing under the same major as `golden`, in words; empty when nothing does."""
    before, after = field_table(golden), field_table(current)
    gone = [f"{path}: removed or renamed" for path in before if path not in after]
    demanded = [f"{path}: new and required" for path in after if path not in before and _demanded(path, before, after)]
    changed = [f"{path}: {words}" for path in before if path in after for words in _changes(before[path], after[path])]
    return sorted(gone + demanded + changed)


def _demanded(path: str, before: Mapping[str, Field], after: Mapping[str, Field]) -> bool:
    """Whether an older message, which lacks this new field, would be refused: not below a parent that is new itself."""
    return after[path].required and _parent(path) in before


def _parent(path: str) -> str:
    for ending in ("[]", "{}"):
        if path.endswith(ending):
            return path.removesuffix(ending)
    return path.rpartition(".")[0]


def _changes(before: Field, after: Field) -> list[str]:
    words = []
    if before.types != after.types:
        words.append(f"type {sorted(before.types)} became {sorted(after.types)}")
    if before.required != after.required:
        words.append("became required" if after.required else "became optional")
    if before.enum is None and after.enum is not None:
        words.append("narrowed to an enum")
    elif before.enum is not None and after.enum is not None and before.enum - after.enum:
        words.append(f"lost the values {sorted(before.enum - after.enum)}")
    elif before.enum is not None and after.enum is None:
        words.append("is no enum any more")
    if before.bounds != after.bounds:
        words.append(f"limits {before.bounds} became {after.bounds}")
    return words
