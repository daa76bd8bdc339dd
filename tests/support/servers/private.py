"""Private instances of installed server programs: own ports, own data folder, ended by process id."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.ports import free_ports

START_SECONDS = 60


class DidNotStart(RuntimeError):
    """A server program ended or kept silent; the message holds the end of its log."""


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as one:
        one.settimeout(0.5)
        return one.connect_ex((host, port)) == 0


def program(name: str) -> str | None:
    """The path of an installed server program; Debian keeps PostgreSQL's out of PATH."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    broker = Path("/usr/lib/rabbitmq/bin") / name
    if broker.exists():
        return str(broker)
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _other_user(*names: str) -> str | None:
    """A user to run servers as when we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise DidNotStart("running as root, and there is no other user to run a server as")


def _folder(parent: Path, name: str, owner: str | None) -> Path:
    folder = parent / name
    folder.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        shutil.chown(folder, owner, pwd.getpwnam(owner).pw_gid)
    return folder


def _run(arguments: list[str], owner: str | None, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        arguments,
        user=owner,
        group=pwd.getpwnam(owner).pw_gid if owner else None,
        extra_groups=[] if owner else None,
        env={**os.environ, **(environment or {})},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=START_SECONDS * 2,
        check=False,
    )
    if done.returncode != 0:
        raise DidNotStart(f"{' '.join(arguments)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def _wait_gone(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if _gone(pid):
            return True
        time.sleep(0.02)
    return _gone(pid)


@dataclass
class PrivatePostgres:
    """A PostgreSQL cluster of our own in `folder`. `fsync` is on: what it confirms survives as in production."""

    folder: Path
    port: int = 0
    owner: str | None = field(default_factory=lambda: _other_user("postgres"))
    settings: tuple[str, ...] = ("max_connections=300", "shared_buffers=64MB")

    @property
    def url(self) -> str:
        """Address of the maintenance database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.folder / "data"

    def create(self) -> PrivatePostgres:
        """Make the cluster and start it."""
        self.port = self.port or free_ports(1)[0]
        _folder(self.folder.parent, self.folder.name, self.owner)
        initdb = program("initdb") or "initdb"
        _run(
            [initdb, "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            self.owner,
        )
        self.start()
        return self

    def start(self) -> None:
        """Start, and return when it answers."""
        options = [f"-p {self.port}", "-c listen_addresses=127.0.0.1", "-c unix_socket_directories="]
        options += [f"-c {setting}" for setting in self.settings]
        self._ctl("-l", str(self.folder / "log"), "-o", " ".join(options), "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop: `fast` rolls back and ends, `immediate` leaves recovery to the next start."""
        self._ctl("-m", mode, "-w", "stop")

    def kill(self) -> None:
        """kill -9 of the postmaster and its children."""
        pid = self.pid()
        every = (pid, *(child.pid for child in psutil.Process(pid).children()))
        for each in every:
            os.kill(each, signal.SIGKILL)
        for each in every:
            _wait_gone(each, 10)
        # Where nothing collects dead processes, its number still looks taken and the next start would refuse.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def pid(self) -> int:
        """Process id of the postmaster."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def _ctl(self, *arguments: str) -> None:
        _run([program("pg_ctl") or "pg_ctl", "-D", str(self.data), "-t", str(START_SECONDS), *arguments], self.owner)


@dataclass
class PrivateRabbit:
    """A RabbitMQ node of our own in `folder`, with its own name, ports and name server."""

    folder: Path
    port: int = 0
    dist_port: int = 0
    epmd_port: int = 0
    owner: str | None = field(default_factory=lambda: _other_user("rabbitmq"))

    @property
    def url(self) -> str:
        """Address with the guest user, who may connect from loopback only."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def node(self) -> str:
        """The node's name."""
        return f"skillscoop-{self.port}@localhost"

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "env"),
            "RABBITMQ_CTL_ERL_ARGS": "",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def create(self) -> PrivateRabbit:
        """Make the node's folder and start it."""
        if not self.port:
            self.port, self.dist_port, self.epmd_port = free_ports(3)
        _folder(self.folder.parent, self.folder.name, self.owner)
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "env").write_text("")
        (self.folder / "rabbitmq.conf").write_text("loopback_users.guest = true\nlog.console = false\n")
        self.start()
        return self

    def start(self) -> None:
        """Start, and return when it accepts connections."""
        log = (self.folder / "console").open("ab")
        process = subprocess.Popen(
            [program("rabbitmq-server") or "rabbitmq-server"],
            user=self.owner,
            group=pwd.getpwnam(self.owner).pw_gid if self.owner else None,
            extra_groups=[] if self.owner else None,
            env={**os.environ, **self._environment()},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        until = time.monotonic() + START_SECONDS
        while not listening(self.port):
            if process.poll() is not None or time.monotonic() > until:
                raise DidNotStart((self.folder / "console").read_text(errors="replace")[-3000:])
            time.sleep(0.05)
        self.ctl("await_startup")

    def ctl(self, *arguments: str) -> str:
        """rabbitmqctl on this node; returns what it prints."""
        tool = program("rabbitmqctl") or "rabbitmqctl"
        return _run([tool, "-q", "-n", self.node, *arguments], self.owner, self._environment())

    def pid(self) -> int:
        """Process id of the node."""
        return int((self.folder / "pid").read_text().split()[0])

    def stop(self) -> None:
        """End the node and its name server."""
        pid = self.pid()
        os.kill(pid, signal.SIGTERM)
        if not _wait_gone(pid, 20):
            os.kill(pid, signal.SIGKILL)
            _wait_gone(pid, 5)
        epmd = program("epmd") or "epmd"
        subprocess.run([epmd, "-port", str(self.epmd_port), "-kill"], capture_output=True, check=False)

    def kill(self) -> None:
        """kill -9 of the node; its name server stays for the next start."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        _wait_gone(pid, 10)
