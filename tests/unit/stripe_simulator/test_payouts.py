"""Recipients, transfers to them, and refunds to payers."""

from typing import Any

import pytest
import stripe


async def _onboarding_link(simulator: Any, account: str) -> Any:
    use_case = {"refresh_url": "http://a.test/again", "return_url": "http://a.test/ok"}
    return await simulator.client.v2.core.account_links.create_async(
        {"account": account, "use_case": {"type": "account_onboarding", "account_onboarding": use_case}}
    )


async def _transfers_status(simulator: Any, account: str) -> str:
    body = await simulator.client.v2.core.accounts.retrieve_async(account, {"include": ["configuration.recipient"]})
    return str(body.configuration.recipient.capabilities.stripe_balance.stripe_transfers.status)


async def test_a_person_onboards_by_the_first_form_as_it_stands(simulator: Any) -> None:
    account = await simulator.recipient(onboarded=False)
    assert await _transfers_status(simulator, account) == "pending"
    link = await _onboarding_link(simulator, account)

    async with simulator.browser.get(link.url) as page:
        assert "It is not Stripe" in await page.text()
    async with simulator.browser.post(link.url, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["location"]) == (303, "http://a.test/ok")

    assert await _transfers_status(simulator, account) == "active"
    async with simulator.browser.get(link.url, allow_redirects=False) as used:
        assert used.headers["location"] == "http://a.test/again"


async def test_the_accounts_events_are_thin_and_lead_to_it(simulator: Any) -> None:
    account = await simulator.recipient()
    wanted = "v2.core.account[configuration.recipient].capability_status_updated"

    def notices() -> list[Any]:
        return [
            simulator.client.parse_event_notification(body, signature, "whsec_thin")
            for kind, body, signature in simulator.mailbox.got
            if kind == "thin"
        ]

    await simulator.mailbox.until(lambda: wanted in {notice.type for notice in notices()})
    notice = next(notice for notice in notices() if notice.type == wanted)
    assert (notice.related_object.id, str(notice.context)) == (account, account)
    assert (await notice.fetch_related_object_async()).id == account
    event = await notice.fetch_event_async()
    assert event.data.updated_capability == "stripe_balance.stripe_transfers"


async def test_the_platform_plays_restriction_and_rejection(simulator: Any) -> None:
    account = await simulator.recipient()
    for decision, status in (("restrict", "restricted"), ("onboard", "active"), ("reject", "unsupported")):
        await simulator.control(f"/accounts/{account}/{decision}")
        assert await _transfers_status(simulator, account) == status


async def test_money_of_an_unsettled_charge_is_promised_on_and_settles_with_it(simulator: Any) -> None:
    account = await simulator.recipient()
    paid = await simulator.pay(10_000)
    await simulator.control("/balance", {"currency": "usd", "drain": True})

    transfer = await simulator.client.v1.transfers.create_async(
        {
            "amount": 9_000,
            "currency": "usd",
            "destination": account,
            "source_transaction": paid.latest_charge,
            "metadata": {"op_id": "op_2"},
        }
    )

    assert (transfer.transfer_group, transfer.reversed) == (f"group_{paid.id}", False)
    options = {"stripe_account": account}
    balance = await simulator.client.v1.balance.retrieve_async(options=options)
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 9_000)
    simulator.clock.pass_days(2)
    balance = await simulator.client.v1.balance.retrieve_async(options=options)
    assert (balance.available[0].amount, balance.pending[0].amount) == (9_000, 0)
    own = next(
        item for item in (await simulator.client.v1.balance.retrieve_async()).available if item.currency == "usd"
    )
    assert own.amount == 10_000 - 320 - 9_000
    listed = await simulator.client.v1.transfers.list_async({"transfer_group": transfer.transfer_group})
    assert [item.id for item in listed.data] == [transfer.id]


async def test_once_settled_a_charge_needs_available_balance_like_anything_else(simulator: Any) -> None:
    account = await simulator.recipient()
    paid = await simulator.pay(10_000)
    simulator.clock.pass_days(2)
    await simulator.control("/balance", {"currency": "usd", "drain": True})
    asked: Any = {"amount": 9_000, "currency": "usd", "destination": account, "source_transaction": paid.latest_charge}

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await simulator.client.v1.transfers.create_async(asked)
    assert (refused.value.http_status, refused.value.code) == (400, "balance_insufficient")

    await simulator.control("/balance", {"currency": "usd", "amount": 9_000})
    assert (await simulator.client.v1.transfers.create_async(asked)).amount == 9_000


