"""Situation 1: the client edits while the freelancer approves the old screen."""

from tests.acceptance.job import Job, at_once, codes


async def test_approving_an_older_screen_is_refused_and_names_the_current_revision(job: Job) -> None:
    await job.draft(40_000)
    await job.done(job.cast.ada, "POST", f"{job.path}/send")
    assert (await job.edit(45_000)).status_code == 200

    refused = await job.ask(job.cast.grace, "POST", f"{job.path}/approve", {"revision": 1}, match="*")

    assert refused.status_code == 409
    told = refused.json()
    assert (told["code"], told["revision"], told["state"]) == ("revision_changed", 2, "proposed")
    assert "approve" in told["allowed"]
    assert (await job.approve(2))["milestones"][0]["amount"]["amount"] == 45_000


async def test_the_version_on_the_screen_counts_too(job: Job) -> None:
    await job.draft(40_000)
    await job.done(job.cast.ada, "POST", f"{job.path}/send")
    screen = (await job.ask(job.cast.grace, "GET", job.path)).headers["etag"]
    assert (await job.edit(45_000)).status_code == 200
    stale = await job.ask(job.cast.grace, "POST", f"{job.path}/approve", {"revision": 2}, match=screen)
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    assert (await job.contract())["state"] == "proposed"


async def test_edit_and_approval_in_the_same_instant_leave_one_truth(job: Job) -> None:
    for _ in range(3):
        await job.draft(40_000)
        await job.done(job.cast.ada, "POST", f"{job.path}/send")
        approve = job.ask(job.cast.grace, "POST", f"{job.path}/approve", {"revision": 1}, match="*")

        edited, approved = await at_once(job.edit(45_000), approve)

        contract = await job.contract()
        assert edited.status_code == 200
        if approved.status_code == 200:
            # The approval came first: the edit of the active contract waits for a second one.
            assert (contract["state"], contract["revision"]) == ("active", 1)
            assert contract["milestones"][0]["amount"]["amount"] == 40_000
            assert contract["pending_revision"]["revision"] == 2
        else:
            assert (approved.status_code, approved.json()["code"]) == (409, "revision_changed")
            assert (contract["state"], contract["revision"]) == ("proposed", 2)
        assert codes([edited, approved]) in ([200, 200], [200, 409])
