"""The OpenAPI documents: valid, understood by generators of clients, and with examples that fit their schemas."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from skillscoop_cli.documents.applications import applications

ROOT = Path(__file__).resolve().parents[3]
WRITTEN = ("docs/openapi.json", "deploy/gateway/openapi.json")


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    """Every document by its name: each service's own, the merged one, and the one clients get."""
    own: dict[str, dict[str, Any]] = {name: app.openapi() for name, app in applications().items()}
    return own | {path: json.loads((ROOT / path).read_text()) for path in WRITTEN}


def test_documents_are_valid(documents: dict[str, dict[str, Any]]) -> None:
    """Given the merged documents, when a public validator reads them, then it finds nothing."""
    wrong = [
        f"{name}: {list(error.absolute_path)}: {error.message[:200]}"
        for name in WRITTEN
        for error in OpenAPIV31SpecValidator(documents[name]).iter_errors()
    ]

    assert not wrong, "\n".join(wrong)


def test_every_title_names_one_schema(documents: dict[str, dict[str, Any]]) -> None:
    """Given the schemas of a document, then no two have the same title, which generators name their classes after."""
    for name, document in documents.items():
        titles = Counter(schema["title"] for schema in document["components"]["schemas"].values())
        assert [title for title, times in titles.items() if times > 1] == [], name
        assert all(title.isidentifier() for title in titles), name


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every request and answer with the operation it belongs to."""
    for path, operations in document["paths"].items():
        for method, told in operations.items():
            if "requestBody" in told:
                yield f"{method} {path}", told["requestBody"]
            for status, answer in told["responses"].items():
                yield f"{method} {path} {status}", answer


def test_examples_fit_their_schemas(documents: dict[str, dict[str, Any]]) -> None:
    """Given every example of a request or an answer, when it is held against its schema, then it fits."""
    wrong, looked_at = [], 0
    for name, document in documents.items():
        for place, body in bodies(document):
            for media, content in body.get("content", {}).items():
                if "example" in content and media == "application/json":
                    looked_at += 1
                    schema = {**content["schema"], "components": document["components"]}
                    found = jsonschema_rs.Draft202012Validator(schema).iter_errors(content["example"])
                    wrong += [f"{name} {place}: {error.message}" for error in found]

    assert not wrong, "\n".join(wrong)
    assert looked_at > 300


def test_every_operation_is_named_and_has_examples(documents: dict[str, dict[str, Any]]) -> None:
    """Given every operation, then it has a name of its own, a tag, a summary, and an example of each JSON body."""
    for name, document in documents.items():
        told = [one for operations in document["paths"].values() for one in operations.values()]
        assert len({one["operationId"] for one in told}) == len(told), name
        assert all(one.get("tags") and one.get("summary") for one in told), name
        bare = [
            place
            for place, body in bodies(document)
            for media, content in body.get("content", {}).items()
            if media == "application/json" and not {"example", "examples"} & content.keys()
        ]
        assert bare == [], name


def test_how_a_milestone_is_paid_for_is_a_choice_with_meanings(documents: dict[str, dict[str, Any]]) -> None:
    """Given the request to fund, then `method` is one of two words, each explained, or a payment method's id."""
    method = documents["docs/openapi.json"]["components"]["schemas"]["FundRequest"]["properties"]["method"]
    words, id = method["anyOf"]

    assert words["enum"] == ["checkout", "payment_intent"]
    assert all(f"`{word}`: " in words["description"] for word in words["enum"])
    assert id["pattern"].startswith("^pm_") and id["description"]
