"""The gateway, really run: what it refuses itself, how it says so, and what it lets through."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from skillscoop_cli.docs_page import HEADERS, asset_at

from tests.support.gateway import Gateway, running_gateway
from tests.support.ports import free_port
from tests.support.servers.private import listening, program

EVIDENCE = "/v1/disputes/dsp_1/evidence"
PROBLEM = "application/problem+json"


class StandIn:
    """Plays every service: refuses strangers before it reads, and says how much of a body came."""

    def __init__(self) -> None:
        self.unready: set[str] = set()
        self.read = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        if scope["path"] == "/readyz":
            await _answer(send, 503 if self.unready else 200, {"status": "unready" if self.unready else "ready"})
            return
        if scope["path"] == EVIDENCE and b"authorization" not in headers:
            await _answer(send, 401, {"code": "unauthenticated"})
            return
        size = 0
        while True:
            message = await receive()
            size += len(message.get("body", b""))
            self.read = max(self.read, size)
            if not message.get("more_body"):
                break
        shown = {key.decode(): value.decode("latin-1") for key, value in headers.items()}
        await _answer(send, 200, {"size": size, "path": scope["path"], "headers": shown})


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@contextmanager
def served(app: StandIn, port: int) -> Iterator[None]:
    """The stand-in over HTTP, as services are served."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off", ws="none"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not listening(port):
        pass
    yield
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    """What plays the services."""
    return StandIn()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, stand_in: StandIn) -> Iterator[Gateway]:
    """One gateway for all tests of this file."""
    if program("nginx") is None:
        pytest.skip("nginx is not installed: ./skillscoop test --install-servers brings it")
    folder = tmp_path_factory.mktemp("gateway")
    folder.chmod(0o755)
    upstream = free_port()
    with served(stand_in, upstream), running_gateway(folder, upstream) as running:
        yield running


