"""Which other sites' pages may call from a browser: those an installation names, and no others.

Callers prove who they are by a bearer token and never by a cookie, so credentials are not allowed along.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Scope, Send

from skillscoop_chassis.http.bodies import header
from skillscoop_chassis.http.return_urls import origin_of

Headers = list[tuple[bytes, bytes]]

METHODS = b"GET, POST, PUT, PATCH, DELETE"
TAKEN = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, traceparent, X-Request-Id"
)
SHOWN = b"ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
REMEMBERED_SECONDS = b"600"


class Cors:
    """The answer to browsers about `origins` (`https://app.example`); with none, nothing is said and nobody may."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)

    def headers(self, scope: Scope) -> Headers:
        """What to add to an answer: nothing for an origin that is not named."""
        if not self._origins:
            return []
        # Caches keep an answer apart for each origin, also where this one was asked by none.
        vary = [(b"vary", b"Origin")]
        origin = header(scope, b"origin")
        if origin is None or origin_of(origin.decode("latin-1")) not in self._origins:
            return vary
        return [*vary, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", SHOWN)]

    def is_preflight(self, scope: Scope) -> bool:
        """Whether a browser asks on behalf of a named origin what its page may send."""
        if not self._origins or scope["method"] != "OPTIONS":
            return False
        return header(scope, b"access-control-request-method") is not None and len(self.headers(scope)) > 1

    async def answer_preflight(self, send: Send) -> None:
        """Tell a browser what may be sent. Whether the path takes it, it learns from the call itself."""
        headers = [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", TAKEN),
            (b"access-control-max-age", REMEMBERED_SECONDS),
        ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
