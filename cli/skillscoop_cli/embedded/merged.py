"""What five services say separately and one address has to say once: health, metrics, the API's description."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from skillscoop_chassis.http.openapi import name_schemas

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})?\s")


async def ask(app: Application, path: str, scope: Scope) -> tuple[int, bytes]:
    """Status and body of a GET on another app of this process, with the headers of the request at hand."""
    status = 500
    parts: list[bytes] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    inner = {**scope, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "state": {}}
    await app(inner, receive, send)
    return status, b"".join(parts)


async def answer(
    send: Send, status: int, body: bytes, content_type: str, more: Mapping[str, str] | None = None
) -> None:
    """Send one whole response, with `more` headers."""
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *((name.encode(), value.encode()) for name, value in (more or {}).items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def health(apps: Mapping[str, Application], path: str, scope: Scope) -> tuple[int, bytes]:
    """One answer for all services: 200 when each of them says 200, else 503, with what each of them said."""
    said: dict[str, Any] = {}
    worst = 200
    for name, app in apps.items():
        status, body = await ask(app, path, scope)
        try:
            said[name] = json.loads(body)
        except ValueError:
            said[name] = body.decode("utf-8", "replace")
        worst = worst if status == 200 else 503
    return worst, json.dumps({"status": "ok" if worst == 200 else "unavailable", "services": said}).encode()


async def metrics(apps: Mapping[str, Application], scope: Scope) -> bytes:
    """The metrics of all services in one exposition."""
    return merge_metrics({name: (await ask(app, "/metrics", scope))[1].decode() for name, app in apps.items()}).encode()


def merge_metrics(texts: Mapping[str, str]) -> str:
    """Several Prometheus texts as one: each family described once, each sample labelled with the service it is of."""
    families: dict[str, list[str]] = {}
    comments: dict[str, dict[str, str]] = {}
    for service, text in texts.items():
        family = ""
        for line in text.splitlines():
            if line.startswith(("# HELP ", "# TYPE ")):
                _, kind, family = line.split(" ", 3)[:3]
                comments.setdefault(family, {}).setdefault(kind, line)
                families.setdefault(family, [])
            elif line and not line.startswith("#"):
                families.setdefault(family, []).append(_labelled(line, service))
    lines: list[str] = []
    for family, samples in families.items():
        lines += [*comments.get(family, {}).values(), *samples]
    return "\n".join(lines) + "\n"


def _labelled(line: str, service: str) -> str:
    found = _SAMPLE.match(line)
    if found is None or 'service="' in (found[2] or ""):
        return line
    labels = (found[2] or "{}")[1:-1]
    return f'{found[1]}{{service="{service}"{"," if labels else ""}{labels}}}{line[found.end() - 1 :]}'


def merge_openapi(documents: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """One OpenAPI document of several services' documents.

    Schemas of the same name and shape become one; where two services use a name differently, the later one's gets
    the service's name in front.
    """
    schemas: dict[str, Any] = {}
    other: dict[str, dict[str, Any]] = {}
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, Any] = {}
    for service, document in documents.items():
        own = document.get("components", {}).get("schemas", {})
        renamed = _renamed(service, own, schemas)
        for name, schema in own.items():
            schemas[renamed.get(name, name)] = _repointed(schema, renamed)
        for kind, things in document.get("components", {}).items():
            if kind != "schemas":
                other.setdefault(kind, {}).update(things)
        for path, operations in document.get("paths", {}).items():
            if path in ("/livez", "/readyz", "/metrics") and path in paths:
                continue
            paths.setdefault(path, {}).update(_repointed(operations, renamed))
        for tag in document.get("tags", []):
            tags.setdefault(tag["name"], tag)
    name_schemas(schemas)
    first: dict[str, Any] = next(iter(documents.values()), {})
    return {
        "openapi": first.get("openapi", "3.1.0"),
        "info": {
            "title": "SkillScoop",
            "version": first.get("info", {}).get("version", "0"),
            "description": "Contracts split into milestones, each one's money held securely via Stripe until it is "
            "released. One address, five services.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {**other, "schemas": dict(sorted(schemas.items()))},
        **({"tags": list(tags.values())} if tags else {}),
        **({"security": first["security"]} if "security" in first else {}),
    }


def _renamed(service: str, own: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, str]:
    """New names for those schemas that cannot keep theirs.

    A schema that points to a renamed one changes with it, so it is asked again until nothing changes any more.
    """
    renamed: dict[str, str] = {}
    while True:
        clashing = {
            name
            for name, schema in own.items()
            if name in taken and name not in renamed and _repointed(schema, renamed) != taken[name]
        }
        if not clashing:
            return renamed
        renamed |= {name: f"{service.capitalize()}{name}" for name in clashing}


def _repointed(part: Any, renamed: Mapping[str, str]) -> Any:
    if not renamed:
        return part
    if isinstance(part, dict):
        return {
            key: _target(value, renamed) if key == "$ref" else _repointed(value, renamed) for key, value in part.items()
        }
    return [_repointed(item, renamed) for item in part] if isinstance(part, list) else part


def _target(reference: Any, renamed: Mapping[str, str]) -> Any:
    head, _, name = str(reference).rpartition("/")
    return f"{head}/{renamed[name]}" if head == "#/components/schemas" and name in renamed else reference
