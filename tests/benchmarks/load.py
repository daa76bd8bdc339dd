"""A load generator that costs little itself: plain HTTP/1.1 over a few open connections."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class Connection:
    """One open connection to one service."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def call(
        self, method: str, path: str, token: str, body: Any = None, headers: Sequence[tuple[str, str]] = ()
    ) -> tuple[int, dict[str, str], Any]:
        """Send one request; status, headers and the body read as JSON."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {path} HTTP/1.1",
            "host: benchmark",
            f"authorization: Bearer {token}",
            "content-type: application/json",
            f"content-length: {len(content)}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        received = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        answer = await self.reader.readexactly(int(received.get("content-length", "0")))
        return int(head[0].split(" ", 2)[1]), received, json.loads(answer) if answer else None


async def connect(port: int, count: int) -> list[Connection]:
    """Open `count` connections to a loopback port."""
    return [Connection(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]


def close(connections: Sequence[Connection]) -> None:
    """Close them."""
    for connection in connections:
        connection.writer.close()


@dataclass(frozen=True, slots=True)
class Fundable:
    """The only milestone of a contract, waiting to be funded, with its client's token."""

    contract_id: str
    milestone_id: str
    revision: int
    amount: int
    token: str


async def fund(connection: Connection, milestone: Fundable) -> float:
    """Fund one milestone; when it was sent, in seconds since the epoch. Raises RuntimeError unless it is accepted."""
    sent = time.time()
    status, _, answer = await connection.call(
        "POST",
        f"/v1/milestones/{milestone.milestone_id}/fund",
        milestone.token,
        {"amount": milestone.amount, "revision": milestone.revision, "method": "checkout"},
        [("idempotency-key", uuid.uuid4().hex)],
    )
    if status != 202:
        raise RuntimeError(f"fund answered {status}: {answer}")
    return sent


async def approved(connection: Connection, clients_token: str, freelancers_token: str, freelancer: str) -> Fundable:
    """Take one contract of one milestone from draft to active."""

    async def must(status: int, *request: Any) -> tuple[dict[str, str], Any]:
        got, headers, answer = await connection.call(*request)
        if got != status:
            raise RuntimeError(f"{request[:2]} answered {got}: {answer}")
        return headers, answer

    terms = {
        "title": "Logo for a bakery",
        "freelancer_id": freelancer,
        "currency": "usd",
        "milestones": [{"description": "Three drafts and the final files", "amount": 12_500}],
    }
    _, contract = await must(201, "POST", "/v1/contracts", clients_token, terms)
    path = f"/v1/contracts/{contract['id']}"
    headers, _ = await must(200, "POST", f"{path}/send", clients_token, {})
    _, contract = await must(
        200, "POST", f"{path}/approve", freelancers_token, {"revision": 1}, [("if-match", headers["etag"])]
    )
    milestone = contract["milestones"][0]
    return Fundable(contract["id"], milestone["id"], contract["revision"], milestone["amount"]["amount"], clients_token)


async def spread(
    connections: Sequence[Connection], count: int, work: Callable[[Connection, int], Awaitable[Any]]
) -> list[Any]:
    """Do `work(connection, number)` for 0..count-1, each connection taking the next number when it is free."""
    numbers = iter(range(count))
    results: list[Any] = []

    async def on(connection: Connection) -> None:
        for number in numbers:
            results.append(await work(connection, number))

    await asyncio.gather(*(on(connection) for connection in connections))
    return results


async def paced(
    connections: Sequence[Connection], per_second: float, work: Sequence[Callable[[Connection], Awaitable[float]]]
) -> list[float]:
    """Start each piece of work at its time, whether or not earlier ones have ended; what they return, in order."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)

    async def one(piece: Callable[[Connection], Awaitable[float]], due: float) -> float:
        connection = await free.get()
        try:
            # Waiting for a free connection counts: the clock of a flow starts when it was due.
            sent_late = time.perf_counter() - due
            return await piece(connection) - sent_late
        finally:
            free.put_nowait(connection)

    start = time.perf_counter()
    tasks = []
    for number, piece in enumerate(work):
        due = start + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(piece, due)))
    return list(await asyncio.gather(*tasks))
