"""One HTTP server on one loopback port, started and ended by the block around it."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skillscoop_chassis.http.protocol import Limits, http_server

from skillscoop_cli.embedded.merged import Application
from skillscoop_cli.failures import Refused

LOOPBACK = "127.0.0.1"
GRACE_SECONDS = 3
"""How long requests in hand may still run when the process is asked to end."""


def bound(port: int) -> socket.socket:
    """A listening loopback socket; port 0 takes any free one. Callers wait in its queue until somebody serves it.

    Raises `Refused` when the port is taken or forbidden.
    """
    # With the protocol named, asyncio switches off the wait for more data, which costs 40 ms in answers of two writes.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                f"port {port} is taken; end what uses it, or name another with --port (0 takes any free one)"
            ) from error
        raise Refused(f"port {port} cannot be used: {error.strerror}; name another with --port") from error
    listening.setblocking(False)
    return listening


@asynccontextmanager
async def serving(app: Application, listening: socket.socket) -> AsyncIterator[None]:
    """Serve `app` on the socket for the block."""
    server = http_server(app, limits=Limits(), grace_seconds=GRACE_SECONDS)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
