"""Every service as it is, on a database of its own, with nobody around it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from skillscoop_chassis import tables
from skillscoop_chassis.migrations import migrate
from skillscoop_chassis.service import Service
from skillscoop_chassis.settings import ServiceSettings
from skillscoop_messages import tables as post
from skillscoop_messages.clock import Clocks
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport.simulated import SimulatedTransport

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("contracts", "payments", "notifications", "disputes", "reviews")
EXAMPLE_SETTINGS: dict[str, dict[str, Any]] = {
    "contracts": {"return_url_origins": ("https://app.example",)},
    "payments": {"return_url_origins": ("https://app.example",)},
}
"""What the examples in the API documents take for granted."""


def migrations_of(service: str) -> Path:
    """The folder of a service's migrations."""
    return ROOT / "services" / service / "migrations"


def targets_of(service: str) -> list[sa.MetaData]:
    """Every table that stands in a service's database."""
    own: sa.MetaData = importlib.import_module(f"skillscoop_{service}.tables").METADATA
    return [own, post.METADATA, tables.METADATA]


def settings_class(service: str) -> type[ServiceSettings]:
    """The settings class of a service."""
    module = importlib.import_module(f"skillscoop_{service}.settings")
    found = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, ServiceSettings) and one is not ServiceSettings
    ]
    assert len(found) == 1, f"{service} has {len(found)} settings classes"
    return found[0]


def build(
    service: str,
    folder: Path,
    jwks_file: Path,
    *,
    database_url: str | None = None,
    clocks: Clocks | None = None,
    **settings: Any,
) -> Service:
    """A service with its migrated database in `folder`, not running."""
    url = database_url or f"sqlite:///{folder / service}.sqlite"
    migrate(url, migrations_of(service))
    make: Callable[..., Service] = importlib.import_module(f"skillscoop_{service}.main").build
    known = settings_class(service)(
        database_url=url,
        bus_url="embedded:///nowhere",
        jwks_file=jwks_file,
        environment="test",
        **{**EXAMPLE_SETTINGS.get(service, {}), **settings},
    )
    return make(known, clocks=clocks, transport=SimulatedTransport(0, SUBSCRIPTIONS.values()))
