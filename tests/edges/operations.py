"""Every operation as the services' own documents describe it, and how to make its request for a scene."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jsonschema_rs

from tests.edges.all_services import AllServices
from tests.edges.scenes import Scene
from tests.support.applications import SERVICES

UNKNOWN = "01940000000070008000ffffffffffff"
PREFIXES = {
    "contract_id": "ctr",
    "milestone_id": "ms",
    "payment_id": "pay",
    "dispute_id": "dsp",
    "evidence_id": "evd",
    "conversation_id": "cnv",
    "message_id": "msg",
    "notification_id": "ntf",
    "operation_id": "op",
    "alert_id": "alert-nobody-has",
    "id": "contracts.note_payout_account:01940000-0000-7000-8000-ffffffffffff",
    "user_id": "nobody",
    "revision": "1",
}


@dataclass(frozen=True)
class Operation:
    """One route of one service."""

    service: str
    method: str
    path: str
    told: dict[str, Any]
    components: dict[str, Any]

    @property
    def id(self) -> str:
        """Its operationId."""
        return str(self.told["operationId"])

    @property
    def public(self) -> bool:
        """Whether it needs no token."""
        return self.told.get("security") == []

    @property
    def operators(self) -> bool:
        """Whether it is for the role ops alone."""
        return self.path.startswith("/v1/admin/")

    @property
    def streams(self) -> bool:
        """Whether its answer never ends."""
        return any("text/event-stream" in answer.get("content", {}) for answer in self.told["responses"].values())

    @property
    def parameters(self) -> list[str]:
        """The names in its path."""
        return re.findall(r"\{([^}]+)\}", self.path)

    @property
    def query(self) -> set[str]:
        """Documented query parameters."""
        return {one["name"] for one in self.told.get("parameters", []) if one["in"] == "query"}

    @property
    def headers(self) -> dict[str, bool]:
        """Documented request headers, and whether they are required."""
        return {
            one["name"]: one.get("required", False) for one in self.told.get("parameters", []) if one["in"] == "header"
        }

    @property
    def content(self) -> dict[str, Any]:
        """Its bodies by media type."""
        content: dict[str, Any] = self.told.get("requestBody", {}).get("content", {})
        return content

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON body's schema; without a body only the empty object fits."""
        empty: dict[str, Any] = {"type": "object", "additionalProperties": False}
        found: dict[str, Any] = self.content.get("application/json", {}).get("schema", empty)
        return found

    @property
    def body_required(self) -> bool:
        """Whether nothing is no body."""
        return bool(self.told.get("requestBody", {}).get("required", False))

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema without its reference, and without null where there is a choice."""
        while "$ref" in schema or "anyOf" in schema:
            if "$ref" in schema:
                schema = self.components[schema["$ref"].rpartition("/")[2]]
            else:
                schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
        return schema

    def below(self, told: dict[str, Any], name: str) -> dict[str, Any] | None:
        """The schema of the value under `name` in an object: a property, or an entry of a table."""
        tables = [*told.get("patternProperties", {}).values(), told.get("additionalProperties")]
        found = told.get("properties", {}).get(name) or next((one for one in tables if isinstance(one, dict)), None)
        return None if found is None else dict(found)

    @cached_property
    def _validator(self) -> Any:
        return jsonschema_rs.Draft202012Validator({**self.schema, "components": {"schemas": self.components}})

    def fits(self, body: Any) -> bool:
        """Whether a body fits the document."""
        return bool(self._validator.is_valid(body))

    def address(self, scene: Scene | None, **values: str) -> str:
        """The path with the scene's ids; without a scene with ids that look right and belong to nobody.

        `values` go before both.
        """

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            if name in values:
                return values[name]
            if name == "revision":
                return "1"
            if scene is not None:
                return str(getattr(scene, name))
            known = PREFIXES[name]
            return f"{known}_{UNKNOWN}" if known.isalpha() and len(known) < 4 else known

        return re.sub(r"\{([^}]+)\}", fill, self.path)


def operations(all_services: AllServices) -> list[Operation]:
    """Every operation of every service."""
    return [
        Operation(name, method.upper(), path, told, document["components"]["schemas"])
        for name in SERVICES
        for document in [all_services.document(name)]
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
