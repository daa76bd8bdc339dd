"""Situation 6: Stripe's answer is lost after the effect, even for so long that Stripe forgets the key."""

from datetime import timedelta

import pytest
from skillscoop_payments.tables import STRIPE_OPERATIONS

from tests.acceptance.job import Job

CREATED = ("/v1/payment_intents", "/v1/transfers", "/v1/refunds")


@pytest.mark.parametrize("fault", ["drop_after", "500_after", "hang_after"])
async def test_an_effect_whose_answer_is_lost_is_not_repeated(job: Job, fault: str) -> None:
    for path in CREATED:
        await job.world.stripe.play("/faults", path=path, kind=fault, seconds=30)
    await job.ready(40_000)
    await job.decided(1, 15_000)
    await job.becomes("split")
    assert await job.ledger() == {"charged": 40_000, "released": 15_000, "refunded": 25_000}


async def test_what_stripe_has_forgotten_is_looked_up_and_not_repeated(job: Job) -> None:
    for path in CREATED:
        await lose_for_long(job, path)
    await job.active(40_000)
    await job.onboarded()
    assert (await job.fund()).status_code == 202
    await a_day_passes_for(job, "create_intent")
    await job.becomes("funded")
    await job.decided(1, 15_000)
    await a_day_passes_for(job, "create_transfer")
    await a_day_passes_for(job, "create_refund")
    await job.becomes("split")
    assert await job.ledger() == {"charged": 40_000, "released": 15_000, "refunded": 25_000}


async def test_an_order_that_never_reached_stripe_is_made_with_a_new_key(job: Job) -> None:
    await job.ready(40_000)
    await job.world.stripe.play("/faults", path="/v1/transfers", kind="drop_before", times=1_000)
    assert (await job.release()).status_code == 202
    await a_day_passes_for(job, "create_transfer")
    await job.becomes("released")
    (order,) = await orders(job, "create_transfer")
    assert (order["state"], order["attempt"]) == ("done", 2)


async def test_an_answer_kept_for_the_key_tells_nothing_new_about_an_account(job: Job) -> None:
    await job.active(40_000)
    await lose_for_long(job, "/v2/core/accounts")
    made = await job.done(job.cast.grace, "POST", "/v1/payout-accounts", {"country": "US"})
    account = await job.at_stripe("v2.core.account", object_id=made["id"])
    await job.world.stripe.play(f"/accounts/{account['id']}/onboard")
    me = "/v1/payout-accounts/me"
    await job.seen("active", me, lambda one: one["state"] == "active", job.cast.grace)

    await job.world.stripe.no_more_faults()
    await job.heard_all()

    # Stripe repeats how the account was when it was made, long before Grace went through its form.
    assert (await job.see(me, job.cast.grace))["state"] == "active"
    await job.funded()
    assert (await job.release()).status_code == 202
    await job.becomes("released")


async def lose_for_long(job: Job, path: str) -> None:
    """The next call there takes effect, but neither it nor any later one is answered."""
    await job.world.stripe.play("/faults", path=path, kind="drop_after")
    await job.world.stripe.play("/faults", path=path, kind="drop_before", times=1_000)


async def orders(job: Job, kind: str) -> list[dict[str, object]]:
    """Orders of one kind about this job."""
    ids = [one["id"] for one in await job.payment_rows_all()]
    async with job.world.services["payments"].database.read() as tx:
        table = STRIPE_OPERATIONS
        rows = await tx.all(table.select().where(table.c.payment_id.in_(ids), table.c.kind == kind))
        return [dict(row) for row in rows]


async def a_day_passes_for(job: Job, kind: str) -> None:
    """An order was tried in vain; now its key is a day old, Stripe has forgotten it, and the lines work again."""

    async def tried() -> bool | None:
        found = await orders(job, kind)
        return True if found and found[0]["last_error"] else None

    await job.world.until(f"a try to {kind}", tried)
    stripe, table = job.world.stripe, STRIPE_OPERATIONS
    await stripe.play("/idempotency/forget")
    ids = [one["id"] for one in await job.payment_rows_all()]

    async def aged() -> bool | None:
        # Between two tries only: the outcome of one under way would be written over this.
        async with job.world.services["payments"].database.begin() as tx:
            mine = table.update().where(table.c.payment_id.in_(ids), table.c.kind == kind, table.c.state == "pending")
            then = tx.wall() - timedelta(hours=25)
            result = await tx.execute(
                mine.where(table.c.lease_token.is_(None)).values(key_since=then, unanswered_at=then)
            )
            return True if result.rowcount else None

    await job.world.until(f"a pause between two tries to {kind}", aged)
    path = {"create_intent": "/v1/payment_intents", "create_transfer": "/v1/transfers", "create_refund": "/v1/refunds"}
    left = [one for one in (await stripe.state())["faults"] if one["path"] != path[kind]]
    await stripe.no_more_faults()
    for fault in left:
        await stripe.play("/faults", **fault)
