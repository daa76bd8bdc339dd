"""Transfers Stripe refuses: repeated ever more rarely, ended, told, and taken up again when their reason is gone."""

from typing import Any

import pytest
from skillscoop_messages.events.payments import SettlementBlocked, SettlementCompleted
from skillscoop_payments.domain.operation import MOST_REFUSALS
from sqlalchemy import text

from tests.integration.payments.desk import GRACE, OLGA, Desk


async def alerts(desk: Desk) -> list[str]:
    """What operators are asked to look at."""
    answer = await desk.stage.call(OLGA, "GET", "/v1/admin/payments/alerts", roles=("ops",))
    assert answer.status_code == 200, answer.text
    return [one["kind"] for one in answer.json()["data"]]


async def notices(desk: Desk) -> int:
    """How many notices of looks at accounts there are beside Stripe's own."""
    async with desk.stage.service.database.read() as tx:
        row = await tx.first(text("SELECT count(*) AS many FROM provider_notices WHERE origin = 'doubt'"))
    assert row is not None
    return int(row["many"])


async def released(desk: Desk, then: str) -> dict[str, Any]:
    """A release that is not sent yet, to a payee who was ready when it was decided; then something befalls the account,
    as Stripe has it."""
    account = await desk.onboarded()
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone)
    await desk.settle(milestone, payment)
    await desk.stripe.play(f"/accounts/{account['id']}/{then}")
    return account


async def test_a_refused_transfer_is_repeated_ever_more_rarely_with_one_notice_and_ends(desk: Desk) -> None:
    """Given a payee Stripe restricts after the decision, when the transfer is refused again and again, then one look is
    asked for however often, people are told once, and after the last refusal it ends and operators are alerted."""
    account = await released(desk, "restrict")
    for _ in range(MOST_REFUSALS + 2):
        await desk.hurry()

    (operation,) = await desk.operations("create_transfer")
    assert (operation["state"], operation["attempt"]) == ("refused", MOST_REFUSALS)
    assert await notices(desk) == 1
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["payee_not_ready"]
    assert await alerts(desk) == ["transfer_given_up"]
    assert (await desk.retry(operation)).json()["code"] == "payee_not_ready"

    await desk.stripe.play(f"/accounts/{account['id']}/onboard")
    await desk.carry()
    assert [one.transferred for one in desk.said(SettlementCompleted)] == [40_000]
    assert len(await desk.stripe.objects("transfer")) == 1


async def test_a_transfer_to_a_payee_rejected_for_good_ends_at_once(desk: Desk) -> None:
    """Given a payee Stripe rejects after the decision, when the transfer is refused and the account is looked at, then
    the next refusal is the last."""
    await released(desk, "reject")
    await desk.hurry()
    await desk.hurry()

    (operation,) = await desk.operations("create_transfer")
    assert operation["state"] == "refused"
    assert (await desk.stage.call(GRACE, "GET", "/v1/payout-accounts/me")).json()["state"] == "rejected"
    assert await alerts(desk) == ["transfer_given_up"]
    assert await desk.ledger() == {"charged": 40_000, "in_transit": 40_000}


async def test_a_transfer_that_lacks_balance_for_days_is_taken_up_again_by_an_operator(desk: Desk) -> None:
    """Given a balance that stays empty until the transfer was given up, when there is money again and an operator
    retries, then it is made once."""
    await desk.onboarded()
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone, "pm_card_bypassPending")
    await desk.stripe.play("/balance", currency="usd", drain=True)
    await desk.settle(milestone, payment)
    for _ in range(MOST_REFUSALS + 1):
        await desk.hurry()
    assert await alerts(desk) == ["transfer_given_up"]

    await desk.stripe.play("/balance", currency="usd", amount=100_000)
    assert (await desk.retry((await desk.operations("create_transfer"))[0])).status_code == 200
    await desk.work()
    assert [one.transferred for one in desk.said(SettlementCompleted)] == [40_000]
    assert len(await desk.stripe.objects("transfer")) == 1
    first = (await desk.stage.call(OLGA, "GET", "/v1/admin/payments/alerts", roles=("ops",))).json()["data"][0]
    path, body = f"/v1/admin/payments/alerts/{first['id']}/resolve", {"reason": "topped up"}
    assert (await desk.stage.call(OLGA, "POST", path, body, roles=("ops",))).status_code == 200
    assert await alerts(desk) == []


@pytest.mark.parametrize("purpose", ["decision", "return"])
async def test_a_refund_that_fails_is_told_whoever_it_was_for(desk: Desk, purpose: str) -> None:
    """Given money on its way back to the client, decided or unwanted, when the bank sends it back after success, then
    operators are alerted and the client stays owed."""
    milestone = desk.milestone(40_000)
    payment = await desk.fund(milestone)
    await (desk.settle(milestone, payment, 0) if purpose == "decision" else desk.refuse(milestone, payment))
    await desk.work()
    refund = (await desk.stripe.objects("refund"))[0]
    await desk.stripe.play(f"/refunds/{refund['id']}/fail")
    await desk.carry()
    assert await alerts(desk) == ["refund_failed"]
    assert await desk.ledger() == {"charged": 40_000, "in_transit": 40_000}


async def test_an_account_that_is_no_longer_ours_blocks_its_transfer_by_its_own_name(desk: Desk) -> None:
    """Given a payee who withdrew our access to the account, when a transfer is refused with 403 account_invalid, then
    people read that the payee is not ready, the account is looked at and shown as rejected, and the transfer ends."""
    await released(desk, "revoke")
    await desk.hurry()
    await desk.hurry()

    assert [one.reason for one in desk.said(SettlementBlocked)] == ["payee_not_ready"]
    assert (await desk.stage.call(GRACE, "GET", "/v1/payout-accounts/me")).json()["state"] == "rejected"
    (operation,) = await desk.operations("create_transfer")
    assert operation["state"] == "refused"
    assert await alerts(desk) == ["transfer_given_up"]
