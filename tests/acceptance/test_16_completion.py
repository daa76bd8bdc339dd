"""Situation 16: completing with milestones left is refused with their list; if nothing was paid it ends instead."""

from tests.acceptance.contract_flow import ContractFlow


async def complete(flow: ContractFlow) -> tuple[int, dict[str, object]]:
    """Ada completes; status and body."""
    answer = await flow.ask(flow.cast.ada, "POST", f"{flow.path}/complete")
    return answer.status_code, answer.json()


async def test_milestones_that_are_left_are_listed(flow: ContractFlow) -> None:
    await flow.active(40_000, 30_000, 20_000)
    await flow.onboarded()
    await flow.funded(1)
    assert (await flow.release(1)).status_code == 202
    await flow.becomes("released")
    await flow.funded(2)

    status, told = await complete(flow)

    assert (status, told["code"]) == (409, "completion_blocked")
    assert told["blocking"] == [
        {"milestone_id": flow.milestones[1], "code": "milestone_open", "state": "funded"},
        {"milestone_id": flow.milestones[2], "code": "milestone_open", "state": "planned"},
    ]
    # Left out of the terms by both, the unfunded one no longer stands in the way.
    assert (await flow.edit(40_000, 30_000)).status_code == 200
    await flow.approve(2)
    assert (await flow.release(2)).status_code == 202
    await flow.becomes("released", number=2)
    status, told = await complete(flow)
    assert (status, told["state"]) == (200, "completed")
    await flow.seen_notices(flow.cast.grace, "contract.completed")


async def test_all_refunded_and_nothing_paid_is_an_end(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    await flow.decided(1, 0)
    await flow.becomes("refunded")
    status, told = await complete(flow)
    assert (status, told["state"]) == (200, "ended")
    reviews = await flow.see(f"{flow.path}/reviews")
    assert reviews["window"]["state"] != "open"
    refused = await flow.ask(flow.cast.ada, "PUT", f"{flow.path}/review", {"rating": 1, "text": "Nothing came."})
    assert (refused.status_code, refused.json()["code"]) == (409, "window_not_open")