def raw(gateway: Gateway, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; status, headers and body of the answer."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


def asked(method: str, path: str, *headers: str, version: str = "HTTP/1.1") -> bytes:
    """A request without a body."""
    lines = [f"{method} {path} {version}", "Host: gateway", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize("size", [262_145, 1_000_000, 12_000_000])
def test_a_body_too_large_for_its_route_is_413(gateway: Gateway, size: int, chunked: bool) -> None:
    """Given a path that takes 256 KB, when more comes, then the answer is 413 and says so in its body."""
    body = bytes(size)
    content = (body[at : at + 65_536] for at in range(0, size, 65_536)) if chunked else body

    answer = httpx2.post(f"{gateway.url}/v1/contracts", content=content, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (413, 413, "body_too_large")
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    ("path", "size"), [("/v1/contracts", 262_144), (EVIDENCE, 5_000_000), ("/webhooks/stripe", 524_288)]
)
def test_a_body_its_route_takes_arrives_whole(gateway: Gateway, path: str, size: int) -> None:
    """Given a body as large as its route allows, when it is sent, then the service gets every byte."""
    answer = httpx2.post(f"{gateway.url}{path}", content=bytes(size), headers={"Authorization": "Bearer x"}, timeout=30)

    assert (answer.status_code, answer.json()["size"]) == (200, size)


def test_a_stranger_is_refused_before_the_file_is_there(gateway: Gateway) -> None:
    """Given an upload without a token, when only its first bytes have come, then the answer is there: 401."""
    head = asked("POST", EVIDENCE, "Content-Length: 4000000").decode() + "the first bytes"

    status, _, _ = raw(gateway, head.encode())

    assert status == 401


def test_a_strangers_whole_file_is_answered_as_the_service_answers(gateway: Gateway) -> None:
    """Given an upload without a token, when all of it is sent, then the answer is the service's, not the gateway's."""
    answer = httpx2.post(f"{gateway.url}{EVIDENCE}", content=bytes(4_000_000), timeout=30)

    assert answer.status_code == 401


HOSTILE = [
    pytest.param('/v1/nothing"},"code":"paid","x":{"', [], id="quote-in-the-path"),
    pytest.param("/v1/nothing%22%7D%0A%5C", [], id="escaped-in-the-path"),
    pytest.param("/v1/nothing\\", [], id="backslash"),
    pytest.param("/v1/nothing?a=%22", ['X-Request-Id: x","code":"paid'], id="quote-in-the-id"),
    pytest.param("/v1/nothing", ["X-Request-Id: \\"], id="backslash-in-the-id"),
    pytest.param("/v1/nothing", ["X-Request-Id: " + "x" * 400], id="long-id"),
    pytest.param("/v1/caf\xe9", [], id="latin-1"),
]


@pytest.mark.parametrize(("path", "headers"), HOSTILE)
def test_nothing_a_caller_sends_is_read_as_json(gateway: Gateway, path: str, headers: list[str]) -> None:
    """Given marks of JSON in the path or the request id, when the gateway answers, then its body is one problem."""
    status, answered, body = raw(gateway, asked("GET", path, *headers))

    problem = json.loads(body)
    assert (status, problem["status"], problem["code"]) == (404, 404, "not_found")
    assert set('"\\') & set(problem["instance"] + problem["request_id"]) == set()
    assert problem["request_id"] == answered["x-request-id"]
    assert len(problem["request_id"]) <= 128


def test_a_request_id_that_is_sound_is_kept(gateway: Gateway) -> None:
    """Given a request id of the caller's, when a service or the gateway answers, then it is the same."""
    headers = {"X-Request-Id": "walk-1:2.3", "Authorization": "Bearer x"}

    assert httpx2.get(f"{gateway.url}/v1/contracts", headers=headers).json()["headers"]["x-request-id"] == "walk-1:2.3"
    assert httpx2.get(f"{gateway.url}/v1/none", headers=headers).json()["request_id"] == "walk-1:2.3"


OWN_ERRORS = [
    pytest.param(b"GET / HTTP/1.1\r\nHost: a b c/\r\n\r\n", 400, "request_malformed", id="host"),
    pytest.param(b"NONSENSE\r\n\r\n", 400, "request_malformed", id="no-request"),
    pytest.param(asked("GET", "/", "Content-Length: many"), 400, "request_malformed", id="length"),
    pytest.param(asked("GET", "/", "X: " + "x" * 40_000), 400, "request_malformed", id="head-too-large"),
    pytest.param(asked("TRACE", "/v1/contracts"), 405, "method_not_allowed", id="trace"),
    pytest.param(asked("GET", "/" + "x" * 40_000), 414, "uri_too_long", id="address"),
    pytest.param(asked("POST", "/v1/contracts", "Transfer-Encoding: gzip"), 501, "not_implemented", id="coding"),
    pytest.param(asked("GET", "/", version="HTTP/3.0"), 505, "version_unsupported", id="version"),
    pytest.param(asked("GET", "/_problem/413"), 404, "not_found", id="its-own-page"),
    pytest.param(asked("GET", "/_ready/3"), 404, "not_found", id="its-own-step"),
]


@pytest.mark.parametrize(("request_", "status", "code"), OWN_ERRORS)
def test_every_error_of_the_gateway_is_a_problem(gateway: Gateway, request_: bytes, status: int, code: str) -> None:
    """Given a request the gateway refuses itself, then the answer is the problem document clients know."""
    answered, headers, body = raw(gateway, request_)

    problem = json.loads(body)
    assert (answered, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"] == PROBLEM
    assert problem["type"] == f"urn:skillscoop:problem:{code}"


def test_too_many_requests_of_one_address_are_429(gateway: Gateway) -> None:
    """Given one address that asks without pause, when it goes on, then it is told to wait and how long."""
    with httpx2.Client(base_url=gateway.url) as client:
        answers = []
        while len(answers) < 20_000 and (not answers or answers[-1].status_code == 200):
            answers.append(client.get("/v1/policy"))

    assert answers[-1].status_code == 429
    assert (answers[-1].json()["code"], answers[-1].headers["retry-after"]) == ("too_many_requests", "1")


@pytest.mark.parametrize("path", ["/livez", "/v1/contracts", "/v1/nothing", "/openapi.json"])
def test_every_answer_forbids_sniffing_once_and_https_stays_https(gateway: Gateway, path: str) -> None:
    """Given any answer, then it carries nosniff exactly once; over https it also says to stay there."""
    plain = httpx2.get(f"{gateway.operators_url}{path}")
    secure = httpx2.get(f"{gateway.operators_url}{path}", headers={"X-Forwarded-Proto": "https"})

    assert plain.headers.get_list("x-content-type-options") == ["nosniff"]
    assert "strict-transport-security" not in plain.headers
    assert secure.headers.get_list("strict-transport-security") == ["max-age=31536000; includeSubDomains"]


def test_operators_read_health_and_metrics_of_every_process(gateway: Gateway, stand_in: StandIn) -> None:
    """Given all processes are ready, then /readyz is 200; when one is not, then 503. Clients' port knows neither."""
    assert httpx2.get(f"{gateway.operators_url}/readyz").json() == {"status": "ready"}
    assert httpx2.get(f"{gateway.operators_url}/metrics/payments/worker").json()["path"] == "/metrics"
    assert "/metrics/reviews" in httpx2.get(f"{gateway.operators_url}/metrics").text
    assert httpx2.get(f"{gateway.url}/readyz").status_code == 404

    stand_in.unready.add("all")
    try:
        answer = httpx2.get(f"{gateway.operators_url}/readyz")
        one = httpx2.get(f"{gateway.operators_url}/readyz/payments")
    finally:
        stand_in.unready.clear()

    assert (answer.status_code, answer.json()["status"]) == (503, 503)
    assert (one.status_code, one.json()["status"]) == (503, "unready")


def test_a_service_that_is_down_is_503(tmp_path: Path) -> None:
    """Given no service answers, when it is asked, then status and body both say 503 and that it may be sent again."""
    if program("nginx") is None:
        pytest.skip("nginx is not installed: ./skillscoop test --install-servers brings it")
    tmp_path.chmod(0o755)
    with running_gateway(tmp_path, free_port()) as gateway:
        answer = httpx2.get(f"{gateway.url}/v1/contracts")

    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (503, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "path", ["/docs", "/docs/", "/docs/start.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"]
)
def test_the_api_can_be_read_in_a_browser(gateway: Gateway, path: str) -> None:
    """Given the gateway, when a browser opens /docs, then the page and all it needs come from there, for no frame."""
    answer = httpx2.get(f"{gateway.url}{path}")

    asset = asset_at(path)
    assert asset is not None
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (
        200,
        asset.content,
        asset.media_type,
    )
    assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_front_page_links_the_api(gateway: Gateway) -> None:
    answer = httpx2.get(f"{gateway.url}/")

    assert answer.status_code == 200 and "href=/docs" in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "path", ["/docs/README.md", "/docs/__init__.py", "/docs/../nginx.conf", "/docs/%2e%2e/nginx.conf"]
)
def test_nothing_else_of_the_folder_is_served(gateway: Gateway, path: str) -> None:
    assert httpx2.get(f"{gateway.url}{path}").status_code == 404
