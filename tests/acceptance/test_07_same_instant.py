"""Situation 7: two moves that exclude each other in the same instant: one order, and the loser hears 409."""

from tests.acceptance.contract_flow import ContractFlow, at_once, codes

ROUNDS = 4


async def test_release_against_dispute(flow: ContractFlow) -> None:
    await flow.ready(*[20_000] * ROUNDS)
    for number in range(1, ROUNDS + 1):
        moves = [flow.release(number), flow.dispute(number)]

        first, second = await at_once(*moves[:: 1 if number % 2 else -1])

        release, dispute = (first, second) if number % 2 else (second, first)
        if release.status_code == 202:
            await flow.becomes("released", number=number)
            if dispute.status_code == 201:
                path = f"/v1/disputes/{dispute.json()['id']}"
                await flow.seen("refused", path, lambda one: one["state"] == "refused")
            else:
                assert dispute.status_code == 409
        else:
            assert (release.status_code, release.json()["code"]) == (409, "milestone_frozen")
            path = f"/v1/disputes/{dispute.json()['id']}"
            await flow.seen("open", path, lambda one: one["state"] == "open")
            assert (await flow.milestone(number))["state"] == "funded"


async def test_a_dispute_in_time_stops_the_release(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    await flow.disputed(1)
    refused = await flow.release()
    assert (refused.status_code, refused.json()["code"]) == (409, "milestone_frozen")
    seen = await flow.milestone()
    assert (seen["state"], seen["held"]["amount"]) == ("funded", 40_000)
    assert next(one for one in seen["next"] if one["action"] == "release")["blocked_reason"] == "milestone_frozen"


async def test_a_dispute_that_comes_after_the_release_is_refused(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    await flow.system.stripe.play("/faults", path="/v1/transfers", kind="drop_before")
    assert (await flow.release()).status_code == 202
    dispute = await flow.dispute(1)
    if dispute.status_code == 201:
        path = f"/v1/disputes/{dispute.json()['id']}"
        await flow.seen("refused", path, lambda one: one["state"] == "refused")
    else:
        assert (dispute.status_code, dispute.json()["status"]) == (409, 409)
    await flow.becomes("released")


async def test_fund_against_edit(flow: ContractFlow) -> None:
    for number in range(ROUNDS):
        await flow.active(40_000)
        moves = [flow.fund(), flow.edit(45_000)]

        first, second = await at_once(*moves[:: 1 if number % 2 else -1])

        fund, edit = (first, second) if number % 2 else (second, first)
        assert codes([fund, edit]) in ([202, 409], [200, 409])
        if fund.status_code == 202:
            assert edit.json()["code"] == "milestone_locked"
            await flow.becomes("funded")
            assert (await flow.contract())["pending_revision"] is None
        else:
            assert fund.json()["code"] == "revision_pending"
            assert (await flow.milestone())["state"] == "planned"
            await flow.approve(2)
        assert len(await flow.payment_rows()) == (1 if fund.status_code == 202 else 0)


async def test_approve_against_withdraw(flow: ContractFlow) -> None:
    for _ in range(ROUNDS):
        await flow.draft(40_000)
        await flow.done(flow.cast.ada, "POST", f"{flow.path}/send")
        approve = flow.ask(flow.cast.grace, "POST", f"{flow.path}/approve", {"revision": 1}, match="*")

        answers = await at_once(approve, flow.ask(flow.cast.ada, "POST", f"{flow.path}/withdraw"))

        assert codes(answers) == [200, 409]
        expected = "active" if answers[0].status_code == 200 else "withdrawn"
        assert (await flow.contract())["state"] == expected
