"""Whether others are told of a fact is decided for each of them."""

from typing import Any, get_args

import pytest
from skillscoop_payments import publish
from skillscoop_payments.domain import payment, payout_account, settlement
from skillscoop_payments.domain.payment import About, Payment

FACTS = {
    "payment": (payment.Fact, publish.PAYMENT_EVENTS, publish.PAYMENT_TOLD_TO_NOBODY),
    "settlement": (settlement.Fact, publish.SETTLEMENT_EVENTS, publish.SETTLEMENT_TOLD_TO_NOBODY),
    "payout account": (payout_account.Fact, publish.ACCOUNT_EVENTS, publish.ACCOUNT_TOLD_TO_NOBODY),
}


@pytest.mark.parametrize("what", FACTS)
def test_every_fact_is_told_to_others_or_listed_as_told_to_nobody(what: str) -> None:
    facts, events, told_to_nobody = FACTS[what]
    assert set(events) | told_to_nobody == set(get_args(facts))
    assert set(events) & told_to_nobody == set()


def test_a_fact_nobody_decided_about_is_an_error() -> None:
    """Given a fact that no table names, when it is to be told, then that fails instead of being silent."""

    class Unheard:
        pass

    unheard: Any = Unheard()
    about = About("ctr_1", "mil_1", "ada", "grace", "Title", "Work", 5_000, "usd", 1)
    with pytest.raises(KeyError):
        publish.payment_event(Payment("pay_1", "fun_1", about, "checkout"), unheard)