async def test_transfers_of_a_charge_never_exceed_it(simulator: Any) -> None:
    account = await simulator.recipient()
    paid = await simulator.pay(10_000)
    asked: Any = {"currency": "usd", "destination": account, "source_transaction": paid.latest_charge}
    await simulator.client.v1.transfers.create_async({**asked, "amount": 6_000})
    for refused in ({"amount": 4_001}, {"amount": 100, "currency": "eur"}):
        with pytest.raises(stripe.InvalidRequestError):
            await simulator.client.v1.transfers.create_async({**asked, **refused})
    await simulator.client.v1.transfers.create_async({**asked, "amount": 4_000})


async def test_an_account_that_is_not_active_receives_nothing(simulator: Any) -> None:
    account = await simulator.recipient(onboarded=False)
    paid = await simulator.pay(10_000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await simulator.client.v1.transfers.create_async(
            {"amount": 1, "currency": "usd", "destination": account, "source_transaction": paid.latest_charge}
        )
    assert refused.value.code == "insufficient_capabilities_for_transfer"


async def test_refunds_add_up_to_the_charge_and_no_further(simulator: Any) -> None:
    refunds = simulator.client.v1.refunds
    paid = await simulator.pay(10_000)
    part = await refunds.create_async({"payment_intent": paid.id, "amount": 4_000, "metadata": {"op_id": "op_3"}})
    assert (part.status, part.charge, part.amount) == ("succeeded", paid.latest_charge, 4_000)

    with pytest.raises(stripe.InvalidRequestError) as over:
        await refunds.create_async({"payment_intent": paid.id, "amount": 6_001})
    assert (over.value.code, over.value.param) == (None, "amount")
    rest = await refunds.create_async({"charge": paid.latest_charge})
    assert rest.amount == 6_000
    with pytest.raises(stripe.InvalidRequestError) as again:
        await refunds.create_async({"charge": paid.latest_charge})
    assert again.value.code == "charge_already_refunded"
    charge = await simulator.client.v1.charges.retrieve_async(paid.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 10_000)
    listed = await refunds.list_async({"payment_intent": paid.id})
    assert [item.id for item in listed.data] == [rest.id, part.id]


async def test_a_refund_waits_for_balance_and_is_paid_when_it_comes(simulator: Any) -> None:
    paid = await simulator.pay(10_000)
    await simulator.control("/balance", {"currency": "usd", "drain": True})

    refund = await simulator.client.v1.refunds.create_async({"payment_intent": paid.id})
    assert (refund.status, refund.pending_reason, refund.balance_transaction) == ("pending", "insufficient_funds", None)

    await simulator.control("/balance", {"currency": "usd", "amount": 50_000})
    refund = await simulator.client.v1.refunds.retrieve_async(refund.id)
    assert (refund.status, refund.balance_transaction[:4]) == ("succeeded", "txn_")


@pytest.mark.parametrize(
    ("method", "first", "last"),
    [("pm_card_pendingRefund", "pending", "succeeded"), ("pm_card_refundFail", "succeeded", "failed")],
)
async def test_refunds_change_after_the_answer(simulator: Any, method: str, first: str, last: str) -> None:
    paid = await simulator.pay(10_000, method)
    refund = await simulator.client.v1.refunds.create_async({"payment_intent": paid.id})
    assert refund.status == first

    await simulator.mailbox.until(lambda: "refund.updated" in simulator.mailbox.types(simulator.client))
    assert (await simulator.client.v1.refunds.retrieve_async(refund.id)).status == last


async def test_a_bank_sends_a_refund_back_and_the_money_is_ours_again(simulator: Any) -> None:
    paid = await simulator.pay(10_000)
    before = (await simulator.state())["balances"]
    refund = await simulator.client.v1.refunds.create_async({"payment_intent": paid.id})

    failed = await simulator.control(f"/refunds/{refund.id}/fail", {"reason": "lost_or_stolen_card"})

    assert (failed["status"], failed["failure_reason"]) == ("failed", "lost_or_stolen_card")
    assert (await simulator.state())["balances"] == before
    charge = await simulator.client.v1.charges.retrieve_async(paid.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)
    await simulator.mailbox.until(lambda: "refund.failed" in simulator.mailbox.types(simulator.client))


async def test_balances_are_the_sum_of_their_transactions(simulator: Any) -> None:
    account = await simulator.recipient()
    for amount in (10_000, 7_333):
        paid = await simulator.pay(amount)
        await simulator.client.v1.transfers.create_async(
            {"amount": 3_000, "currency": "usd", "destination": account, "source_transaction": paid.latest_charge}
        )
        await simulator.client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 1_000})
    for days in (0, 1, 2):
        simulator.clock.pass_days(days)
        state = await simulator.state()
        sums: dict[tuple[str, str], int] = {}
        for entry in state["objects"]["balance_transaction"]:
            owner = (entry.get("on_account", ""), entry["currency"])
            sums[owner] = sums.get(owner, 0) + entry["net"]
        held = {(row["account"], row["currency"]): row["available"] + row["pending"] for row in state["balances"]}
        assert held == sums
