"""Money in a currency the platform does not settle in: refused where it begins, and given back where it came."""

import pytest
from skillscoop_messages.events import payments
from skillscoop_messages.events.payments import SettlementBlocked, SettlementCompleted
from skillscoop_payments.settings import PaymentsSettings

from tests.integration.payments.desk import ADA, Desk


async def converted(desk: Desk) -> tuple[dict, dict]:  # type: ignore[type-arg]
    """A milestone paid in francs on a platform whose bank takes dollars only."""
    await desk.stripe.play("/settlement", currencies=["usd"])
    milestone = desk.milestone(40_000, "chf")
    return milestone, await desk.fund(milestone)


async def balance_in(desk: Desk, currency: str) -> int:
    """What the books say stands on the platform's balance in a currency."""
    accounts = (await desk.books())["accounts"]
    return sum(
        one["debits"] - one["credits"]
        for one in accounts
        if (one["currency"], one["account"]) == (currency, "stripe_balance")
    )


async def moved(desk: Desk) -> int:
    """What Stripe itself moved on that balance."""
    return sum(
        one["net"]
        for one in await desk.stripe.objects("balance_transaction")
        if one["currency"] == "usd" and one["type"] != "topup" and "on_account" not in one
    )


async def test_a_refund_of_converted_money_arrives_in_the_currency_it_was_paid_in(desk: Desk) -> None:
    """Given 400 francs booked as dollars, when the client gets everything back, then 400 francs are refunded."""
    milestone, payment = await converted(desk)
    assert await desk.ledger() == {"charged": 40_000, "held": 40_000}
    await desk.settle(milestone, payment, 0)
    await desk.work()
    await desk.carry()
    (completed,) = desk.said(SettlementCompleted)
    assert (completed.transferred, completed.refunded) == (0, 40_000)
    assert [(one["amount"], one["currency"]) for one in await desk.stripe.objects("refund")] == [(40_000, "chf")]
    assert await desk.ledger() == {"charged": 40_000, "refunded": 40_000}
    assert await balance_in(desk, "chf") == 0
    assert await balance_in(desk, "usd") == await moved(desk) < 0


async def test_converted_money_nobody_wants_goes_back(desk: Desk) -> None:
    milestone, payment = await converted(desk)
    await desk.refuse(milestone, payment)
    await desk.work()
    await desk.carry()
    assert [one.returned for one in desk.said(payments.PaymentReturned)] == [40_000]
    assert await desk.ledger() == {"charged": 40_000, "refunded": 40_000}
    assert await balance_in(desk, "usd") == await moved(desk)


async def test_a_refund_of_converted_money_that_comes_back_is_owed_again(desk: Desk) -> None:
    milestone, payment = await converted(desk)
    await desk.settle(milestone, payment, 0)
    await desk.work()
    await desk.stripe.play(f"/refunds/{(await desk.stripe.objects('refund'))[0]['id']}/fail")
    await desk.carry()
    assert await desk.ledger() == {"charged": 40_000, "in_transit": 40_000}
    assert await balance_in(desk, "usd") == await moved(desk)


async def test_a_release_of_converted_money_says_that_a_person_has_to_look(desk: Desk) -> None:
    """What was agreed in francs cannot be sent in dollars: nothing is sent, and the reason is shown."""
    await desk.onboarded()
    milestone, payment = await converted(desk)
    await desk.settle(milestone, payment)
    await desk.work()
    assert [one.reason for one in desk.said(SettlementBlocked)] == ["under_review"]
    assert await desk.stripe.objects("transfer") == []


async def test_nothing_is_quoted_in_a_currency_that_is_not_settled(desk: Desk) -> None:
    settings = desk.stage.service.settings.model_copy(update={"settlement_currencies": ("usd",)})
    desk.stage.service.settings = settings
    answer = await desk.stage.call(ADA, "POST", "/v1/quotes", {"amount": 10_000, "currency": "chf"})
    assert answer.status_code == 422


@pytest.mark.parametrize("named", ["usd,xxx", ","])
def test_a_currency_nobody_knows_is_refused_at_start(named: str) -> None:
    with pytest.raises(ValueError, match="currenc"):
        PaymentsSettings(database_url="x", bus_url="x", jwks_url="x", settlement_currencies=named)  # type: ignore[arg-type]
