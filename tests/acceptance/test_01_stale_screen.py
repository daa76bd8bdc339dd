"""Situation 1: the client edits while the freelancer approves the old screen."""

from tests.acceptance.contract_flow import ContractFlow, at_once, codes


async def test_approving_an_older_screen_is_refused_and_names_the_current_revision(flow: ContractFlow) -> None:
    await flow.draft(40_000)
    await flow.done(flow.cast.ada, "POST", f"{flow.path}/send")
    assert (await flow.edit(45_000)).status_code == 200

    refused = await flow.ask(flow.cast.grace, "POST", f"{flow.path}/approve", {"revision": 1}, match="*")

    assert refused.status_code == 409
    told = refused.json()
    assert (told["code"], told["revision"], told["state"]) == ("revision_changed", 2, "proposed")
    assert "approve" in told["allowed"]
    assert (await flow.approve(2))["milestones"][0]["amount"]["amount"] == 45_000


async def test_the_version_on_the_screen_counts_too(flow: ContractFlow) -> None:
    await flow.draft(40_000)
    await flow.done(flow.cast.ada, "POST", f"{flow.path}/send")
    screen = (await flow.ask(flow.cast.grace, "GET", flow.path)).headers["etag"]
    assert (await flow.edit(45_000)).status_code == 200
    stale = await flow.ask(flow.cast.grace, "POST", f"{flow.path}/approve", {"revision": 2}, match=screen)
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    assert (await flow.contract())["state"] == "proposed"


async def test_edit_and_approval_in_the_same_instant_leave_one_truth(flow: ContractFlow) -> None:
    for _ in range(3):
        await flow.draft(40_000)
        await flow.done(flow.cast.ada, "POST", f"{flow.path}/send")
        approve = flow.ask(flow.cast.grace, "POST", f"{flow.path}/approve", {"revision": 1}, match="*")

        edited, approved = await at_once(flow.edit(45_000), approve)

        contract = await flow.contract()
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
