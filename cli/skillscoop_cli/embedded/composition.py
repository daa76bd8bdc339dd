"""How each service is set up when all of them run in one process on one data folder."""

import importlib
import json
import os
import secrets as randomness
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from skillscoop_chassis.production import lines_of
from skillscoop_chassis.service import Service
from skillscoop_chassis.settings import ServiceSettings
from skillscoop_chassis.sql.urls import sqlite_url
from skillscoop_messages.clock import Clocks
from skillscoop_messages.registry import SERVICES as NAMES
from skillscoop_messages.transport.base import Transport
from stripe_simulator import SimulatorSettings, WebhookTarget

from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import DataFolder, write_private

SERVICES: tuple[str, ...] = NAMES
EXAMPLE_ORIGIN = "https://app.example"
"""Where the examples of the API document send people back to; nobody can own that name."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only the one process needs to know; made once per data folder."""

    cursors: str
    webhooks: str


def secrets_of(folder: DataFolder) -> Secrets:
    """The folder's secrets, made by whoever asks first. Raises `Refused` when they cannot be read."""
    if not folder.secrets.exists():
        made = Secrets(cursors=randomness.token_hex(24), webhooks=f"whsec_{randomness.token_hex(24)}")
        write_private(folder.secrets, json.dumps(asdict(made)), replace=False)
    try:
        return Secrets(**json.loads(folder.secrets.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"{folder.secrets} cannot be read; remove it and new secrets are made") from error


def module(service: str, name: str) -> ModuleType:
    """A module of a service's package: `module("contracts", "main")`."""
    return importlib.import_module(f"skillscoop_{service}.{name}")


def migrations_of(service: str) -> Path:
    """The folder of a service's migration scripts, beside its package."""
    package = importlib.import_module(f"skillscoop_{service}")
    return Path(str(package.__file__)).parent.parent / "migrations"


def simulator_settings(folder: DataFolder, address: str, url: str, secrets: Secrets) -> SimulatorSettings:
    """What plays Stripe: its pages at `address`, its webhooks to the services behind `url`."""
    doors = (
        ("platform", "/webhooks/stripe"),
        ("connect", "/webhooks/stripe/connect"),
        ("thin", "/webhooks/stripe/thin"),
    )
    targets = tuple(WebhookTarget(url + path, secrets.webhooks, kind) for kind, path in doors)  # type: ignore[arg-type]
    return SimulatorSettings(data=folder.simulator, public_url=address, webhooks=targets)


def settings_of(service: str, folder: DataFolder, url: str, simulator: str, secrets: Secrets) -> ServiceSettings:
    """A service's settings as the embedded form uses them. Raises `Refused` for an origin that is none.

    They are given, not read: variables meant for a real deployment must not leak into a process for trying out. Only
    which pages may call (CORS_ORIGINS) and which may be returned to (RETURN_URL_ORIGINS) comes from the caller.
    """
    common: dict[str, Any] = {
        "database_url": SecretStr(sqlite_url(folder.database(service))),
        "bus_url": SecretStr(f"embedded://{folder.bus}"),
        "jwks_file": folder.jwks,
        "jwks_url": None,
        "environment": "development",
        "cursor_secrets": [SecretStr(secrets.cursors)],
        "business_clock_offset_file": folder.clock_offset,
        "cors_origins": origins_from("CORS_ORIGINS", ""),
    }
    kind = settings_class(service)
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in kind.model_fields.items()
        if not field.is_required()
    }
    try:
        return kind(**{**defaults, **common, **_own(service, folder, url, simulator, secrets)})
    except ValidationError as error:
        raise Refused("; ".join(lines_of(error))) from error


def settings_class(service: str) -> type[ServiceSettings]:
    """The class of a service's settings."""
    found = [
        value
        for value in vars(module(service, "settings")).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    ]
    return found[0]


def origins_from(variable: str, default: str) -> str:
    """The origins that a variable names, separated by commas."""
    return os.environ.get(variable) or default


def _own(service: str, folder: DataFolder, url: str, simulator: str, secrets: Secrets) -> dict[str, Any]:
    """Settings that only one service has."""
    own: Mapping[str, dict[str, Any]] = {
        "contracts": {"return_url_origins": origins_from("RETURN_URL_ORIGINS", EXAMPLE_ORIGIN)},
        "payments": {
            "return_url_origins": origins_from("RETURN_URL_ORIGINS", EXAMPLE_ORIGIN),
            "stripe_api_key": SecretStr("sk_test_simulator"),
            "stripe_publishable_key": "pk_test_simulator",
            "stripe_api_base": simulator,
            "stripe_webhook_secrets": [SecretStr(secrets.webhooks)],
            "stripe_connect_webhook_secrets": [SecretStr(secrets.webhooks)],
            "stripe_thin_webhook_secrets": [SecretStr(secrets.webhooks)],
            "return_url": f"{url}/v1/returned",
        },
        "notifications": {"mail_folder": folder.mail},
        "disputes": {},
        "reviews": {},
    }
    return own[service]


def build(
    service: str, folder: DataFolder, url: str, simulator: str, secrets: Secrets, clocks: Clocks, transport: Transport
) -> Service:
    """One service, built and not yet running."""
    settings = settings_of(service, folder, url, simulator, secrets)
    built: Service = module(service, "main").build(settings, clocks=clocks, transport=transport)
    return built


def app_of(service: Service) -> FastAPI:
    """The service's application. Raises `ValueError` when it was built without one."""
    if service.app is None:
        raise ValueError(f"{service.name} was built without an application")
    return service.app


def shown_settings(folder: DataFolder) -> dict[str, dict[str, str]]:
    """Every service's settings in words, secrets masked."""
    secrets = secrets_of(folder)
    url = "http://127.0.0.1:8080"
    shown: dict[str, dict[str, str]] = {}
    for service in SERVICES:
        settings = settings_of(service, folder, url, f"{url}/stripe-simulator", secrets)
        shown[service] = {name: _masked(getattr(settings, name)) for name in type(settings).model_fields}
    return shown


def _masked(value: Any) -> str:
    if isinstance(value, SecretStr):
        # Addresses of local files are no secret, and worth seeing; only what stands in them with a password is.
        text = value.get_secret_value()
        return text if text.startswith(("sqlite:", "embedded:")) else "********"
    if isinstance(value, (list, tuple)):
        return ",".join(_masked(part) for part in value)
    return "" if value is None else str(value)
