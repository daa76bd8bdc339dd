"""Fifty clicks at once over real connections: one effect each, and the money adds up."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import sqlalchemy as sa
import uvicorn
from skillscoop_contracts.tables import MILESTONES, MONEY_OPERATIONS
from skillscoop_messages.events import contracts as told
from skillscoop_messages.ids import new_id

from tests.integration.contracts.contracts_service import ADA, ContractsService, stated

CLICKS = 50


@asynccontextmanager
async def over_real_connections(service: ContractsService) -> AsyncIterator[str]:
    """The service's application behind a real socket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert service.stage.service.app is not None
        config = uvicorn.Config(service.stage.service.app, lifespan="off", log_level="error", access_log=False)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await running


async def clicks(
    service: ContractsService, path: str, body: object, key: str | None, match: str = "*"
) -> list[httpx2.Response]:
    """One request from each of fifty connections at once; with one shared key, or each with its own."""

    async def click(base: str) -> httpx2.Response:
        headers = {**service.stage.issuer.headers(ADA), "Idempotency-Key": key or new_id("key"), "If-Match": match}
        async with httpx2.AsyncClient(base_url=base, timeout=60) as client:
            return await client.post(path, json=body, headers=headers)

    async with over_real_connections(service) as base:
        return await asyncio.gather(*(click(base) for _ in range(CLICKS)))


async def open_operations(service: ContractsService, milestone_id: str) -> int:
    """How many money operations were ever opened on a milestone."""
    async with service.stage.service.database.read() as tx:
        rows = await tx.all(sa.select(MONEY_OPERATIONS).where(MONEY_OPERATIONS.c.milestone_id == milestone_id))
    return len(rows)


async def test_fifty_clicks_on_fund_are_one_payment(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    path = f"/v1/milestones/{milestone['id']}/fund"

    answers = await clicks(service, path, {"amount": 12_500, "revision": 1}, key=None)

    assert Counter(one.status_code for one in answers) == {202: 1, 409: CLICKS - 1}
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"move_not_allowed"}
    assert len(service.stage.heard(told.MilestoneFundingRequested)) == 1
    assert await open_operations(service, milestone["id"]) == 1
    assert (await service.milestone(milestone["id"]))["version"] == milestone["version"] + 1


async def test_fifty_retries_of_one_click_are_one_payment(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    path = f"/v1/milestones/{milestone['id']}/fund"

    answers = await clicks(service, path, {"amount": 12_500, "revision": 1}, key="one")

    counted = Counter(one.status_code for one in answers)
    assert counted[202] >= 1
    assert counted[202] + counted[409] == CLICKS
    assert {one.json()["code"] for one in answers if one.status_code == 409} <= {"idempotency_key_in_use"}
    assert len({one.text for one in answers if one.status_code == 202}) == 1
    assert await open_operations(service, milestone["id"]) == 1


async def test_fifty_clicks_on_release_are_one_settlement(service: ContractsService) -> None:
    contract = await service.funded(12_500)
    milestone = contract["milestones"][0]
    path = f"/v1/milestones/{milestone['id']}/release"

    answers = await clicks(service, path, {"amount": 12_500}, key=None)

    assert Counter(one.status_code for one in answers) == {202: 1, 409: CLICKS - 1}
    assert len(service.stage.heard(told.MilestoneSettlementDecided)) == 1
    assert await open_operations(service, milestone["id"]) == 2  # the funding and the settlement

    stale = await clicks(service, path, {"amount": 12_500}, key=None, match=f'"{milestone["version"]}"')
    assert {one.status_code for one in stale} == {412}


async def test_release_against_dispute_has_one_order_and_one_winner(service: ContractsService) -> None:
    for _ in range(5):
        contract = await service.funded(12_500)
        milestone = contract["milestones"][0]

        released, dispute = await asyncio.gather(
            service.release(milestone), service.dispute(contract, [milestone["id"]])
        )

        answer = service.last(told.DisputeAnswered)
        assert answer.dispute_id == dispute
        if released.status_code == 202:
            assert [one.reason for one in answer.refused] == ["settling"]
        else:
            assert (released.status_code, released.json()["code"]) == (409, "milestone_frozen")
            assert [one.milestone_id for one in answer.frozen] == [milestone["id"]]


async def test_fund_against_edit_has_one_order_and_one_winner(service: ContractsService) -> None:
    for _ in range(5):
        contract = await service.active(12_500)
        milestone = contract["milestones"][0]

        funded, edited = await asyncio.gather(
            service.fund(contract, milestone), service.edit(contract["id"], [stated(milestone, amount=9_000)])
        )

        assert sorted([funded.status_code, edited.status_code]) in ([200, 409], [202, 409])
        after = await service.contract(contract["id"])
        assert (after["pending_revision"] is None) == (funded.status_code == 202)


async def test_the_database_itself_refuses_a_second_open_operation(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)
    database = service.stage.service.database
    refused = False
    try:
        async with database.begin() as tx:
            await tx.execute(
                sa.insert(MONEY_OPERATIONS),
                {
                    "id": new_id("fnd"),
                    "contract_id": contract["id"],
                    "milestone_id": milestone["id"],
                    "kind": "funding",
                    "amount": 12_500,
                    "state": "open",
                    "is_open": True,
                    "opened_at": tx.now(),
                },
            )
    except sa.exc.IntegrityError:
        refused = True
    assert refused
    async with database.read() as tx:
        row = await tx.first(sa.select(MILESTONES.c.state).where(MILESTONES.c.id == milestone["id"]))
    assert row is not None
    assert row["state"] == "funding"
