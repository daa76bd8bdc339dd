"""What stands in a published event version stays as it is."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from skillscoop_messages import generate, registry
from skillscoop_messages.schemas import event_schema, incompatibilities

ROOT = Path(__file__).parents[3]

GOLDEN: dict[str, Any] = {
    "type": "object",
    "required": ["amount", "state", "lines"],
    "properties": {
        "amount": {"type": "integer"},
        "state": {"enum": ["held", "gone"], "type": "string"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
    },
    "$defs": {"Line": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}},
}


def changed(**properties: Any) -> dict[str, Any]:
    """The golden schema with some properties replaced; None takes one away."""
    schema = copy.deepcopy(GOLDEN)
    for name, field in properties.items():
        if field is None:
            del schema["properties"][name]
        else:
            schema["properties"][name] = field
    return schema


@pytest.mark.parametrize("entry", registry.ENTRIES, ids=lambda entry: entry.type)
def test_every_event_still_keeps_the_promise_of_its_golden_schema(entry: registry.EventEntry) -> None:
    golden = json.loads((ROOT / generate.SCHEMA_FOLDER / f"{entry.type}.json").read_text())
    assert incompatibilities(golden, event_schema(entry.event)) == []


def test_no_golden_schema_lost_its_event() -> None:
    files = {path.name.removesuffix(".json") for path in (ROOT / generate.SCHEMA_FOLDER).glob("*.json")}
    assert files == set(registry.EVENTS)


@pytest.mark.parametrize(
    "current",
    [
        changed(reason={"type": "string"}),
        changed(state={"enum": ["held", "gone", "back"], "type": "string"}),
        changed(extra={"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
        changed(amount={"type": "integer", "description": "Minor units."}),
    ],
    ids=["optional field", "further value", "optional object with required parts", "words"],
)
def test_additions_that_old_readers_never_notice_are_allowed(current: dict[str, Any]) -> None:
    assert incompatibilities(GOLDEN, current) == []


@pytest.mark.parametrize(
    ("current", "words"),
    [
        (changed(amount=None), "amount: removed"),
        (changed(amount=None, sum={"type": "integer"}), "amount: removed"),
        (changed(amount={"type": "string"}), "amount: type"),
        (changed(amount={"type": "integer", "minimum": 1}), "amount: limits"),
        (changed(amount={"anyOf": [{"type": "integer"}, {"type": "null"}]}), "amount: type"),
        (changed(note={"type": "string"}), "note: type"),
        (changed(state={"enum": ["held"], "type": "string"}), "state: lost the values"),
        (changed(note={"enum": ["x"], "anyOf": [{"type": "string"}, {"type": "null"}]}), "note: narrowed"),
        (
            {**changed(reason={"type": "string"}), "required": [*GOLDEN["required"], "reason"]},
            "reason: new and required",
        ),
        ({**GOLDEN, "required": [*GOLDEN["required"], "note"]}, "note: became required"),
        ({**GOLDEN, "required": ["state", "lines"]}, "amount: became optional"),
        (
            {**GOLDEN, "$defs": {"Line": {"type": "object", "required": [], "properties": {"no": {"type": "string"}}}}},
            "lines[].id: removed",
        ),
    ],
)
def test_a_change_that_could_break_a_reader_is_refused(current: dict[str, Any], words: str) -> None:
    assert any(one.startswith(words) for one in incompatibilities(GOLDEN, current))


def test_the_generator_refuses_to_overwrite_a_broken_promise(tmp_path: Path) -> None:
    generate.write(tmp_path)
    file = tmp_path / generate.SCHEMA_FOLDER / "contracts.milestone.funded.v1.json"
    schema = json.loads(file.read_text())
    schema["properties"]["wallet"] = {"type": "string"}
    file.write_text(json.dumps(schema))

    with pytest.raises(ValueError, match="wallet: removed"):
        generate.write(tmp_path)
    assert json.loads(file.read_text()) == schema


def test_generated_documents_are_fresh() -> None:
    assert generate.stale(ROOT) == []
