"""Settling: release, split, refund and return; waiting for the payee; never twice, never early."""

import asyncio

import pytest
from skillscoop_messages.events import payments
from skillscoop_messages.events.contracts import FeeRule
from skillscoop_messages.events.payments import SettlementBlocked, SettlementCompleted
from skillscoop_messages.scheduled import waiting

from tests.integration.payments.desk import GRACE, OLGA, Desk

FEE = FeeRule(bps=500, fixed=30, policy_version=1)


def told(desk: Desk) -> list[tuple[int, int, int]]:
    return [(one.transferred, one.refunded, one.fee) for one in desk.said(SettlementCompleted)]


async def test_a_release_is_one_transfer_out_of_its_own_charge(desk: Desk) -> None:
    await desk.onboarded()
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, fee=FEE, times=2)
    assert (await desk.payment(milestone))["state"] == "settling"
    assert await desk.ledger() == {"charged": 40_000, "in_transit": 40_000}
    await desk.work()
    await desk.carry()

    assert told(desk) == [(37_970, 0, 2_030)]
    transfers = await desk.stripe.objects("transfer")
    charge = (await desk.stripe.objects("charge"))[0]["id"]
    assert [(one["amount"], one["source_transaction"]) for one in transfers] == [(37_970, charge)]
    assert (await desk.payment(milestone))["state"] == "settled"
    assert await desk.ledger() == {"charged": 40_000, "released": 37_970, "fees": 2_030}
    await desk.books()


async def test_a_release_waits_visibly_for_the_payee_and_then_runs_by_itself(desk: Desk) -> None:
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment)
    await desk.work()
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["payee_not_ready"]
    assert await desk.ledger() == {"charged": 40_000, "in_transit": 40_000}
    assert await desk.stripe.objects("transfer") == []

    await desk.onboarded()

    assert told(desk) == [(40_000, 0, 0)]
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["payee_not_ready"]
    states = [one.state for one in desk.said(payments.PayoutAccountChanged)]
    assert states == ["onboarding", "active"]
    async with desk.stage.service.database.read() as tx:
        assert await waiting(tx) == []


async def test_an_account_restricted_between_decision_and_transfer_delays_it_only(desk: Desk) -> None:
    account = await desk.onboarded()
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.stripe.play(f"/accounts/{account['id']}/restrict")
    await desk.settle(milestone, payment)
    await desk.work()
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["payee_not_ready"]
    # Nobody told us of the restriction: the refused transfer made us look.
    assert (await desk.stage.call(GRACE, "GET", "/v1/payout-accounts/me")).json()["state"] == "restricted"

    await desk.stripe.play(f"/accounts/{account['id']}/onboard")
    await desk.carry()
    assert told(desk) == [(40_000, 0, 0)]
    assert len(await desk.stripe.objects("transfer")) == 1


async def test_a_split_is_two_legs_and_the_fee_is_taken_from_the_freelancers(desk: Desk) -> None:
    await desk.onboarded()
    milestone = desk.milestone(10_001)
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 3_333, fee=FEE)
    await desk.work()
    await desk.carry()
    assert told(desk) == [(3_136, 6_668, 197)]
    assert await desk.ledger() == {"charged": 10_001, "released": 3_136, "refunded": 6_668, "fees": 197}
    assert (await desk.payment(milestone))["state"] == "settled"
    await desk.books()


async def test_a_split_whose_freelancer_is_not_ready_refunds_now_and_completes_later(desk: Desk) -> None:
    milestone = desk.milestone(10_000)
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 4_000)
    await desk.work()
    await desk.carry()
    assert (await desk.ledger())["refunded"] == 6_000
    assert told(desk) == []
    await desk.onboarded()
    assert told(desk) == [(4_000, 6_000, 0)]


async def test_a_fee_that_takes_the_whole_share_needs_no_transfer(desk: Desk) -> None:
    milestone = desk.milestone(10_000)
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 25, fee=FEE)
    await desk.work()
    assert told(desk) == [(0, 9_975, 25)]
    assert await desk.stripe.objects("transfer") == []
    assert await desk.ledger() == {"charged": 10_000, "refunded": 9_975, "fees": 25}


async def test_yen_have_no_minor_unit_and_come_out_to_the_unit(desk: Desk) -> None:
    await desk.onboarded()
    milestone = desk.milestone(10_001, "jpy")
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment, 5_000, fee=FeeRule(bps=333, fixed=0, policy_version=1))
    await desk.work()
    assert told(desk) == [(4_833, 5_001, 167)]
    assert (await desk.books())["debits"].keys() == {"jpy"}


async def test_two_decisions_about_one_payment_are_one_transfer(desk: Desk) -> None:
    await desk.onboarded()
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment)
    await desk.settle(milestone, payment, 0)
    await desk.work()
    assert told(desk) == [(40_000, 0, 0)]
    assert len(await desk.stripe.objects("transfer")) == 1
    assert await desk.stripe.objects("refund") == []


