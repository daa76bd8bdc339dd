"""Situation 6: Stripe's answer is lost after the effect, even for so long that Stripe forgets the key."""

from datetime import timedelta

import pytest
from skillscoop_payments.tables import STRIPE_OPERATIONS

from tests.acceptance.contract_flow import ContractFlow

CREATED = ("/v1/payment_intents", "/v1/transfers", "/v1/refunds")


@pytest.mark.parametrize("fault", ["drop_after", "500_after", "hang_after"])
async def test_an_effect_whose_answer_is_lost_is_not_repeated(flow: ContractFlow, fault: str) -> None:
    for path in CREATED:
        await flow.system.stripe.play("/faults", path=path, kind=fault, seconds=30)
    await flow.ready(40_000)
    await flow.decided(1, 15_000)
    await flow.becomes("split")
    assert await flow.ledger() == {"charged": 40_000, "released": 15_000, "refunded": 25_000}


async def test_what_stripe_has_forgotten_is_looked_up_and_not_repeated(flow: ContractFlow) -> None:
    for path in CREATED:
        await lose_for_long(flow, path)
    await flow.active(40_000)
    await flow.onboarded()
    assert (await flow.fund()).status_code == 202
    await a_day_passes_for(flow, "create_intent")
    await flow.becomes("funded")
    await flow.decided(1, 15_000)
    await a_day_passes_for(flow, "create_transfer")
    await a_day_passes_for(flow, "create_refund")
    await flow.becomes("split")
    assert await flow.ledger() == {"charged": 40_000, "released": 15_000, "refunded": 25_000}


async def test_an_order_that_never_reached_stripe_is_made_with_a_new_key(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    await flow.system.stripe.play("/faults", path="/v1/transfers", kind="drop_before", times=1_000)
    assert (await flow.release()).status_code == 202
    await a_day_passes_for(flow, "create_transfer")
    await flow.becomes("released")
    (order,) = await orders(flow, "create_transfer")
    assert (order["state"], order["attempt"]) == ("done", 2)


async def test_an_answer_kept_for_the_key_tells_nothing_new_about_an_account(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await lose_for_long(flow, "/v2/core/accounts")
    made = await flow.done(flow.cast.grace, "POST", "/v1/payout-accounts", {"country": "US"})
    account = await flow.at_stripe("v2.core.account", object_id=made["id"])
    await flow.system.stripe.play(f"/accounts/{account['id']}/onboard")
    me = "/v1/payout-accounts/me"
    await flow.seen("active", me, lambda one: one["state"] == "active", flow.cast.grace)

    await flow.system.stripe.no_more_faults()
    await flow.heard_all()

    # Stripe repeats how the account was when it was made, long before Grace went through its form.
    assert (await flow.see(me, flow.cast.grace))["state"] == "active"
    await flow.funded()
    assert (await flow.release()).status_code == 202
    await flow.becomes("released")


async def lose_for_long(flow: ContractFlow, path: str) -> None:
    """The next call there takes effect, but neither it nor any later one is answered."""
    await flow.system.stripe.play("/faults", path=path, kind="drop_after")
    await flow.system.stripe.play("/faults", path=path, kind="drop_before", times=1_000)


async def orders(flow: ContractFlow, kind: str) -> list[dict[str, object]]:
    """Orders of one kind about this contract."""
    ids = [one["id"] for one in await flow.payment_rows_all()]
    async with flow.system.services["payments"].database.read() as tx:
        table = STRIPE_OPERATIONS
        rows = await tx.all(table.select().where(table.c.payment_id.in_(ids), table.c.kind == kind))
        return [dict(row) for row in rows]


async def a_day_passes_for(flow: ContractFlow, kind: str) -> None:
    """An order was tried in vain; now its key is a day old, Stripe has forgotten it, and the lines work again."""

    async def tried() -> bool | None:
        found = await orders(flow, kind)
        return True if found and found[0]["last_error"] else None

    await flow.system.until(f"a try to {kind}", tried)
    stripe, table = flow.system.stripe, STRIPE_OPERATIONS
    await stripe.play("/idempotency/forget")
    ids = [one["id"] for one in await flow.payment_rows_all()]

    async def aged() -> bool | None:
        # Between two tries only: the outcome of one under way would be written over this.
        async with flow.system.services["payments"].database.begin() as tx:
            mine = table.update().where(table.c.payment_id.in_(ids), table.c.kind == kind, table.c.state == "pending")
            then = tx.wall() - timedelta(hours=25)
            result = await tx.execute(
                mine.where(table.c.lease_token.is_(None)).values(key_since=then, unanswered_at=then)
            )
            return True if result.rowcount else None

    await flow.system.until(f"a pause between two tries to {kind}", aged)
    path = {"create_intent": "/v1/payment_intents", "create_transfer": "/v1/transfers", "create_refund": "/v1/refunds"}
    left = [one for one in (await stripe.state())["faults"] if one["path"] != path[kind]]
    await stripe.no_more_faults()
    for fault in left:
        await stripe.play("/faults", **fault)
