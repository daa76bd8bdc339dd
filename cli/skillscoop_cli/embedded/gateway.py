"""The one address: hands each request to the service whose path it is, and answers where all of them are one."""

import json
from collections.abc import Mapping

from fastapi import FastAPI
from skillscoop_chassis.http.bodies import header

from skillscoop_cli.docs_page import HEADERS, asset_at
from skillscoop_cli.embedded import merged
from skillscoop_cli.embedded.dispatch import compiled, owner_of, paths_of
from skillscoop_cli.embedded.merged import Application, Receive, Scope, Send

SIMULATOR = "/stripe-simulator"


class Front:
    """The application behind the port. `apps` are the services', by name; `simulator` plays Stripe below its prefix."""

    def __init__(self, apps: Mapping[str, FastAPI], simulator: Application, url: str) -> None:
        self._apps = apps
        self._simulator = simulator
        self._tree = compiled({name: paths_of(app) for name, app in apps.items()})
        # A path of nobody gets the same 401 and 404 as everywhere, from whichever service stands first.
        self._nobody = next(iter(apps.values()))
        self._url = url
        self._document: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; only HTTP is spoken here."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == SIMULATOR or path.startswith(SIMULATOR + "/"):
            await self._simulator({**scope, "root_path": scope.get("root_path", "") + SIMULATOR}, receive, send)
        elif path in ("/livez", "/readyz"):
            status, body = await merged.health(self._apps, path, scope)
            await merged.answer(send, status, body, "application/json")
        elif path == "/metrics":
            body = await merged.metrics(self._apps, scope)
            await merged.answer(send, 200, body, "text/plain; version=0.0.4; charset=utf-8")
        elif path == "/openapi.json":
            await merged.answer(send, 200, self._described(), "application/json")
        elif path == "/":
            body, media_type = self._welcome(header(scope, b"accept") or b"")
            await merged.answer(send, 200, body, media_type, HEADERS)
        elif asset := asset_at(path):
            await merged.answer(send, 200, asset.content, asset.media_type, HEADERS)
        else:
            owner = owner_of(self._tree, path)
            await (self._apps[owner] if owner else self._nobody)(scope, receive, send)

    def _described(self) -> bytes:
        if self._document is None:
            self._document = json.dumps(
                merged.merge_openapi({name: app.openapi() for name, app in self._apps.items()})
            ).encode()
        return self._document

    def _welcome(self, accepted: bytes) -> tuple[bytes, str]:
        told = f"SkillScoop, {len(self._apps)} services in one process, for trying out: no real money moves here."
        places = (
            ("API in the browser", "/docs"),
            ("API description", "/openapi.json"),
            ("Health", "/readyz"),
            ("Metrics", "/metrics"),
            ("Stripe simulator (it is not Stripe)", f"{SIMULATOR}/"),
        )
        if b"text/html" in accepted:
            links = "".join(f'<li><a href="{path}">{name}</a></li>' for name, path in places)
            how = "<p>A token: <code>./skillscoop token ada</code></p>"
            page = f"<!doctype html><html lang=en><meta charset=utf-8><title>SkillScoop</title><p>{told}</p>"
            return f"{page}<ul>{links}</ul>{how}</html>".encode(), "text/html; charset=utf-8"
        lines = "".join(f"{name:<37}{self._url}{path}\n" for name, path in places)
        return f"{told}\n\n{lines}{'A token':<37}./skillscoop token ada\n".encode(), "text/plain; charset=utf-8"
