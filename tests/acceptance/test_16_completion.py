"""Situation 16: completing with milestones left is refused with their list; with nothing paid, a job ends instead."""

from tests.acceptance.job import Job


async def complete(job: Job) -> tuple[int, dict[str, object]]:
    """Ada completes; status and body."""
    answer = await job.ask(job.cast.ada, "POST", f"{job.path}/complete")
    return answer.status_code, answer.json()


async def test_milestones_that_are_left_are_listed(job: Job) -> None:
    await job.active(40_000, 30_000, 20_000)
    await job.onboarded()
    await job.funded(1)
    assert (await job.release(1)).status_code == 202
    await job.becomes("released")
    await job.funded(2)

    status, told = await complete(job)

    assert (status, told["code"]) == (409, "completion_blocked")
    assert told["blocking"] == [
        {"milestone_id": job.milestones[1], "code": "milestone_open", "state": "funded"},
        {"milestone_id": job.milestones[2], "code": "milestone_open", "state": "planned"},
    ]
    # Left out of the terms by both, the unfunded one no longer stands in the way.
    assert (await job.edit(40_000, 30_000)).status_code == 200
    await job.approve(2)
    assert (await job.release(2)).status_code == 202
    await job.becomes("released", number=2)
    status, told = await complete(job)
    assert (status, told["state"]) == (200, "completed")
    await job.seen_notices(job.cast.grace, "contract.completed")


async def test_all_refunded_and_nothing_paid_is_an_end(job: Job) -> None:
    await job.ready(40_000)
    await job.decided(1, 0)
    await job.becomes("refunded")
    status, told = await complete(job)
    assert (status, told["state"]) == (200, "ended")
    reviews = await job.see(f"{job.path}/reviews")
    assert reviews["window"]["state"] != "open"
    refused = await job.ask(job.cast.ada, "PUT", f"{job.path}/review", {"rating": 1, "text": "Nothing came."})
    assert (refused.status_code, refused.json()["code"]) == (409, "window_not_open")
