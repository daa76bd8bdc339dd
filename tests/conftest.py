"""Options and fixtures of every test: servers, fresh databases, tokens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.support import time_limit  # noqa: E402
from tests.support.broker import remove_namespace  # noqa: E402
from tests.support.databases import FreshDatabases, fresh_sqlite  # noqa: E402
from tests.support.identity import Issuer  # noqa: E402
from tests.support.servers.found import WAYS, Server, end_all, install_servers, server, way_to  # noqa: E402
from tests.support.servers.leftovers import RUN_FOLDER, note, watched  # noqa: E402
from tests.support.servers.private import PrivatePostgres, PrivateRabbit, program  # noqa: E402

PLENTY = 8 * 2**30
WATCH = pytest.StashKey[subprocess.Popen[bytes]]()
SERVER_FIXTURES = frozenset(
    {
        "postgres_server",
        "fresh_databases",
        "postgres_url",
        "new_postgres",
        "rabbit_server",
        "rabbit_url",
        "private_postgres",
        "private_rabbit",
    }
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where servers may come from."""
    time_limit.pytest_addoption(parser)
    group = parser.getgroup("servers")
    group.addoption("--use-local", action="store_true", help="use servers listening on ports 5432 and 5672")
    group.addoption("--no-servers", action="store_true", help="leave out the tests that need PostgreSQL or RabbitMQ")
    group.addoption("--install-servers", action="store_true", help="as root: install the server programs by apt-get")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _place() -> Path | None:
    """Memory to put files, databases and queues in, where there is plenty of it and nobody chose another place.

    Every commit of every test is synced; in memory that costs nothing. What tests kill is processes, and for those a
    file in memory is as lasting as one on a disk.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return None
    return memory if shutil.disk_usage(memory).free > PLENTY else None


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder in which this run's processes share their servers."""
    config.pluginmanager.register(time_limit, "time-limit")
    config.addinivalue_line("markers", "servers: needs PostgreSQL or RabbitMQ; left out with --no-servers")
    if _is_worker(config):
        return
    memory = _place()
    folder = Path(tempfile.mkdtemp(prefix="skillscoop-tests-", dir=memory))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    # Servers run as another user when we are root, so that user must be able to pass through.
    folder.chmod(0o755)
    os.environ[RUN_FOLDER] = str(folder)
    config.stash[WATCH] = watched(folder)
    if config.getoption("--install-servers"):
        try:
            print(install_servers(), file=sys.stderr)
        except Exception as error:
            pytest.exit(f"servers could not be installed: {error}", returncode=4)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers of this run, and say in the last line when their tests were left out."""
    if _is_worker(config) or RUN_FOLDER not in os.environ:
        return
    folder = Path(os.environ.pop(RUN_FOLDER))
    end_all(folder)
    watch = config.stash[WATCH]
    if watch.stdin is not None:
        watch.stdin.close()
    watch.wait()
    if config.getoption("--no-servers"):
        print("--no-servers: the tests that need PostgreSQL or RabbitMQ were left out")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs servers; leave it out when told so, and end the run when there is no way to any."""
    for item in items:
        if SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)
    needing = [item for item in items if item.get_closest_marker("servers")]
    if not needing:
        return
    if config.getoption("--no-servers"):
        config.hook.pytest_deselected(items=needing)
        left_out = set(map(id, needing))
        items[:] = [item for item in items if id(item) not in left_out]
        return
    if config.getoption("collectonly"):
        return
    use_local = config.getoption("--use-local")
    if way_to("postgres", use_local=use_local) is None or way_to("rabbit", use_local=use_local) is None:
        pytest.exit(WAYS, returncode=4)


def _server(kind: str, request: pytest.FixtureRequest) -> Server:
    if request.config.getoption("--no-servers"):
        pytest.skip("--no-servers")
    try:
        return server(kind, Path(os.environ[RUN_FOLDER]), use_local=request.config.getoption("--use-local"))  # type: ignore[arg-type]
    except LookupError as error:
        pytest.exit(str(error), returncode=4)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Server:
    """The run's PostgreSQL server. Tests make databases of their own on it."""
    return _server("postgres", request)


