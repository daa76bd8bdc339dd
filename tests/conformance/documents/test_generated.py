"""Documents made from the code are what the code would make now."""

import json
import re
from pathlib import Path

from skillscoop_chassis.settings import ServiceSettings
from skillscoop_cli.documents import generate
from skillscoop_cli.embedded.composition import SERVICES, settings_class
from skillscoop_cli.gateway import nginx_routes, path_pattern

ROOT = Path(__file__).resolve().parents[3]


def test_documents_of_the_routes_are_fresh() -> None:
    """When routes, problems or shapes change, their documents and the gateway's routes are made anew."""
    assert generate.stale(ROOT) == [], "run: uv run python -m skillscoop_cli.documents.generate"


def test_the_gateway_keeps_operators_routes_off_the_public_listener() -> None:
    """Given an operators' route, then only the operators' map knows it."""
    routes = nginx_routes({"contracts": ["/v1/contracts/{contract_id}", "/v1/admin/contracts/outbox", "/livez"]})
    public, operators = routes.split("map $uri $operators_service")
    assert "/v1/admin/contracts/outbox" not in public
    assert '"/v1/admin/contracts/outbox" contracts-api:8000;' in operators
    assert "/livez" not in routes


def test_a_path_template_becomes_one_pattern() -> None:
    """A parameter is one segment, whatever else it holds."""
    assert path_pattern("/v1/end-requests/{id}/accept") == "^/v1/end-requests/[^/]+/accept$"


def test_clients_are_not_shown_operators_routes() -> None:
    """Given the document the gateway serves, then it describes clients' routes only."""
    document = json.loads((ROOT / "deploy/gateway/openapi.json").read_text())
    assert "/v1/contracts" in document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/v1/admin/")]


def test_the_configuration_reference_names_every_setting() -> None:
    """Given the settings of all services, then each stands in the reference once, and no secret's value does."""
    text = (ROOT / "docs/configuration.md").read_text()
    shown = re.findall(r"^\| `([A-Z_]+)` ", text, re.MULTILINE)
    common = set(ServiceSettings.model_fields)
    own = [name for service in SERVICES for name in settings_class(service).model_fields if name not in common]

    assert sorted(shown) == sorted(name.upper() for name in (*common, *own))
    assert "development-only" not in text
    assert "sk_test" not in text
