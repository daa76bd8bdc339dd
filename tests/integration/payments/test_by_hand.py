"""What others do at Stripe, by hand in the dashboard, at the bank, as the payee: noticed, shown, and asked about."""

from typing import Any

import pytest
from skillscoop_messages.events import payments
from skillscoop_messages.events.payments import SettlementBlocked, SettlementCompleted
from skillscoop_payments.usecases import reviewing

from tests.integration.payments.desk import GRACE, OLGA, Desk

ALERTS = "/v1/admin/payments/alerts"


async def told(desk: Desk) -> list[dict[str, Any]]:
    """What operators are asked."""
    answer = await desk.stage.call(OLGA, "GET", ALERTS, roles=("ops",))
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def resolve(desk: Desk) -> None:
    """An operator has looked at everything."""
    for alert in await told(desk):
        body = {"reason": "Looked at it with the bank."}
        answer = await desk.stage.call(OLGA, "POST", f"{ALERTS}/{alert['id']}/resolve", body, roles=("ops",))
        assert answer.status_code == 200, answer.text
    await desk.work()


async def learn(desk: Desk, how: str) -> None:
    """By webhooks, or because we ask Stripe what moved on our balance."""
    if how == "webhook":
        await desk.carry()
    else:
        await reviewing.poll_movements(desk.stage.service.database, desk.stage.service.outside["dependencies"])
        await desk.work()


async def happens(desk: Desk, what: str) -> None:
    """Something nobody asked us about happens to the only payment."""
    (intent,) = await desk.stripe.objects("payment_intent")
    if what == "chargeback":
        await desk.stripe.play(f"/charges/{intent['latest_charge']}/dispute")
    else:
        answer = await desk.stripe.api("POST", "/v1/refunds", payment_intent=intent["id"], amount=10_000)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("how", ["webhook", "sweep"])
@pytest.mark.parametrize(("what", "kind"), [("refund by hand", "foreign_refund"), ("chargeback", "chargeback")])
async def test_money_taken_out_by_others_holds_the_release_until_somebody_looked(
    desk: Desk, what: str, kind: str, how: str
) -> None:
    """Given held money of which others took something, when it is released, then it waits for an operator.

    It would be paid out of what belongs to others. Parties see that it is looked at; afterwards it goes on once.
    """
    await desk.onboarded()
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await happens(desk, what)
    await learn(desk, how)
    await learn(desk, how)
    assert [one["kind"] for one in await told(desk)] == [kind]
    assert (await desk.payment(milestone, GRACE))["warnings"] == [{"code": "under_review"}]

    await desk.settle(milestone, payment)
    await desk.work()
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["under_review"]
    assert await desk.stripe.objects("transfer") == []

    await resolve(desk)
    await learn(desk, how)
    assert [one.transferred for one in desk.said(SettlementCompleted)] == [40_000]
    assert (await desk.payment(milestone))["warnings"] == []
    assert await told(desk) == []


async def test_a_transfer_that_still_waits_is_held_by_a_chargeback(desk: Desk) -> None:
    """Given a transfer Stripe refused for now, when a chargeback comes, then it is not sent when the payee is ready."""
    account = await desk.onboarded()
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.stripe.play(f"/accounts/{account['id']}/restrict")
    await desk.settle(milestone, payment)
    await desk.work()
    await happens(desk, "chargeback")
    await desk.stripe.play(f"/accounts/{account['id']}/onboard")
    await desk.carry()
    await desk.hurry()
    assert await desk.stripe.objects("transfer") == []
    assert desk.said(SettlementBlocked)[-1].reason == "under_review"
    await resolve(desk)
    assert len(await desk.stripe.objects("transfer")) == 1


@pytest.mark.parametrize("how", ["webhook", "sweep"])
async def test_a_transfer_taken_back_by_hand_is_told_to_an_operator(desk: Desk, how: str) -> None:
    await desk.onboarded()
    milestone = desk.milestone()
    await desk.settle(milestone, await desk.fund(milestone))
    await desk.work()
    (transfer,) = await desk.stripe.objects("transfer")
    await desk.stripe.play(f"/transfers/{transfer['id']}/reverse", amount=5_000)
    await learn(desk, how)
    assert [(one["kind"], one["payment_id"] is not None) for one in await told(desk)] == [("transfer_reversed", True)]
    assert "5000 of 40000" in (await told(desk))[0]["detail"]


@pytest.mark.parametrize(("ending", "how"), [("close", "webhook"), ("close", "sweep"), ("delete", "sweep")])
async def test_an_account_that_is_closed_or_gone_is_paid_no_more(desk: Desk, ending: str, how: str) -> None:
    """Given a freelancer who can be paid, when the account ends at Stripe, then a release waits and says why."""
    account = await desk.onboarded()
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.stripe.play(f"/accounts/{account['id']}/{ending}")
    await (desk.carry() if how == "webhook" else desk.sweep())
    assert desk.said(payments.PayoutAccountChanged)[-1].state == "rejected"
    await desk.settle(milestone, payment)
    await desk.work()
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["payee_not_ready"]
    assert await desk.stripe.objects("transfer") == []


async def test_payouts_that_run_by_themselves_are_told_at_start(desk: Desk) -> None:
    """Given payouts set to daily at Stripe, when payments starts, then an operator is asked, and it is measured."""
    answer = await desk.stripe.api("POST", "/v1/balance_settings", **{"payments[payouts][schedule][interval]": "daily"})
    assert answer.status_code == 200, answer.text
    (check,) = [job for job in desk.stage.service.jobs if job.name == "check_payouts"]
    await check.run()
    await check.run()
    assert [one["kind"] for one in await told(desk)] == ["payouts_not_manual"]
    assert b"payments_payouts_manual 0.0" in await desk.stage.service.vitals.render()
    await resolve(desk)
    await desk.stripe.api("POST", "/v1/balance_settings", **{"payments[payouts][schedule][interval]": "manual"})
    await check.run()
    assert await told(desk) == []
    assert b"payments_payouts_manual 1.0" in await desk.stage.service.vitals.render()


async def test_our_own_refunds_ask_nobody(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.settle(milestone, await desk.fund(milestone), 0)
    await desk.work()
    for how in ("webhook", "sweep"):
        await learn(desk, how)
    assert await told(desk) == []
