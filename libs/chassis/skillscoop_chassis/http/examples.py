"""An example of every request and answer, made from its schema where nobody wrote one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_TAIL = "01940000000070008000000000000001"
_IDS = {
    "contract_id": "ctr",
    "milestone_id": "ms",
    "funding_id": "fnd",
    "payment_id": "pay",
    "settlement_id": "stl",
    "dispute_id": "dsp",
    "evidence_id": "evd",
    "conversation_id": "cnv",
    "message_id": "msg",
}
_BY_NAME = {
    "url": "https://app.example/back",
    "return_url": "https://app.example/back",
    "refresh_url": "https://app.example/again",
    "checkout_url": "https://pay.example/c/1",
    "email": "ada@mail.example",
    "currency": "usd",
    "country": "us",
    "cursor": None,
    "next_cursor": None,
    "object": "contract",
}
_BY_FORMAT = {
    "date-time": "2030-01-31T12:00:00Z",
    "date": "2030-01-31",
    "uri": "https://app.example/back",
    "email": "ada@mail.example",
    "binary": "",
}
_PREFIXED = re.compile(r"^\^\(?([a-z]{2,4})_")
_DEEPEST = 10


def example_of(schema: Schema, components: Schema, name: str = "", depth: int = 0) -> Any:
    """A value that fits `schema`: its own examples where it has any, else something plain of the right kind."""
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return example_of(components[schema["$ref"].rpartition("/")[2]], components, name, depth)
    for told in ("example", "const", "default"):
        if schema.get(told) is not None:
            return schema[told]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if schema.get(several):
            first = next((one for one in schema[several] if one.get("type") != "null"), schema[several][0])
            return example_of(first, components, name, depth)
    return _plain(schema, components, name, depth)


def _plain(schema: Schema, components: Schema, name: str, depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {
            part: example_of(below, components, part, depth + 1) for part, below in schema.get("properties", {}).items()
        }
    if kind == "array":
        one = example_of(schema.get("items", {}), components, name.removesuffix("s"), depth + 1)
        return [] if one is None else [one]
    if kind == "integer":
        return int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
    if kind == "number":
        return 1.0
    if kind == "boolean":
        return True
    return _text(schema, name) if kind == "string" else None


def _text(schema: Schema, name: str) -> Any:
    prefixed = _PREFIXED.match(schema.get("pattern", ""))
    if prefixed:
        return f"{prefixed[1]}_{_TAIL}"
    if name in _IDS:
        return f"{_IDS[name]}_{_TAIL}"
    if name in _BY_NAME:
        return _BY_NAME[name]
    if "format" in schema:
        return _BY_FORMAT.get(schema["format"], "text")
    return name.replace("_", " ") or "text"


def add_examples(operation: dict[str, Any], components: Schema) -> None:
    """Give each JSON request and each success of `operation` an example unless it has one."""
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    bodies += [answer for status, answer in operation.get("responses", {}).items() if status.startswith("2")]
    for body in bodies:
        for media, content in body.get("content", {}).items():
            if media in ("application/json", "multipart/form-data") and not {"example", "examples"} & set(content):
                content["example"] = example_of(content.get("schema", {}), components)
