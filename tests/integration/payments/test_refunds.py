"""The client's leg: looked after until its end, replaced when it breaks, and never paid twice."""

from skillscoop_messages.events.payments import SettlementBlocked, SettlementCompleted

from tests.integration.payments.desk import Desk


async def fails(desk: Desk, refund: int = 0, *, credited: bool = True) -> None:
    """The client's bank sends a refund back; Stripe tells us."""
    made = (await desk.stripe.objects("refund"))[refund]
    await desk.stripe.play(f"/refunds/{made['id']}/fail", credited=credited)
    await desk.carry("refund.failed")


async def told_again(desk: Desk, type: str, times: int = 1) -> None:
    """Stripe tells once more, by an event of another name, what it told before."""
    for number in range(times):
        for event in await desk.events(type):
            assert (await desk.post_webhook({**event, "id": f"{event['id']}_{number}"})).status_code == 200
    await desk.work()


async def paid_back(desk: Desk) -> list[int]:
    return [one["amount"] for one in await desk.stripe.objects("refund") if one["status"] != "failed"]


async def test_a_pending_refund_is_looked_after_whatever_the_other_leg_does(desk: Desk) -> None:
    """Given a split whose refund is pending and no webhook comes, when the payee is ready later and paid,
    then the refund's success is still found, and the settlement completes."""
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone, "pm_card_pendingRefund")
    await desk.settle(milestone, payment, 25_000)
    await desk.work()
    assert {one.reason for one in desk.said(SettlementBlocked)} == {"payee_not_ready"}

    await desk.stage.call("grace", "POST", "/v1/payout-accounts", {})
    await desk.work()
    account = (await desk.stripe.objects("v2.core.account"))[-1]
    await desk.stripe.play(f"/accounts/{account['id']}/onboard")
    await desk.carry("v2.core.account.updated")
    await desk.sweep()

    assert [(one.transferred, one.refunded) for one in desk.said(SettlementCompleted)] == [(25_000, 15_000)]
    assert (await desk.payment(milestone))["state"] == "settled"


async def test_news_of_a_replaced_refund_leaves_its_successor_alone_and_nobody_is_refunded_twice(desk: Desk) -> None:
    """Given 25,000 transferred and a refund of 15,000 that failed and was ordered anew by an operator, when
    Stripe tells of the old failure again before and after the new one is made, then 15,000 are refunded once."""
    await desk.onboarded()
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 25_000)
    await desk.work()
    await fails(desk)
    assert (await desk.retry((await desk.operations("create_refund"))[0])).status_code == 200

    for event in await desk.events("refund.failed"):
        await desk.post_webhook({**event, "id": "evt_late"})
    await desk.stage.service.executors[1].run_due(desk.stage.service.database)
    await desk.work()
    await told_again(desk, "refund.failed")

    assert [one["amount"] for one in await desk.stripe.objects("transfer")] == [25_000]
    assert await paid_back(desk) == [15_000]
    assert (await desk.retry((await desk.operations("create_refund"))[0])).status_code == 409
    assert await desk.ledger() == {"charged": 40_000, "released": 25_000, "refunded": 15_000}


async def test_a_failed_refund_is_tried_again_once_its_money_is_back(desk: Desk) -> None:
    """Given a refund that failed while its money is still on the way back, when an operator tries again, then that is
    refused until Stripe has booked the money, and found without any webhook."""
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 0)
    await desk.work()
    await fails(desk, credited=False)
    (operation,) = await desk.operations("create_refund")
    early = await desk.retry(operation)
    assert (early.status_code, early.json()["code"]) == (409, "refund_still_out")
    assert await desk.ledger() == {"charged": 40_000, "refunded": 40_000}

    refund = (await desk.stripe.objects("refund"))[0]
    await desk.stripe.play(f"/refunds/{refund['id']}/credit")
    await desk.sweep()
    assert await desk.ledger() == {"charged": 40_000, "in_transit": 40_000}
    assert (await desk.retry(operation)).status_code == 200
    await desk.work()
    await told_again(desk, "refund.updated", times=2)
    assert await paid_back(desk) == [40_000]
    assert await desk.ledger() == {"charged": 40_000, "refunded": 40_000}
    await desk.books()
