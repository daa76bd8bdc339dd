"""Requests exactly as somebody may send them: any bytes in headers and bodies, in as many pieces as they like."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Header = tuple[str, str | bytes]
JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for known, value in self.headers if known == name.lower()), None)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    @property
    def code(self) -> str | None:
        """The problem's code, None for a success."""
        return str(self.json()["code"]) if self.header("content-type") == PROBLEM else None

    def json(self) -> Any:
        """The body's JSON value."""
        return json.loads(self.content)


def bytes_of(value: str | bytes) -> bytes:
    """A header's value as it travels."""
    return value if isinstance(value, bytes) else value.encode("latin-1")


async def ask(
    app: Any,
    method: str,
    path: str,
    *,
    headers: Iterable[Header] = (),
    body: bytes | Sequence[bytes] | None = None,
    announced: int | None = None,
) -> Answer:
    """One request straight to an application.

    `path` is as it stands in the request line, with its query. A sequence as `body` travels in pieces without a
    length; `announced` replaces the length that a body in one piece is announced with.
    """
    target, _, query = path.partition("?")
    sent = [(name.lower().encode(), bytes_of(value)) for name, value in headers]
    pieces = [body] if isinstance(body, bytes) else list(body or [])
    if isinstance(body, bytes):
        sent.append((b"content-length", str(len(body) if announced is None else announced).encode()))
    elif body is not None:
        sent.append((b"transfer-encoding", b"chunked"))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(target, errors="replace"),
        "raw_path": target.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": sent,
        "server": ("here", 80),
        "client": ("127.0.0.1", 1),
        "state": {},
    }
    messages = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ] or [{"type": "http.request", "body": b"", "more_body": False}]
    begun: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            begun.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    told = tuple((name.decode().lower(), value.decode("latin-1")) for name, value in begun["headers"])
    return Answer(begun["status"], told, b"".join(parts))
