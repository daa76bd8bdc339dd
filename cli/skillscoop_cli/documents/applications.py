"""The services' applications, built for their descriptions alone: nothing is opened, nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from skillscoop_messages.clock import system_clocks
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport.simulated import SimulatedTransport

from skillscoop_cli.embedded import composition
from skillscoop_cli.embedded.dispatch import compiled, owner_of, paths_of
from skillscoop_cli.embedded.merged import merge_openapi
from skillscoop_cli.folder import DataFolder

_URL = "http://127.0.0.1:8080"


def applications() -> dict[str, FastAPI]:
    """Each service's application by name."""
    folder = DataFolder(Path("/nonexistent/skillscoop"))
    secrets = composition.Secrets(cursors="0" * 48, webhooks="whsec_" + "0" * 48)
    transport = SimulatedTransport(0, tuple(SUBSCRIPTIONS.values()))
    return {
        name: composition.app_of(
            composition.build(name, folder, _URL, f"{_URL}/stripe-simulator", secrets, system_clocks(), transport)
        )
        for name in composition.SERVICES
    }


def merged_document() -> dict[str, Any]:
    """One OpenAPI document of all services, operators' routes included."""
    return merge_openapi({name: app.openapi() for name, app in applications().items()})


def owners() -> Callable[[str], str | None]:
    """Which service answers a path."""
    tree = compiled({name: paths_of(app) for name, app in applications().items()})
    return lambda path: owner_of(tree, path)
