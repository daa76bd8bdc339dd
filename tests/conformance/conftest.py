"""The fixtures of the conformance suites: three transports, two databases, movable clocks."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_chassis.sql.engines import Layer
from skillscoop_messages.transport.embedded import EmbeddedTransport
from skillscoop_messages.transport.rabbitmq import RabbitTransport
from skillscoop_messages.transport.simulated import Faults, SimulatedTransport

from tests.conformance.messaging_fixtures import (
    SUBSCRIPTIONS,
    Hands,
    Messaging,
    conformance_database,
    delete_namespace,
    keep_moving,
)

RABBITMQ = pytest.param("rabbitmq", marks=pytest.mark.servers)
POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.servers)


@pytest.fixture
def faults() -> Faults:
    """How roughly the simulated transport behaves; tests of rough weather override it."""
    return Faults()


@pytest.fixture(params=("embedded", RABBITMQ, "simulated"))
async def post(request: pytest.FixtureRequest, tmp_path: Path, faults: Faults) -> AsyncIterator[Messaging]:
    """Each transport in turn, empty."""
    if request.param == "rabbitmq":
        url = request.getfixturevalue("rabbit_url")
        namespace = f"conformance-{uuid.uuid4().hex[:8]}"
        found = Messaging("rabbitmq", lambda: RabbitTransport(url, SUBSCRIPTIONS.values(), namespace))
        yield found
        await found.closed()
        await delete_namespace(url, namespace)
        return
    if request.param == "embedded":
        found = Messaging("embedded", lambda: EmbeddedTransport(tmp_path / "bus.sqlite", SUBSCRIPTIONS.values()))
    else:
        simulated = SimulatedTransport(7, SUBSCRIPTIONS.values(), faults)
        found = Messaging("simulated", lambda: simulated, pump=keep_moving)
    yield found
    await found.closed()


@pytest.fixture
def hands() -> Hands:
    """The test's clocks."""
    return Hands()


@pytest.fixture(params=("direct", "plain"))
def layer(request: pytest.FixtureRequest) -> Layer:
    """How statements reach the driver; both keep the same promises."""
    found: Layer = request.param
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Both layers on one transport: what another one adds has nothing to do with how statements run."""
    again = [item for item in items if "plain" in _parameters(item) and {"rabbitmq", "simulated"} & _parameters(item)]
    if again:
        config.hook.pytest_deselected(items=again)
        left_out = set(map(id, again))
        items[:] = [item for item in items if id(item) not in left_out]


def _parameters(item: pytest.Item) -> set[object]:
    found = getattr(item, "callspec", None)
    return {value for value in found.params.values() if isinstance(value, str)} if found else set()


@pytest.fixture(params=("sqlite", POSTGRESQL))
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, hands: Hands, layer: Layer
) -> AsyncIterator[SqlDatabase]:
    """One service's database with messaging's tables and a table of effects, on each dialect."""
    url = (
        f"sqlite:///{tmp_path / 'service.sqlite'}"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    async with conformance_database(url, hands.clocks(), layer) as opened:
        yield opened
