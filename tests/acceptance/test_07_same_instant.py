"""Situation 7: two moves that exclude each other in the same instant: one order, and the loser hears 409."""

from tests.acceptance.job import Job, at_once, codes

ROUNDS = 4


async def test_release_against_dispute(job: Job) -> None:
    await job.ready(*[20_000] * ROUNDS)
    for number in range(1, ROUNDS + 1):
        moves = [job.release(number), job.dispute(number)]

        first, second = await at_once(*moves[:: 1 if number % 2 else -1])

        release, dispute = (first, second) if number % 2 else (second, first)
        if release.status_code == 202:
            await job.becomes("released", number=number)
            if dispute.status_code == 201:
                path = f"/v1/disputes/{dispute.json()['id']}"
                await job.seen("refused", path, lambda one: one["state"] == "refused")
            else:
                assert dispute.status_code == 409
        else:
            assert (release.status_code, release.json()["code"]) == (409, "milestone_frozen")
            path = f"/v1/disputes/{dispute.json()['id']}"
            await job.seen("open", path, lambda one: one["state"] == "open")
            assert (await job.milestone(number))["state"] == "funded"


async def test_a_dispute_in_time_stops_the_release(job: Job) -> None:
    await job.ready(40_000)
    await job.disputed(1)
    refused = await job.release()
    assert (refused.status_code, refused.json()["code"]) == (409, "milestone_frozen")
    seen = await job.milestone()
    assert (seen["state"], seen["held"]["amount"]) == ("funded", 40_000)
    assert next(one for one in seen["next"] if one["action"] == "release")["blocked_reason"] == "milestone_frozen"


async def test_a_dispute_that_comes_after_the_release_is_refused(job: Job) -> None:
    await job.ready(40_000)
    await job.world.stripe.play("/faults", path="/v1/transfers", kind="drop_before")
    assert (await job.release()).status_code == 202
    dispute = await job.dispute(1)
    if dispute.status_code == 201:
        path = f"/v1/disputes/{dispute.json()['id']}"
        await job.seen("refused", path, lambda one: one["state"] == "refused")
    else:
        assert (dispute.status_code, dispute.json()["status"]) == (409, 409)
    await job.becomes("released")


async def test_fund_against_edit(job: Job) -> None:
    for number in range(ROUNDS):
        await job.active(40_000)
        moves = [job.fund(), job.edit(45_000)]

        first, second = await at_once(*moves[:: 1 if number % 2 else -1])

        fund, edit = (first, second) if number % 2 else (second, first)
        assert codes([fund, edit]) in ([202, 409], [200, 409])
        if fund.status_code == 202:
            assert edit.json()["code"] == "milestone_locked"
            await job.becomes("funded")
            assert (await job.contract())["pending_revision"] is None
        else:
            assert fund.json()["code"] == "revision_pending"
            assert (await job.milestone())["state"] == "planned"
            await job.approve(2)
        assert len(await job.payment_rows()) == (1 if fund.status_code == 202 else 0)


async def test_approve_against_withdraw(job: Job) -> None:
    for _ in range(ROUNDS):
        await job.draft(40_000)
        await job.done(job.cast.ada, "POST", f"{job.path}/send")
        approve = job.ask(job.cast.grace, "POST", f"{job.path}/approve", {"revision": 1}, match="*")

        answers = await at_once(approve, job.ask(job.cast.ada, "POST", f"{job.path}/withdraw"))

        assert codes(answers) == [200, 409]
        expected = "active" if answers[0].status_code == 200 else "withdrawn"
        assert (await job.contract())["state"] == expected
