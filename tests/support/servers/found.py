"""Find the servers once per test run, however many processes run the tests, and end what was started for it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tests.support.servers.private import PrivatePostgres, PrivateRabbit, listening, program

Kind = Literal["postgres", "rabbit"]
How = Literal["environment", "docker", "programs", "local"]

ADDRESS_VARIABLES: dict[Kind, str] = {"postgres": "TEST_POSTGRES_URL", "rabbit": "TEST_RABBITMQ_URL"}
PROGRAMS: dict[Kind, tuple[str, ...]] = {"postgres": ("initdb", "pg_ctl"), "rabbit": ("rabbitmq-server", "rabbitmqctl")}
LOCAL: dict[Kind, tuple[int, str]] = {
    "postgres": (5432, "postgresql://postgres@127.0.0.1:5432/postgres"),
    "rabbit": (5672, "amqp://guest:guest@127.0.0.1:5672/"),
}
PACKAGES = {"initdb": "postgresql", "rabbitmq-server": "rabbitmq-server", "nginx": "nginx"}
"""Debian's packages, by a program each brings. nginx runs the gateway's own configuration."""

WAYS = """\
These tests need PostgreSQL and RabbitMQ, and none was found. Any one of these ways will do:
  1. addresses:  TEST_POSTGRES_URL=postgresql://... TEST_RABBITMQ_URL=amqp://... ./skillscoop test
  2. Docker:     start the Docker engine; containers are made and removed by the run
  3. programs:   ./skillscoop test --install-servers   (as root on Debian or Ubuntu: apt-get installs
                 postgresql and rabbitmq-server; private instances are used, nothing of yours is touched)
  4. local:      ./skillscoop test --use-local   (servers listening on ports 5432 and 5672)
Or leave this tier out knowingly:  ./skillscoop test --no-servers"""


@dataclass(frozen=True)
class Server:
    """One server found: its address, how it was found, and what is needed to end it."""

    kind: Kind
    how: How
    url: str
    folder: str = ""
    ports: tuple[int, ...] = ()
    container: str = ""


def docker_answers() -> bool:
    """Whether a Docker engine is running."""
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return False
    try:
        import docker  # type: ignore[import-untyped,unused-ignore]

        docker.from_env(timeout=5).ping()
    except Exception:
        return False
    return True


def way_to(kind: Kind, *, use_local: bool) -> How | None:
    """How a server of this kind would be found, None when there is no way."""
    if os.environ.get(ADDRESS_VARIABLES[kind]):
        return "environment"
    # Said out loud by the caller, so it goes before what would have to be started first.
    if use_local and listening(LOCAL[kind][0]):
        return "local"
    if docker_answers():
        return "docker"
    if all(program(name) for name in PROGRAMS[kind]):
        return "programs"
    return None


def install_servers() -> str:
    """Install the server programs with apt-get. Returns what was done; raises RuntimeError where that cannot be."""
    missing = [package for name, package in PACKAGES.items() if program(name) is None]
    if not missing:
        return "server programs are installed already"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError("--install-servers needs root on Debian or Ubuntu")
    # The packages would start servers of their own on the usual ports; ours are private.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "update", "-q"], check=True, env=environment, stdout=sys.stderr)
        subprocess.run(
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing],
            check=True,
            env=environment,
            stdout=sys.stderr,
        )
    finally:
        if ours:
            policy.unlink()
    return f"installed with apt-get: {', '.join(missing)}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def server(kind: Kind, run_folder: Path, *, use_local: bool) -> Server:
    """The run's server of this kind, started by whichever process needs it first. Raises LookupError with the ways."""
    note = run_folder / f"{kind}.json"
    with _locked(run_folder / f"{kind}.lock"):
        if note.exists():
            return _read(note)
        how = way_to(kind, use_local=use_local)
        if how is None:
            raise LookupError(WAYS)
        found = _STARTS[how](kind, run_folder)
        note.write_text(json.dumps(asdict(found)))
        return found


def _read(note: Path) -> Server:
    known: dict[str, Any] = json.loads(note.read_text())
    return Server(**{**known, "ports": tuple(known["ports"])})


def _from_environment(kind: Kind, _run_folder: Path) -> Server:
    return Server(kind, "environment", os.environ[ADDRESS_VARIABLES[kind]])


def _from_local(kind: Kind, _run_folder: Path) -> Server:
    return Server(kind, "local", LOCAL[kind][1])


def _from_programs(kind: Kind, run_folder: Path) -> Server:
    folder = run_folder / kind
    if kind == "postgres":
        postgres = PrivatePostgres(folder).create()
        return Server(kind, "programs", postgres.url, str(folder), (postgres.port,))
    rabbit = PrivateRabbit(folder).create()
    return Server(kind, "programs", rabbit.url, str(folder), (rabbit.port, rabbit.dist_port, rabbit.epmd_port))


def _from_docker(kind: Kind, _run_folder: Path) -> Server:
    if kind == "postgres":
        from testcontainers.community.postgres import PostgresContainer

        database = PostgresContainer("postgres:17-alpine", username="postgres", password="postgres", dbname="postgres")
        database.with_command("-c max_connections=300")
        database.start()
        url = f"postgresql://postgres:postgres@{database.get_container_host_ip()}:{database.get_exposed_port(5432)}/postgres"
        return Server(kind, "docker", url, container=str(database.get_wrapped_container().id))
    from testcontainers.community.rabbitmq import RabbitMqContainer

    broker = RabbitMqContainer("rabbitmq:4-alpine")
    broker.start()
    address = f"{broker.get_container_host_ip()}:{broker.get_exposed_port(5672)}"
    return Server(kind, "docker", f"amqp://guest:guest@{address}/", container=str(broker.get_wrapped_container().id))


_STARTS: dict[How, Callable[[Kind, Path], Server]] = {
    "environment": _from_environment,
    "local": _from_local,
    "programs": _from_programs,
    "docker": _from_docker,
}


def end_all(run_folder: Path) -> None:
    """End every server this run started, and remove the run's folder."""
    for note in run_folder.glob("*.json"):
        _end(_read(note))
    shutil.rmtree(run_folder, ignore_errors=True)


def _end(found: Server) -> None:
    if found.how == "programs" and found.kind == "postgres":
        PrivatePostgres(Path(found.folder), found.ports[0]).stop("immediate")
    elif found.how == "programs":
        port, dist_port, epmd_port = found.ports
        PrivateRabbit(Path(found.folder), port, dist_port, epmd_port).stop()
    elif found.how == "docker":
        import docker  # type: ignore[import-untyped,unused-ignore]

        docker.from_env().containers.get(found.container).remove(force=True, v=True)
