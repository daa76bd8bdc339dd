"""The service as a whole: its tables, its queues, its policy."""

from pathlib import Path

import pytest
from skillscoop_chassis.migrations import differences, migrate
from skillscoop_chassis.tables import METADATA as CHASSIS
from skillscoop_contracts.settings import ContractsSettings
from skillscoop_contracts.subscribers import SUBSCRIBERS
from skillscoop_contracts.tables import METADATA as OWN
from skillscoop_contracts.usecases import ensure_policy
from skillscoop_messages.events.contracts import PolicyPublished
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.tables import METADATA as POST

from tests.integration.contracts.contracts_service import ContractsService

MIGRATIONS = Path(__file__).resolve().parents[3] / "services" / "contracts" / "migrations"


def test_migrations_make_the_tables_of_the_code(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    assert differences(database_url, [OWN, POST, CHASSIS]) == []


def test_the_service_listens_to_exactly_its_queues() -> None:
    assert {one.name for one in SUBSCRIBERS} == {name for name in SUBSCRIPTIONS if name.startswith("contracts.")}


async def test_the_first_policy_is_recorded_and_told_once(service: ContractsService) -> None:
    async with service.stage.service.database.begin() as tx:
        await ensure_policy(tx)
    [published] = service.stage.heard(PolicyPublished)
    assert (published.policy.version, published.policy.second_approval_amount["usd"]) == (1, 100_000)
    assert published.policy.hold_warning_days == [60, 75, 83]
    assert (await service.get("", "/v1/policy")).headers["etag"] == '"1"'


@pytest.mark.parametrize("origin", ["https://app.example", "https://app.example/, https://other.example"])
def test_origins_come_as_a_list(origin: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETURN_URL_ORIGINS", origin)
    settings = ContractsSettings(  # type: ignore[call-arg]
        database_url="sqlite:///x",  # type: ignore[arg-type]
        bus_url="simulated://",  # type: ignore[arg-type]
        jwks_file=tmp_path / "keys",
    )
    assert settings.return_url_origins[0] == "https://app.example"
