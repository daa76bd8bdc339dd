"""What may be done only so often: inviting people who have not answered, and trying to pay."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from skillscoop_contracts.main import build
from skillscoop_contracts.settings import ContractsSettings
from skillscoop_messages.events import contracts as told

from tests.integration.contracts.contracts_service import ADA, ContractsService
from tests.support.identity import Issuer
from tests.support.one_service import on_stage


@pytest.fixture
async def service(sqlite_url: str, keys: Issuer, jwks_file: Path) -> AsyncIterator[ContractsService]:
    """The service with low caps."""
    caps = {
        "rate_limits": "on",
        "cap_invitations_of_one": "2/day",
        "cap_invitations": "3/day",
        "cap_fundings_of_milestone": "2/hour",
        "cap_fundings": "3/hour",
    }
    async with on_stage(build, ContractsSettings, keys, sqlite_url, jwks_file, **caps) as stage:
        for resource in stage.service.resources:
            async with resource:
                yield ContractsService(stage)


async def invited(service: ContractsService, freelancer: str) -> int:
    body = {
        "title": "A job",
        "freelancer_id": freelancer,
        "currency": "usd",
        "milestones": [{"description": "Part", "amount": 5_000}],
    }
    answer = await service.post(ADA, "/v1/contracts", body)
    if answer.status_code == 429:
        assert answer.json()["code"] == "too_many_invitations"
        assert int(answer.headers["retry-after"]) > 0
    return answer.status_code


async def test_who_never_answered_is_not_invited_again_and_again(service: ContractsService) -> None:
    """Given two invitations of one person a day, three in all
    When the client names Kim three times, then Lee twice, and a day later Kim again
    Then what is too much is refused; and whoever agreed to a contract before may be named as often as one likes.
    """
    active = await service.active(5_000)
    assert [await invited(service, "kim") for _ in range(3)] == [201, 201, 429]
    assert [await invited(service, "lee") for _ in range(2)] == [201, 429]
    assert [await invited(service, active["freelancer_id"]) for _ in range(4)] == [201] * 4
    await service.stage.pass_time(days=1, minutes=1)
    assert await invited(service, "kim") == 201


async def test_cards_are_not_tried_out_by_funding_again_and_again(service: ContractsService) -> None:
    """Given two tries an hour for a milestone, three for a client
    When the client funds and gives up again and again
    Then the third try for one milestone and the fourth in all are refused, until the hour is over.
    """
    contract = await service.active(5_000, 6_000)
    first, second = contract["milestones"]

    async def tried(milestone: dict[str, object]) -> int:
        answer = await service.fund(contract, milestone)
        if answer.status_code == 429:
            assert answer.json()["code"] == "too_many_fundings"
        elif answer.is_success:
            await service.fail_payment(service.last(told.MilestoneFundingRequested, str(milestone["id"])))
        return answer.status_code

    assert [await tried(first) for _ in range(3)] == [202, 202, 429]
    assert [await tried(second) for _ in range(2)] == [202, 429]
    await service.stage.pass_time(hours=1, minutes=1)
    assert await tried(first) == 202
