"""What a connection may send, spoken over real sockets: no head, body or trailer holds a server up."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from skillscoop_chassis.http.protocol import Limits, http_server

QUICK = Limits(head_bytes=4_096, head_seconds=0.2, body_seconds=0.2)
PATIENT = Limits(head_bytes=4_096, head_seconds=60, body_seconds=60)
UNANSWERED = 30
"""Seconds after which a connection counts as open for ever."""

Application = Callable[[Any, Any, Any], Awaitable[None]]


async def mirror(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the names of the request's headers and its body; /early answers before the body was read."""
    body = b""
    more = scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    told = json.dumps({"headers": [name.decode() for name, _ in scope["headers"]], "body": body.decode()}).encode()
    headers = [(b"content-length", str(len(told)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


@asynccontextmanager
async def served(limits: Limits) -> AsyncIterator[int]:
    """The port of a running server."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = http_server(mirror, limits=limits, grace_seconds=1)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def said(port: int, *pieces: bytes) -> bytes:
    """Everything that comes back for these bytes until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), UNANSWERED)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def problem(answer: bytes) -> tuple[int, str]:
    """Status and code of an answer on the wire, which has to be a problem document."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert b"content-type: application/problem+json" in lines
    assert b"connection: close" in lines
    told = json.loads(body)
    return int(lines[0].split()[1]), told["code"]


HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
HALF_SENT: dict[str, tuple[bytes, int | None]] = {
    "nothing": (b"", None),
    "empty lines": (b"\r\n\r\n", 408),
    "half a request line": (b"GET / HT", 408),
    "half a header": (HEAD + b"X-Half: a", 408),
    "no end of the headers": (HEAD, 408),
    "half a body": (b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf", 408),
    "half a chunk": (CHUNKED + b"9\r\nhalf", 408),
    "no last chunk": (CHUNKED + b"4\r\nhalf\r\n", 408),
    "half a trailer": (CHUNKED + b"0\r\nX-Half", 408),
}


@pytest.mark.parametrize(("sent", "status"), HALF_SENT.values(), ids=HALF_SENT.keys())
async def test_half_sent_requests_do_not_stay_open(sent: bytes, status: int | None) -> None:
    """Given a request of which only a part arrives, when its time is over, then it is refused and closed."""
    async with served(QUICK) as port:
        answer = await said(port, sent)

    if status is None:
        assert answer == b""
    else:
        assert problem(answer) == (status, "request_timeout")


async def test_half_sent_body_behind_an_early_answer_does_not_stay_open() -> None:
    """Given an answer that left before the body came, when the rest of the body never comes, then it is closed."""
    async with served(QUICK) as port:
        answer = await said(port, b"POST /early HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nha")

    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1") == 1


async def test_half_a_second_request_does_not_stay_open() -> None:
    """Given an answered request, when half a second one follows on the same connection, then it is refused."""
    async with served(QUICK) as port:
        answer = await said(port, HEAD + b"\r\n" + HEAD)

    first, _, second = answer.rpartition(b"HTTP/1.1")
    assert first.startswith(b"HTTP/1.1 200")
    assert problem(b"HTTP/1.1" + second) == (408, "request_timeout")


TOO_LARGE: dict[str, bytes] = {
    "one header": HEAD + b"X-Long: " + b"x" * 12_000 + b"\r\n\r\n",
    "many headers": HEAD + b"X-Many: x\r\n" * 1_500 + b"\r\n",
    "a path": b"GET /" + b"x" * 12_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
    "the name of a header": HEAD + b"x" * 12_000 + b": x\r\n\r\n",
}


@pytest.mark.parametrize("sent", TOO_LARGE.values(), ids=TOO_LARGE.keys())
@pytest.mark.parametrize("size", [7, 512, 100_000])
async def test_heads_past_the_limit_are_refused(sent: bytes, size: int) -> None:
    """Given a head larger than the limit, however it is cut into pieces, then the answer is 431."""
    async with served(PATIENT) as port:
        answer = await said(port, *(sent[start : start + size] for start in range(0, len(sent), size)))

    if answer:  # a connection reset may swallow what was said before it
        assert problem(answer[answer.rindex(b"HTTP/1.1") :]) == (431, "headers_too_large")


async def test_head_past_the_limit_behind_another_request_takes_no_answer_away() -> None:
    """Given a request and behind it a head past the limit, then the first is answered and the connection ends."""
    async with served(PATIENT) as port:
        answer = await said(port, HEAD + b"\r\n" + HEAD + b"X: " + b"x" * 12_000)

    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1") == 1


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a header": (HEAD + b"X-Long: ", b"x" * 65_536),
    "the name of a header": (HEAD, b"x" * 65_536),
    "a path": (b"GET /", b"x" * 65_536),
    "headers": (HEAD, b"X-Many: " + b"x" * 100 + b"\r\n"),
    "a trailer": (CHUNKED + b"0\r\nX-Long: ", b"x" * 65_536),
    "trailers": (CHUNKED + b"0\r\n", b"X-Many: x\r\n" * 6_000),
    "the extension of a chunk": (CHUNKED + b"4;x=", b"x" * 65_536),
}


@pytest.mark.parametrize(("begin", "again"), ENDLESS.values(), ids=ENDLESS.keys())
async def test_what_never_ends_is_cut_off(begin: bytes, again: bytes) -> None:
    """Given a header, trailer or chunk extension of 40 MB, when it is sent, then the connection ends long before."""
    async with served(PATIENT) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begin)
        closed = False
        for _ in range(40_000_000 // len(again)):
            writer.write(again)
            try:
                await asyncio.wait_for(writer.drain(), UNANSWERED)
            except ConnectionError:
                closed = True
                break
        writer.close()

    assert closed


async def test_trailers_are_no_headers() -> None:
    """Given a chunked body with trailers, when it is read, then the application sees neither in its headers."""
    trailers = b"0\r\nAuthorization: Bearer forged\r\nX-Late: 1\r\n\r\n"
    async with served(PATIENT) as port:
        answer = await said(port, CHUNKED + b"4\r\nbody\r\n" + trailers)

    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert told == {"headers": ["host", "transfer-encoding", "connection"], "body": "body"}


async def test_large_bodies_pass() -> None:
    """Given a small head and a body far larger than a head may be, in one piece, then all of it arrives."""
    body = b"x" * 3_000_000
    head = b"POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with served(PATIENT) as port:
        answer = await said(port, head + body)

    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["body"]) == len(body)


async def test_slow_answers_are_waited_for() -> None:
    """Given a request that is complete, when its answer takes longer than a head may, then it still comes."""
    done = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await done.wait()
        await mirror(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    server = http_server(slow, limits=QUICK, grace_seconds=1)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
    # The half request behind it is refused only once the first one has its answer.
    writer.write(HEAD + b"\r\n" + HEAD)
    asyncio.get_running_loop().call_later(0.5, done.set)
    answer = await asyncio.wait_for(reader.read(), UNANSWERED)

    assert answer.startswith(b"HTTP/1.1 200")
    writer.close()
    server.should_exit = True
    await task


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"NOT HTTP\r\n\r\n"]
)
async def test_what_is_not_http_is_a_problem_too(sent: bytes) -> None:
    async with served(PATIENT) as port:
        assert problem(await said(port, sent)) == (400, "request_malformed")
