"""A TCP proxy that can stop passing bytes without closing anything, as a load balancer or a firewall does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536


class Proxy:
    """Passes bytes to one server. While `silent` is set, those of all its connections get stuck; none is closed."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def fall_silent(self) -> None:
        """Keep every byte from now on. Connections that are made meanwhile get no answer either."""
        self._flowing.clear()

    def flow_again(self) -> None:
        """Pass new connections again. Those that fell silent stay so: what stood between the peers forgot them."""
        for task in self._tasks:
            task.cancel()
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            await self._flowing.wait()
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            for one, other in ((reader, far_writer), (far_reader, writer)):
                task = asyncio.ensure_future(self._pass(one, other))
                self._tasks.add(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
            await self._flowing.wait()
            writer.close()


@asynccontextmanager
async def proxy(host: str, port: int) -> AsyncIterator[Proxy]:
    """A proxy to `host:port` on a free port of its own, for the block."""
    made = Proxy(host, port)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in made._tasks:
            task.cancel()
        await asyncio.gather(*made._tasks, return_exceptions=True)
