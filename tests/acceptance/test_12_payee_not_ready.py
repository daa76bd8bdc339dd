"""Situation 12: the freelancer has no account yet, or Stripe rejects it: the decision waits visibly, then runs."""

from tests.acceptance.job import Job


async def test_a_release_waits_for_the_account_and_then_runs_by_itself(job: Job) -> None:
    contract = await job.active(40_000, 30_000)
    assert {"code": "payee_not_ready"} in contract["warnings"]
    await job.funded(1)
    await job.funded(2)
    for number in (1, 2):
        assert (await job.release(number)).status_code == 202
    for number in (1, 2):
        path = job.milestone_path(number)
        waiting = await job.seen("blocked", path, lambda one: one["blocked_reason"] == "payee_not_ready")
        assert waiting["state"] == "settling"
    assert await job.ledger() == {"charged": 70_000, "in_transit": 70_000}

    await job.onboarded()

    for number in (1, 2):
        released = await job.becomes("released", number=number)
        assert released["blocked_reason"] is None
    assert await job.ledger() == {"charged": 70_000, "released": 70_000}
    for person in (job.cast.ada, job.cast.grace):
        assert len(await job.notices(person, "milestone.settlement_blocked")) == 2
    assert (await job.contract())["warnings"] == []


async def test_a_restricted_account_is_waited_for(job: Job) -> None:
    await job.active(40_000)
    account = await job.onboarded()
    await job.funded()
    await job.world.stripe.play(f"/accounts/{account}/restrict")
    me = "/v1/payout-accounts/me"
    await job.seen("restricted", me, lambda one: one["state"] == "restricted", job.cast.grace)
    assert (await job.release()).status_code == 202
    await job.seen("blocked", job.milestone_path(), lambda one: one["blocked_reason"] == "payee_not_ready")
    await job.world.stripe.play(f"/accounts/{account}/onboard")
    await job.becomes("released")


async def test_an_account_rejected_for_good_leaves_the_money_where_everybody_sees_it(job: Job) -> None:
    await job.active(40_000)
    account = await job.onboarded()
    await job.funded()
    await job.world.stripe.play(f"/accounts/{account}/reject")
    me = "/v1/payout-accounts/me"
    await job.seen("rejected", me, lambda one: one["state"] == "rejected", job.cast.grace)
    assert (await job.release()).status_code == 202
    waiting = await job.seen("blocked", job.milestone_path(), lambda one: one["blocked_reason"] == "payee_not_ready")
    assert waiting["state"] == "settling"
    assert await job.ledger() == {"charged": 40_000, "in_transit": 40_000}
