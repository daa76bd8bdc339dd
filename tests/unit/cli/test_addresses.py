"""The command line finds what runs, says where it asked, and leaves alone what is not its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from skillscoop_cli.addresses import operators_address, refuse_what_only_one_process_can
from skillscoop_cli.doctor import examine
from skillscoop_cli.failures import CheckFailed, Refused
from skillscoop_cli.operators import desk

from tests.support.ports import free_port

OUTBOX = "/v1/admin/contracts/outbox"
CLIENTS = {"/openapi.json": (200, {"info": {"title": "SkillScoop"}})}
OPERATORS = {OUTBOX: (200, {"data": []})}


@contextmanager
def answering(answers: Mapping[str, tuple[int, object]]) -> Iterator[str]:
    """An HTTP server that knows these paths; anything else is 404. Yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path.partition("?")[0], (404, {"code": "not_found"}))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """A gateway's two addresses, at the ports that compose was told to use."""
    with answering(CLIENTS) as clients, answering(OPERATORS) as operators:
        monkeypatch.setenv("GATEWAY_PORT", clients.rpartition(":")[2])
        monkeypatch.setenv("OPERATORS_PORT", operators.rpartition(":")[2])
        yield clients, operators


def test_operators_are_found_at_the_gateways_second_port(gateway: tuple[str, str]) -> None:
    """Given a gateway that shows clients no operators' routes, then its second port is asked by itself."""
    clients, operators = gateway

    assert operators_address(clients, {}) == operators
    assert operators_address(operators, {}) == operators


def test_whoever_refuses_us_is_the_right_one_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given operators' routes that refuse this token, then no other address is tried."""
    with answering({OUTBOX: (401, {"code": "unauthenticated"})}) as refusing, answering(OPERATORS) as other:
        monkeypatch.setenv("OPERATORS_PORT", other.rpartition(":")[2])

        assert operators_address(refusing, {}) == refusing


def test_nobody_else_is_asked_where_nothing_answers(gateway: tuple[str, str]) -> None:
    """Given an address where nothing answers, then a gateway beside it is not asked; the error names it."""
    nowhere = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(CheckFailed, match=f"nothing answers at {nowhere} .*--url"):
        operators_address(nowhere, {})


def test_every_address_that_was_asked_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a clients' address without operators beside it, then both addresses stand in the error."""
    port = free_port()
    monkeypatch.setenv("OPERATORS_PORT", str(port))
    with answering(CLIENTS) as clients, pytest.raises(CheckFailed) as refused:
        operators_address(clients, {})

    assert clients in str(refused.value)
    assert f"http://127.0.0.1:{port}" in str(refused.value)


def test_a_refused_call_names_the_address_that_refused_it(gateway: tuple[str, str], tmp_path: Path) -> None:
    """Given an operator's call that is answered with an error, then the error names the whole address."""
    clients, operators = gateway
    with desk(clients, "a-token", tmp_path, "olga") as hands, pytest.raises(CheckFailed) as refused:
        hands.get("/v1/admin/payments/operations")

    assert f"{operators}/v1/admin/payments/operations answered 404" in str(refused.value)


def test_the_clock_of_services_that_run_elsewhere_is_not_played(gateway: tuple[str, str], tmp_path: Path) -> None:
    """Given a gateway on this machine and no process on the folder, then playing the clock is refused."""
    with pytest.raises(Refused, match=gateway[0]):
        refuse_what_only_one_process_can(tmp_path, None)
    with pytest.raises(Refused, match=gateway[0]):
        refuse_what_only_one_process_can(tmp_path, f"http://127.0.0.1:{free_port()}")


def test_the_clock_of_a_folder_that_only_holds_an_issuer_is_not_played(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Given a folder from which containers take the issuer's keys, and nothing else, then the clock is not played."""
    monkeypatch.setenv("GATEWAY_PORT", str(free_port()))
    refuse_what_only_one_process_can(tmp_path, None)
    (tmp_path / "issuer").mkdir()
    (tmp_path / "issuer" / "key.json").write_text("{}")

    with pytest.raises(Refused, match="up"):
        refuse_what_only_one_process_can(tmp_path, None)


def test_the_clock_of_the_folders_own_process_is_played(gateway: tuple[str, str], tmp_path: Path) -> None:
    """Given a process on the folder that answers, then a gateway beside it changes nothing."""
    with answering(CLIENTS) as ours:
        refuse_what_only_one_process_can(tmp_path, ours)


def test_a_gateway_of_ours_on_the_port_is_no_fault_of_the_machine(gateway: tuple[str, str], tmp_path: Path) -> None:
    """Given a SkillScoop gateway on the port, when the machine is examined, then the port is no finding to mend."""
    port = int(gateway[0].rpartition(":")[2])
    with answering({}) as stranger:
        taken = int(stranger.rpartition(":")[2])
        found = {port: _port_of(tmp_path, port) for port in (port, taken)}

    assert (found[port], found[taken]) == (True, False)


def _port_of(folder: Path, port: int) -> bool:
    return next(finding.ok for finding in examine(folder / "data", port) if finding.name == "port")