@pytest.fixture(scope="session")
def rabbit_server(request: pytest.FixtureRequest) -> Server:
    """The run's RabbitMQ server. Tests keep to a namespace of their own on it."""
    return _server("rabbit", request)


@pytest.fixture(scope="session")
def fresh_databases(postgres_server: Server) -> Iterator[FreshDatabases]:
    """Makes databases on the run's server; what is left of them is dropped at the end of the run."""
    ours = postgres_server.how in ("programs", "docker")
    fresh = FreshDatabases(postgres_server.url, most=200 if ours else 40)
    yield fresh
    if not ours:
        fresh.drop_all()


@pytest.fixture
def postgres_url(fresh_databases: FreshDatabases) -> Iterator[str]:
    """Address of a fresh, empty PostgreSQL database."""
    url = fresh_databases.new()
    yield url
    fresh_databases.done_with(url)


@pytest.fixture
def new_postgres(fresh_databases: FreshDatabases) -> Iterator[Callable[[str], str]]:
    """Makes further fresh PostgreSQL databases, one for each service for example: `new_postgres("payments")`."""
    made: list[str] = []

    def new(purpose: str) -> str:
        made.append(fresh_databases.new(purpose))
        return made[-1]

    yield new
    for url in made:
        fresh_databases.done_with(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> Iterator[str]:
    """Address of a fresh SQLite file."""
    with fresh_sqlite(tmp_path) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Address of a fresh database, once for each kind we run on."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def rabbit_url(rabbit_server: Server) -> str:
    """Address of RabbitMQ; use it with `bus_namespace`."""
    return rabbit_server.url


@pytest.fixture
def bus_namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A prefix of this test's own for exchange and queues, removed from the broker after the test."""
    namespace = f"t{os.urandom(5).hex()}"
    if "rabbit_server" in request.fixturenames:
        note("namespace", request.getfixturevalue("rabbit_server").url, namespace)
    yield namespace
    if "rabbit_server" in request.fixturenames:
        remove_namespace(request.getfixturevalue("rabbit_server").url, namespace)


@pytest.fixture
def private_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePostgres]:
    """A PostgreSQL of this test's own, to stop, kill or fill. Needs the programs, whatever the run's server is."""
    if program("initdb") is None:
        pytest.skip("a server to break must be a private one, and PostgreSQL's programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=os.environ[RUN_FOLDER]))
    folder.chmod(0o755)
    postgres = PrivatePostgres(folder / "cluster").create()
    yield postgres
    try:
        postgres.stop("immediate")
    except Exception as error:
        print(f"already ended: {error}"[:200])


@pytest.fixture
def private_rabbit() -> Iterator[PrivateRabbit]:
    """A RabbitMQ of this test's own, to stop, kill or fill. Needs the programs, whatever the run's server is."""
    if program("rabbitmq-server") is None:
        pytest.skip("a server to break must be a private one, and RabbitMQ's programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="mq-", dir=os.environ[RUN_FOLDER]))
    folder.chmod(0o755)
    rabbit = PrivateRabbit(folder / "node").create()
    yield rabbit
    rabbit.stop()


@pytest.fixture(scope="session")
def keys() -> Issuer:
    """The test issuer: `keys.token(sub, roles)`, `keys.headers(sub, roles)`, `keys.jwks_file(folder)`."""
    return Issuer()


@pytest.fixture
def token(keys: Issuer) -> Callable[..., str]:
    """Makes a token: `token("ada", ["ops"])`."""
    return keys.token


@pytest.fixture
def jwks_file(keys: Issuer, tmp_path: Path) -> Path:
    """The test issuer's public keys as a file."""
    return keys.jwks_file(tmp_path)