async def test_parts_that_are_not_what_is_held_are_never_paid(desk: Desk) -> None:
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone)
    await desk.settle({**milestone, "amount": 50_000}, payment)
    await desk.work()
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}


async def test_a_refund_the_bank_takes_its_time_for_is_not_called_done_early(desk: Desk) -> None:
    milestone = desk.milestone()
    payment = await desk.fund(milestone, "pm_card_pendingRefund")
    await desk.settle(milestone, payment, 0)
    await desk.work()
    if told(desk) == []:
        assert [one.reason for one in desk.said(SettlementBlocked)] == ["refund_pending"]
    await desk.carry()
    assert await desk.sweep() in (0, 1)
    assert told(desk) == [(0, 40_000, 0)]
    assert await desk.ledger() == {"charged": 40_000, "refunded": 40_000}


async def test_a_refund_that_comes_back_after_success_leaves_the_client_owed(desk: Desk) -> None:
    milestone = desk.milestone()
    payment = await desk.fund(milestone, "pm_card_refundFail")
    await desk.settle(milestone, payment, 0)
    await desk.work()
    assert told(desk) == [(0, 40_000, 0)]
    await asyncio.sleep(1.2)  # the simulator's bank sends it back within a second
    await desk.carry()
    assert await desk.ledger() == {"charged": 40_000, "in_transit": 40_000}
    assert told(desk) == [(0, 40_000, 0)]

    operation = await desk.stage.call(OLGA, "GET", "/v1/admin/payments/operations?kind=create_refund", roles=("ops",))
    path = f"/v1/admin/payments/operations/{operation.json()['data'][0]['id']}/retry"
    body = {"reason": "the client named another card"}
    again = await desk.stage.call(OLGA, "POST", path, body, roles=("ops",), key="again")
    assert again.status_code == 200, again.text
    await desk.work()
    assert len(await desk.stripe.objects("refund")) == 2


async def test_money_without_balance_waits_and_says_so(desk: Desk) -> None:
    await desk.onboarded()
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone, "pm_card_bypassPending")
    await desk.stripe.play("/balance", currency="usd", drain=True)
    await desk.settle(milestone, payment)
    await desk.work()
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["insufficient_balance"]
    await desk.stripe.play("/balance", currency="usd", amount=100_000)
    await desk.hurry()
    assert told(desk) == [(40_000, 0, 0)]
    assert len(await desk.stripe.objects("transfer")) == 1


async def test_money_nobody_wants_goes_back_by_itself(desk: Desk) -> None:
    milestone = desk.milestone()
    payment = await desk.fund(milestone)
    await desk.refuse(milestone, payment, times=2)
    assert await desk.ledger() == {"charged": 40_000, "in_transit": 40_000}
    await desk.work()
    await desk.carry()
    assert [(one.payment_id, one.returned) for one in desk.said(payments.PaymentReturned)] == [(payment["id"], 40_000)]
    assert desk.said(SettlementCompleted) == []
    assert (await desk.payment(milestone))["state"] == "returned"
    assert await desk.ledger() == {"charged": 40_000, "refunded": 40_000}
    assert [one["amount"] for one in await desk.stripe.objects("refund")] == [40_000]


async def test_unwanted_money_that_stripe_has_not_booked_yet_goes_back_once_it_has(desk: Desk) -> None:
    milestone = desk.milestone()
    await desk.request(milestone)
    await desk.work()
    await desk.refuse(milestone, await desk.payment(milestone))
    await desk.work()
    assert await desk.stripe.objects("refund") == []
    await desk.carry()
    assert [one.returned for one in desk.said(payments.PaymentReturned)] == [40_000]
    assert await desk.ledger() == {"charged": 40_000, "refunded": 40_000}


async def test_a_release_of_money_that_is_not_booked_yet_waits_a_moment(desk: Desk) -> None:
    await desk.onboarded()
    milestone = desk.milestone()
    await desk.request(milestone)
    await desk.work()
    await desk.settle(milestone, await desk.payment(milestone))
    await desk.work()
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["payment_unposted"]
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}
    await desk.sweep()
    assert told(desk) == [(40_000, 0, 0)]


@pytest.mark.parametrize("decision", ["settle", "refuse"])
async def test_a_payment_nobody_knows_yet_is_waited_for(desk: Desk, decision: str) -> None:
    milestone = desk.milestone()
    unknown = {"id": "pay_unknown", "funding_id": "fnd_unknown"}
    await (desk.settle(milestone, unknown) if decision == "settle" else desk.refuse(milestone, unknown))
    async with desk.stage.service.database.read() as tx:
        assert [row["waiting"] for row in await waiting(tx)] == [1]
