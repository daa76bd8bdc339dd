"""Situation 12: the freelancer has no account yet, or Stripe rejects it: the decision waits visibly, then runs."""

from tests.acceptance.contract_flow import ContractFlow


async def test_a_release_waits_for_the_account_and_then_runs_by_itself(flow: ContractFlow) -> None:
    contract = await flow.active(40_000, 30_000)
    assert {"code": "payee_not_ready"} in contract["warnings"]
    await flow.funded(1)
    await flow.funded(2)
    for number in (1, 2):
        assert (await flow.release(number)).status_code == 202
    for number in (1, 2):
        path = flow.milestone_path(number)
        waiting = await flow.seen("blocked", path, lambda one: one["blocked_reason"] == "payee_not_ready")
        assert waiting["state"] == "settling"
    assert await flow.ledger() == {"charged": 70_000, "in_transit": 70_000}

    await flow.onboarded()

    for number in (1, 2):
        released = await flow.becomes("released", number=number)
        assert released["blocked_reason"] is None
    assert await flow.ledger() == {"charged": 70_000, "released": 70_000}
    for person in (flow.cast.ada, flow.cast.grace):
        assert len(await flow.notices(person, "milestone.settlement_blocked")) == 2
    assert (await flow.contract())["warnings"] == []


async def test_a_restricted_account_is_waited_for(flow: ContractFlow) -> None:
    await flow.active(40_000)
    account = await flow.onboarded()
    await flow.funded()
    await flow.system.stripe.play(f"/accounts/{account}/restrict")
    me = "/v1/payout-accounts/me"
    await flow.seen("restricted", me, lambda one: one["state"] == "restricted", flow.cast.grace)
    assert (await flow.release()).status_code == 202
    await flow.seen("blocked", flow.milestone_path(), lambda one: one["blocked_reason"] == "payee_not_ready")
    await flow.system.stripe.play(f"/accounts/{account}/onboard")
    await flow.becomes("released")


async def test_an_account_rejected_for_good_leaves_the_money_where_everybody_sees_it(flow: ContractFlow) -> None:
    await flow.active(40_000)
    account = await flow.onboarded()
    await flow.funded()
    await flow.system.stripe.play(f"/accounts/{account}/reject")
    me = "/v1/payout-accounts/me"
    await flow.seen("rejected", me, lambda one: one["state"] == "rejected", flow.cast.grace)
    assert (await flow.release()).status_code == 202
    waiting = await flow.seen("blocked", flow.milestone_path(), lambda one: one["blocked_reason"] == "payee_not_ready")
    assert waiting["state"] == "settling"
    assert await flow.ledger() == {"charged": 40_000, "in_transit": 40_000}
