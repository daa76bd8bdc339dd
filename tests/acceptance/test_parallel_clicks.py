"""Fifty clicks at once, each over a connection of its own: one effect on everything behind them."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from skillscoop_messages.ids import new_id

from tests.acceptance.contract_flow import CARD, ContractFlow

CLICKS = 50
FUND = {"amount": 40_000, "revision": 1, "method": CARD}


async def clicks(flow: ContractFlow, path: str, body: Any, keys: list[str]) -> list[httpx2.Response]:
    """One request of Ada for each key, all at once, none sharing a connection with another."""
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=60.0, verify=False))
            for _ in keys
        ]
        hands = [ContractFlow(flow.system, flow.cast, http=connection) for connection in connections]
        return await asyncio.gather(
            *(
                hand.ask(flow.cast.ada, "POST", path, body, key=key, match="*")
                for hand, key in zip(hands, keys, strict=True)
            )
        )


def each_its_own() -> list[str]:
    """A key for every click."""
    return [new_id("key") for _ in range(CLICKS)]


def counted(answers: list[httpx2.Response]) -> Counter[int]:
    """How many of each status."""
    return Counter(answer.status_code for answer in answers)


async def test_fifty_clicks_on_fund_and_on_release(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await flow.onboarded()

    funded = await clicks(flow, f"{flow.milestone_path()}/fund", FUND, each_its_own())

    assert counted(funded) == {202: 1, 409: CLICKS - 1}
    await flow.becomes("funded")
    assert await flow.ledger() == {"charged": 40_000, "held": 40_000}
    assert len(await flow.payment_rows()) == 1

    released = await clicks(flow, f"{flow.milestone_path()}/release", {"amount": 40_000}, each_its_own())

    assert counted(released) == {202: 1, 409: CLICKS - 1}
    await flow.becomes("released")
    assert await flow.ledger() == {"charged": 40_000, "released": 40_000}
    assert len(await flow.system.stripe.objects("transfer", milestone_id=flow.milestones[0])) == 1
    actions = Counter(one["action"] for one in (await flow.see(f"{flow.path}/timeline?limit=100"))["data"])
    assert (actions["fund"], actions["release"]) == (1, 1)


async def test_fifty_retries_of_one_click(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await flow.onboarded()
    for action, body, state in (
        ("fund", FUND, "funded"),
        ("release", {"amount": 40_000}, "released"),
    ):
        answers = await clicks(flow, f"{flow.milestone_path()}/{action}", body, [new_id("key")] * CLICKS)

        # All are the same click: each gets its answer, or is asked to come back while the first is still at work.
        assert set(counted(answers)) <= {202, 409}
        assert {one.json()["code"] for one in answers if one.status_code == 409} <= {"idempotency_key_in_use"}
        assert {one.headers["retry-after"] for one in answers if one.status_code == 409} <= {"1"}
        given = [one for one in answers if one.status_code == 202]
        assert len({one.text for one in given}) == 1
        assert sum("idempotent-replayed" not in one.headers for one in given) == 1
        await flow.becomes(state)
    assert len(await flow.payment_rows()) == 1
    assert await flow.ledger() == {"charged": 40_000, "released": 40_000}
