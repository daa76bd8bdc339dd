"""Situation 9: a leg fails after the decision: it stays settling, the reason is visible, and it is tried again."""

from tests.acceptance.job import Job


async def blocked_by(job: Job, reason: str) -> None:
    """Both sides see that the decision is not delivered yet, and why; nobody is told that anything was paid."""
    path = job.milestone_path()
    for person in (job.cast.ada, job.cast.grace):
        seen = await job.seen(reason, path, lambda one: one["blocked_reason"] == reason, person)
        assert seen["state"] == "settling"
        for kind in ("milestone.released", "milestone.refunded", "milestone.split"):
            assert await job.notices(person, kind) == []


async def test_a_payee_stripe_restricts_behind_our_back_is_paid_when_that_is_over(job: Job) -> None:
    await job.active(40_000)
    account = await job.onboarded()
    await job.funded()
    await job.world.stripe.play("/webhooks", drop=1_000)
    await job.world.stripe.play(f"/accounts/{account}/restrict")

    assert (await job.release()).status_code == 202

    await blocked_by(job, "payee_not_ready")
    # The refusal made payments look at the account itself, without any webhook.
    me = "/v1/payout-accounts/me"
    await job.seen("restricted", me, lambda one: one["state"] == "restricted", job.cast.grace)
    await job.world.stripe.play("/webhooks", drop=0)
    await job.world.stripe.play(f"/accounts/{account}/onboard")
    await job.becomes("released")
    assert len(await job.seen_notices(job.cast.grace, "milestone.released")) == 1


async def test_a_refund_waits_for_money_on_our_balance(job: Job) -> None:
    await job.ready(40_000, currency="chf")
    await job.world.stripe.play("/balance", currency="chf", drain=True)

    await job.decided(1, 0)

    await blocked_by(job, "refund_pending")
    assert await job.ledger() == {"charged": 40_000, "in_transit": 40_000}
    await job.world.stripe.play("/balance", currency="chf", amount=10_000_000)
    await job.becomes("refunded")
    assert await job.ledger() == {"charged": 40_000, "refunded": 40_000}


async def test_one_leg_does_not_wait_for_the_other(job: Job) -> None:
    await job.active(40_000)
    await job.funded()
    await job.decided(1, 10_000)
    await blocked_by(job, "payee_not_ready")

    async def refunded() -> bool | None:
        return True if await job.ledger() == {"charged": 40_000, "in_transit": 10_000, "refunded": 30_000} else None

    await job.world.until("the client's part to be refunded", refunded)
    await job.onboarded()
    await job.becomes("split")
    assert await job.ledger() == {"charged": 40_000, "released": 10_000, "refunded": 30_000}


async def test_while_stripe_is_away_the_decision_waits_and_then_runs(job: Job) -> None:
    await job.ready(40_000)
    await job.world.stripe.play("/faults", path="/v1/*", kind="500_before", times=1_000)
    assert (await job.release()).status_code == 202

    async def tried_in_vain() -> bool | None:
        await job.world.hurry()
        return True if (await job.milestone())["blocked_reason"] else None

    await job.world.until("a reason to be shown", tried_in_vain)
    await blocked_by(job, "stripe_unavailable")
    assert await job.ledger() == {"charged": 40_000, "in_transit": 40_000}
    await job.world.stripe.no_more_faults()

    async def released() -> bool | None:
        # The last call that failed may put off the next one after we have hurried it.
        await job.world.hurry()
        return True if (await job.milestone())["state"] == "released" else None

    await job.world.until("the milestone to be released", released)
