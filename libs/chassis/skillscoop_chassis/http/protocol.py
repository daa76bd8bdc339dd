"""HTTP on the wire: what a connection may send, how much of it, and for how long.

uvicorn bounds neither the size of a request's head nor the time for sending one, and puts the trailers of a chunked
body among the headers. Here each is bounded, and trailers are dropped. What is refused before there is a request for
the application is answered by the same problem documents as everything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import uvicorn
from skillscoop_messages.ids import new_message_id
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from skillscoop_chassis.http.problems import Problem

PIECE = 16 * 1024
"""Bytes the parser is given at once while it reads a head: it joins the pieces of one header by copying them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`head_bytes` for request line and headers together, and for whatever else is not body; `head_seconds` from the
    first byte, or from the connection's start, to the last header; `body_seconds` from there to the end of the body."""

    head_bytes: int = 32 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 60.0


class _HeadTooLarge(Exception):
    """The request line and the headers are larger than the limit."""


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits. A connection reads a head, then a body, then waits for its answer to end."""

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._reading: str | None = "head"
        self._unparsed = 0
        self._head_bytes = 0
        self._received_any = False
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for("head", self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received_any = True
        size = min(PIECE, self.limits.head_bytes)
        for start in range(0, len(data), size):
            if self._refused:
                return
            piece = data[start : start + size]
            # Counted back to zero by whatever the parser makes of it; a header, a trailer or the extension of a chunk
            # that never ends is something it makes nothing of.
            self._unparsed += len(piece)
            super().data_received(piece)
            if self.transport.is_closing():
                return
            if self._unparsed > self.limits.head_bytes:
                self._refuse("headers_too_large")
                return
        if self._reading is None and self._timer is None and self._answered():
            # Bytes that begin no request keep no connection open.
            self._wait_for("head", self.limits.head_seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._reading != "head":
            self._wait_for("head", self.limits.head_seconds)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reading != "head":
            # A trailer. Nobody here asked for one, and as a header it would be believed.
            return
        self._unparsed = 0
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._unparsed = 0
        self._wait_for("body", self.limits.body_seconds)

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        self._wait_for(None)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused, and close."""
        self._refuse("headers_too_large" if self._head_bytes > self.limits.head_bytes else "request_malformed")

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.limits.head_bytes:
            raise _HeadTooLarge

    def _answered(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _wait_for(self, what: str | None, seconds: float = 0.0) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._reading = what
        if what is not None:
            self._timer = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused or (self._reading == "head" and not self._answered()):
            # It is us who do not read on, or who still answer the request before this one.
            self._wait_for(self._reading, self.limits.head_seconds)
        elif self._reading == "head" and not self._received_any:
            self.transport.close()
        else:
            self._refuse("request_timeout")

    def _refuse(self, code: str) -> None:
        """Close the connection, with a problem where an answer has not begun yet."""
        self._wait_for(None)
        if self.cycle is not None and self.scope is not self.cycle.scope and not self.cycle.response_complete:
            # The request before this one still has its answer coming; the connection ends behind it.
            self.cycle.keep_alive = False
            self._refused = True
            return
        if self._may_answer():
            self.transport.write(_as_bytes(code))
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether the next answer on this connection is that to the request being read."""
        if self.cycle is None:
            return True
        if self.scope is self.cycle.scope:
            return not self.cycle.response_started
        return True


_DETAILS = {
    "request_malformed": "What was sent is not HTTP.",
    "headers_too_large": "The request line and the headers are larger than is accepted.",
    "request_timeout": "The request was not sent completely in time.",
}


def _as_bytes(code: str) -> bytes:
    answer = Problem(code, _DETAILS[code]).response("", new_message_id())
    lines = [f"HTTP/1.1 {answer.status_code} {http.HTTPStatus(answer.status_code).phrase}".encode()]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    lines += [b"cache-control: no-store", b"x-content-type-options: nosniff", b"connection: close", b"", b""]
    return b"\r\n".join(lines) + bytes(answer.body)


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: whoever runs it decides when everything ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def http_server(app: ASGIApp, *, limits: Limits, grace_seconds: int, host: str = "127.0.0.1", port: int = 0) -> Server:
    """A server for `app` with `limits`. Open requests may run on for `grace_seconds` once it shall exit."""
    protocol = type("Protocol", (LimitedProtocol,), {"limits": limits})
    return Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="none",
            http=protocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=grace_seconds,
            timeout_keep_alive=15,
        )
    )
