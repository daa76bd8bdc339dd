"""What a request body may be before anything looks at its meaning: size, kind, and text that is safe to store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from starlette.types import Message, Receive, Scope

from skillscoop_chassis.http.problems import Problem, invalid_fields

BODY_LIMIT = 256 * 1024
DEPTH_LIMIT = 32
BodyKind = Literal["json", "raw", "upload"]


@dataclass(frozen=True, slots=True)
class BodyRule:
    """Another treatment of bodies on the paths of `pattern` (see `paths.matcher`).

    `json`: only JSON. `raw`: any bytes, unread (webhooks verify a signature over them). `upload`: JSON or
    multipart/form-data, the latter streamed through and counted. `limit` in bytes.
    """

    pattern: str
    limit: int = BODY_LIMIT
    kind: BodyKind = "json"


class Disconnected(Exception):
    """The caller went away before the body was complete."""


@dataclass(slots=True)
class RequestContext:
    """What the edge knows about a request; routes reach it through `facts(request)`."""

    request_id: str
    actor: Any = None
    token_expires: float | None = None
    body: bytes = b""
    is_json: bool = False
    digest: Any = None
    limit_headers: Sequence[tuple[bytes, bytes]] = ()

    def fingerprint(self) -> str:
        """sha256 of the body as it was sent, hexadecimal."""
        return str((self.digest or hashlib.sha256(self.body)).hexdigest())


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header `name` (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def _too_large() -> Problem:
    # The rest of the body is not read, so the connection cannot be used again.
    return Problem("body_too_large", "The body is larger than this path takes.", headers={"Connection": "close"})


def _malformed(detail: str) -> Problem:
    return Problem("body_malformed", detail)


async def read_all(receive: Receive, limit: int) -> bytes:
    """The whole body, counted while it is read. Raises Problem body_too_large (413) and Disconnected."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A receive that hands out `body` once and then speaks for the connection again."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def counted(receive: Receive, limit: int, request_context: RequestContext) -> Receive:
    """A receive that lets an upload stream through, hashing it, and raises Problem (413) past `limit` bytes."""
    size = 0
    request_context.digest = hashlib.sha256()

    async def count() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            if size > limit:
                raise _too_large()
            request_context.digest.update(message.get("body", b""))
        return message

    return count


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _malformed("A name appears twice in one object.")
    return found


def _no_constant(_name: str) -> Any:
    raise _malformed("NaN and Infinity are not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
_UNSAFE = re.compile("[\x00\ud800-\udfff]")


def _check_depth_and_texts(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if _UNSAFE.search(value):
            raise _malformed("NUL and lone surrogates are not accepted in texts.")
        return
    if not isinstance(value, (dict, list)):
        return
    if depth >= DEPTH_LIMIT:
        raise _malformed(f"The body is nested deeper than {DEPTH_LIMIT} levels.")
    for name, part in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(name, str):
            _check_depth_and_texts(name, depth)
        _check_depth_and_texts(part, depth + 1)


def check_json(body: bytes) -> None:
    """Raises Problem body_malformed (400) for what is not JSON or must not be stored, invalid_request (422) for what
    is no object: every request is one.
    """
    if not body:
        return
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _malformed("The body is not valid JSON in UTF-8.") from error
    # Escapes are the only way NUL or a surrogate gets past the two decoders; few brackets cannot nest deeply.
    if b"\\u" in body or b"\\U" in body or body.count(b"{") + body.count(b"[") > DEPTH_LIMIT:
        _check_depth_and_texts(value, 0)
    if not isinstance(value, dict):
        raise invalid_fields([{"loc": ("body",), "type": "dict_type"}])


def announced_size(scope: Scope, limit: int) -> bool:
    """Whether a body is coming. Raises Problem (413) when its announced size is past `limit`, 400 when unreadable."""
    length = header(scope, b"content-length")
    if length is None:
        return header(scope, b"transfer-encoding") is not None
    if not length.isdigit():
        raise _malformed("Content-Length is not a number.")
    if int(length) > limit:
        raise _too_large()
    return int(length) > 0


def media_type(scope: Scope) -> str:
    """The media type without parameters, lower case; empty when none was sent."""
    return (header(scope, b"content-type") or b"").split(b";", 1)[0].strip().lower().decode("latin-1")


def rule_for(scope: Scope, rules: Sequence[tuple[Any, BodyRule]], default: BodyRule) -> BodyRule:
    """The rule of the path."""
    for matches, rule in rules:
        if matches(scope):
            return rule
    return default


async def checked_receive(scope: Scope, receive: Receive, rule: BodyRule, request_context: RequestContext) -> Receive:
    """Check the body as its path wants it and return the receive for the application.

    Raises Problem 400, 413, 415, and Disconnected.
    """
    if not announced_size(scope, rule.limit):
        return receive
    if header(scope, b"content-encoding") not in (None, b"identity"):
        raise Problem("media_type_unsupported", "Compressed bodies are not accepted.")
    if rule.kind == "upload" and media_type(scope) == "multipart/form-data":
        return counted(receive, rule.limit, request_context)
    request_context.body = await read_all(receive, min(rule.limit, BODY_LIMIT) if rule.kind == "upload" else rule.limit)
    if rule.kind != "raw" and request_context.body:
        if media_type(scope) != "application/json":
            raise Problem("media_type_unsupported", "Send application/json.")
        check_json(request_context.body)
        request_context.is_json = True
    return replayed(request_context.body, receive)
