"""Ways an answer does not arrive."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

OUTER_SEND = "stripe_simulator.send"
"""Where the scope keeps the server's own `send`, from before any middleware."""


async def hang(request: Request, seconds: int) -> None:
    """Wait for so many seconds of wall time, less when the caller hangs up."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    waiting = asyncio.ensure_future(gone())
    await asyncio.wait([waiting], timeout=seconds)
    waiting.cancel()


class Dropped(Response):
    """No answer: the connection closes.

    Where the server does not let us close it, the answer breaks off in the middle of its body instead.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection without a whole answer."""
        transport = getattr(getattr(scope.get(OUTER_SEND), "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
