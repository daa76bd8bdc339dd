"""Situation 15: currencies without a minor unit, uneven splits, fees larger than a share: to the unit."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.acceptance.contract_flow import ContractFlow, Json

POLICY = "/v1/admin/contracts/policy"


async def change_fee(flow: ContractFlow, bps: int, fixed: dict[str, int]) -> Json:
    """Olga and a second operator change the fee; the policy as it is then."""
    body = {"fee": {"bps": bps, "fixed": fixed}}
    await flow.done(flow.cast.olga, "PUT", POLICY, body)
    return await flow.done(flow.system.cast().olga, "PUT", POLICY, body)


@pytest_asyncio.fixture(loop_scope="session")
async def fee(flow: ContractFlow) -> AsyncIterator[Json]:
    """Contracts approved now have a fee of 10 % and something."""
    policy = await change_fee(flow, 1_000, {"jpy": 7, "usd": 500, "kwd": 50})
    yield policy["fee"]
    await change_fee(flow, 0, {})


@pytest.mark.usefixtures("fee")
@pytest.mark.parametrize(
    ("currency", "price", "share", "net"),
    [
        ("jpy", 1_001, 333, 293),  # 10 % of 333 is 33.3, which is 33, and 7
        ("jpy", 1_001, 335, 294),  # 10 % of 335 is 33.5, which is 34, and 7
        ("usd", 10_001, 3_335, 2_501),  # 333.5 is 334, and 500
        ("kwd", 12_340, 6_170, 5_500),  # 667, in whole tens
        ("usd", 10_001, 300, 0),  # the fee would be 530: it takes the share and no more
        ("usd", 10_001, 1, 0),
        ("jpy", 1_001, 1_000, 893),
    ],
)
async def test_a_split_leaves_no_unit_behind(
    flow: ContractFlow, currency: str, price: int, share: int, net: int
) -> None:
    await flow.ready(price, currency=currency)

    await flow.decided(1, share)

    await flow.becomes("split")
    moved = {"charged": price, "released": net, "fees": share - net, "refunded": price - share}
    assert await flow.ledger() == {name: amount for name, amount in moved.items() if amount}
    (milestone,) = flow.milestones
    transfers = await flow.system.stripe.objects("transfer", milestone_id=milestone)
    assert [one["amount"] for one in transfers] == ([net] if net else [])
    refunds = await flow.system.stripe.objects("refund", milestone_id=milestone)
    assert [one["amount"] for one in refunds] == [price - share]


async def test_a_price_within_the_fee_is_refused(flow: ContractFlow, fee: Json) -> None:
    assert fee["fixed"]["usd"] == 500
    terms = {"title": "Small", "freelancer_id": flow.cast.grace.id, "currency": "usd"}
    lines = [{"description": "Part", "amount": 500}]
    refused = await flow.ask(flow.cast.ada, "POST", "/v1/contracts", {**terms, "milestones": lines})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/milestones/0/amount"


async def test_a_fee_counts_for_what_is_approved_after_it(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    await change_fee(flow, 5_000, {})
    try:
        assert (await flow.release()).status_code == 202
        await flow.becomes("released")
        assert await flow.ledger() == {"charged": 40_000, "released": 40_000}
    finally:
        await change_fee(flow, 0, {})
