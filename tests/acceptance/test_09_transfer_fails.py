"""Situation 9: a leg fails after the decision: it stays settling, the reason is visible, and it is tried again."""

from tests.acceptance.contract_flow import ContractFlow


async def blocked_by(flow: ContractFlow, reason: str) -> None:
    """Both sides see that the decision is not delivered yet, and why; nobody is told that anything was paid."""
    path = flow.milestone_path()
    for person in (flow.cast.ada, flow.cast.grace):
        seen = await flow.seen(reason, path, lambda one: one["blocked_reason"] == reason, person)
        assert seen["state"] == "settling"
        for kind in ("milestone.released", "milestone.refunded", "milestone.split"):
            assert await flow.notices(person, kind) == []


async def test_a_payee_stripe_restricts_behind_our_back_is_paid_when_that_is_over(flow: ContractFlow) -> None:
    await flow.active(40_000)
    account = await flow.onboarded()
    await flow.funded()
    await flow.system.stripe.play("/webhooks", drop=1_000)
    await flow.system.stripe.play(f"/accounts/{account}/restrict")

    assert (await flow.release()).status_code == 202

    await blocked_by(flow, "payee_not_ready")
    # The refusal made payments look at the account itself, without any webhook.
    me = "/v1/payout-accounts/me"
    await flow.seen("restricted", me, lambda one: one["state"] == "restricted", flow.cast.grace)
    await flow.system.stripe.play("/webhooks", drop=0)
    await flow.system.stripe.play(f"/accounts/{account}/onboard")
    await flow.becomes("released")
    assert len(await flow.seen_notices(flow.cast.grace, "milestone.released")) == 1


async def test_a_refund_waits_for_money_on_our_balance(flow: ContractFlow) -> None:
    await flow.ready(40_000, currency="chf")
    await flow.system.stripe.play("/balance", currency="chf", drain=True)

    await flow.decided(1, 0)

    await blocked_by(flow, "refund_pending")
    assert await flow.ledger() == {"charged": 40_000, "in_transit": 40_000}
    await flow.system.stripe.play("/balance", currency="chf", amount=10_000_000)
    await flow.becomes("refunded")
    assert await flow.ledger() == {"charged": 40_000, "refunded": 40_000}


async def test_one_leg_does_not_wait_for_the_other(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await flow.funded()
    await flow.decided(1, 10_000)
    await blocked_by(flow, "payee_not_ready")

    async def refunded() -> bool | None:
        return True if await flow.ledger() == {"charged": 40_000, "in_transit": 10_000, "refunded": 30_000} else None

    await flow.system.until("the client's part to be refunded", refunded)
    await flow.onboarded()
    await flow.becomes("split")
    assert await flow.ledger() == {"charged": 40_000, "released": 10_000, "refunded": 30_000}


async def test_while_stripe_is_away_the_decision_waits_and_then_runs(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    await flow.system.stripe.play("/faults", path="/v1/*", kind="500_before", times=1_000)
    assert (await flow.release()).status_code == 202

    async def tried_in_vain() -> bool | None:
        await flow.system.hurry()
        return True if (await flow.milestone())["blocked_reason"] else None

    await flow.system.until("a reason to be shown", tried_in_vain)
    await blocked_by(flow, "stripe_unavailable")
    assert await flow.ledger() == {"charged": 40_000, "in_transit": 40_000}
    await flow.system.stripe.no_more_faults()

    async def released() -> bool | None:
        # The last call that failed may put off the next one after we have hurried it.
        await flow.system.hurry()
        return True if (await flow.milestone())["state"] == "released" else None

    await flow.system.until("the milestone to be released", released)
