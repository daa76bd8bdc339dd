"""The configuration reference: every variable of every service, read from the settings themselves."""

import inspect
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from skillscoop_chassis.settings import ServiceSettings

from skillscoop_cli.embedded.composition import SERVICES, settings_class

_HEAD = """\
# Configuration

Every service is set up by environment variables, or by files of the same name in lower case in the folder `SECRETS_DIR`
(see [production](production.md), also for what production refuses). An empty variable counts as not set. Lists have
commas between their values. Made from the settings by `python -m skillscoop_cli.documents.generate`; do not edit it.

Docker Compose passes on what `.env.example` names. The embedded form (`up`, `demo`) reads none of this:
`./skillscoop config` shows what it uses.
"""

_NAMES = {
    str: "text", int: "whole number", float: "number", bool: "`true` or `false`", SecretStr: "secret", Path: "path",
    list: "list", tuple: "list",
}  # fmt: skip

_MEANS = {
    "database_url": "`postgresql://user@host/database`, or `sqlite:////path` for trying out",
    "database_password": "put into `DATABASE_URL`",
    "database_pool": "connections of one process",
    "bus_url": "`amqp://user@host/`, or `embedded:////path` for trying out",
    "bus_password": "put into `BUS_URL`",
    "bus_namespace": "stands before the names of exchange and queues, where several installations share a broker",
    "topology": "whether the process makes exchange and queues, or only checks that they are there",
    "environment": "`production` refuses what is unsafe; `test` and `development` never move real money",
    "jwks_url": "where the issuer publishes its keys; exactly one of this and `JWKS_FILE`",
    "jwks_file": "the issuer's keys as a file",
    "jwt_issuer": "the only `iss` that is accepted",
    "jwt_audience": "the only `aud` that is accepted",
    "jwt_roles_claim": "claim with the roles `support`, `ops` and `integrator`",
    "cursor_secrets": "sign the cursors of lists; the first signs, all verify, each of 16 characters or more",
    "log_format": "one JSON object a line, or lines for people",
    "log_level": "what is written at least",
    "host": "address to listen at",
    "port": "port to listen at; 0 takes any free one",
    "business_clock_offset_file": "seconds by which business time runs ahead; for trying out",
    "stripe_api_key": "the secret key",
    "stripe_publishable_key": "the key a browser may know",
    "stripe_webhook_secrets": "of the endpoint `/webhooks/stripe`; during a rotation both",
    "stripe_connect_webhook_secrets": "of the endpoint `/webhooks/stripe/connect`",
    "stripe_thin_webhook_secrets": "of the endpoint `/webhooks/stripe/thin`",
    "stripe_concurrency": "calls to Stripe at the same time",
    "mail_from": "sender of e-mails",
    "mail_folder": "where e-mails are written without `SMTP_URL`",
    "evidence_max_bytes": "largest file of evidence; the gateway has the same limit in `deploy/gateway/bodies.conf`",
}
"""Meanings of variables that their class says nothing about."""


def configuration() -> str:
    """The whole page."""
    common = set(ServiceSettings.model_fields)
    parts = [_HEAD, _part("Every service", ServiceSettings, ServiceSettings.model_fields)]
    for service in SERVICES:
        kind = settings_class(service)
        own = {name: field for name, field in kind.model_fields.items() if name not in common}
        parts.append(_part(service, kind, own))
    return "\n".join(parts)


def _part(title: str, kind: type[ServiceSettings], fields: dict[str, FieldInfo]) -> str:
    lines = [f"## {title}", "", *_words(kind)]
    if not fields:
        return "\n".join([*lines, "Nothing beside the above.", ""])
    lines += ["| variable | value | not set |", "|---|---|---|"]
    lines += [f"| `{name.upper()}` | {_value(name, field)} | {_default(field)} |" for name, field in fields.items()]
    return "\n".join([*lines, ""])


def _words(kind: type[ServiceSettings]) -> Iterable[str]:
    """What the class says of its variables, with the names as they are set from outside."""
    for paragraph in inspect.getdoc(kind).split("\n\n")[1:]:  # type: ignore[union-attr]
        if paragraph.startswith("Raises "):
            continue
        for name in kind.model_fields:
            paragraph = paragraph.replace(f"`{name}`", f"`{name.upper()}`")
        yield from (paragraph, "")


def _value(name: str, field: FieldInfo) -> str:
    kinds = [kind for kind in _members(field.annotation) if kind is not type(None)]
    if all(get_origin(kind) is Literal for kind in kinds):
        shown = ", ".join(f"`{value}`" for kind in kinds for value in get_args(kind))
    else:
        shown = " or ".join(dict.fromkeys(_NAMES.get(get_origin(kind) or kind, "text") for kind in kinds))
    limits = [
        f"{word} {getattr(limit, mark)}"
        for limit in field.metadata
        for mark, word in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below"))
        if isinstance(getattr(limit, mark, None), int | float)
    ]
    means = field.description or _MEANS.get(name)
    told = f": {means}" if means else ""
    return f"{shown}{', ' + ' '.join(limits) if limits else ''}{told}".replace("|", "\\|")


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True)
    parts = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(part, SecretStr) for part in parts):
        return "for development only"
    text = ",".join(str(part) for part in parts if part is not None)
    return f"`{text}`" if text else "nothing"
