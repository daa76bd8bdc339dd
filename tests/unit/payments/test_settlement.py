"""A settlement's legs, alone and together."""

from dataclasses import replace
from itertools import product
from typing import get_args

import pytest
from skillscoop_payments.domain import settlement as settlements
from skillscoop_payments.domain.errors import IllegalTransition, SplitDoesNotMatch
from skillscoop_payments.domain.payment import About
from skillscoop_payments.domain.settlement import LEG_TRANSITIONS, Leg, Settlement
from skillscoop_payments.domain.snapshots import RefundSnapshot

ABOUT = About("ctr_1", "ms_1", "ada", "grace", "A job", "Part one", 10_000, "usd", 1)
LEGS: tuple[Leg, ...] = get_args(Leg)
FACTS = {
    settlements.TransferSent: settlements.TransferSent(),
    settlements.FeeTookAll: settlements.FeeTookAll(),
    settlements.TransferMade: settlements.TransferMade("op_1"),
    settlements.TransferGivenUp: settlements.TransferGivenUp(),
    settlements.RefundSent: settlements.RefundSent(),
    settlements.RefundWaits: settlements.RefundWaits(),
    settlements.RefundMade: settlements.RefundMade(),
    settlements.RefundBroke: settlements.RefundBroke(),
}
DONE = RefundSnapshot("re_1", 6_000, "delivered", debit_ref="txn_1")


def decided(to_freelancer: int, *, bps: int = 0, fixed: int = 0) -> Settlement:
    return settlements.decide(
        "stl_1",
        "pay_1",
        ABOUT,
        held=10_000,
        to_freelancer=to_freelancer,
        to_client=10_000 - to_freelancer,
        bps=bps,
        fixed=fixed,
    )


def after(settlement: Settlement, facts: list[settlements.Fact]) -> Settlement:
    return settlements.apply_all(settlement, facts)


def running(to_freelancer: int) -> Settlement:
    settlement = decided(to_freelancer)
    return after(settlement, settlements.advance(settlement, booked=True, payee_ready=True))


@pytest.mark.parametrize(("leg", "fact"), list(product(LEGS, FACTS)))
def test_every_move_of_a_leg_is_in_the_table_or_impossible(leg: Leg, fact: type[settlements.Fact]) -> None:
    base = decided(5_000)
    before = replace(base, transfer=leg, refund=leg)
    origins, target = LEG_TRANSITIONS[fact]
    if leg not in origins:
        with pytest.raises(IllegalTransition):
            settlements.apply(before, FACTS[fact])
        return
    moved = settlements.apply(before, FACTS[fact])
    assert target in (moved.transfer, moved.refund)


@pytest.mark.parametrize(("to_freelancer", "to_client"), [(10_001, -1), (-1, 10_001), (1, 1), (10_000, 1)])
def test_parts_that_do_not_make_up_what_is_held_are_refused(to_freelancer: int, to_client: int) -> None:
    with pytest.raises(SplitDoesNotMatch):
        settlements.decide(
            "stl_1", "pay_1", ABOUT, held=10_000, to_freelancer=to_freelancer, to_client=to_client, bps=0, fixed=0
        )


def test_the_fee_never_exceeds_the_share() -> None:
    assert (decided(10_000, bps=500, fixed=30).fee, decided(20, fixed=30).fee) == (530, 20)
    assert decided(20, fixed=30).net == 0


@pytest.mark.parametrize("to_freelancer", [0, 1, 9_999, 10_000])
def test_nothing_starts_before_the_ledger_has_the_money(to_freelancer: int) -> None:
    settlement = decided(to_freelancer)
    facts = settlements.advance(settlement, booked=False, payee_ready=True)
    assert facts[-1] == settlements.Blocked("payment_unposted")
    waiting = after(settlement, facts)
    assert settlements.advance(waiting, booked=False, payee_ready=True) == []


def test_a_split_completes_when_both_legs_are_done_in_either_order() -> None:
    for refund_first in (True, False):
        settlement = running(4_000)
        steps = [
            lambda s: settlements.refund_observed(s, DONE),
            lambda s: settlements.transferred(s, "op_1"),
        ]
        completions = []
        for step in steps if refund_first else reversed(steps):
            facts = step(settlement)
            completions.append(settlements.Completed() in facts)
            settlement = after(settlement, facts)
            assert step(settlement) == []
        assert completions == [False, True]
        assert settlement.state == "completed"


def test_the_payee_is_waited_for_and_told_of_once() -> None:
    settlement = decided(10_000)
    facts = settlements.advance(settlement, booked=True, payee_ready=False)
    assert settlements.Blocked("payee_not_ready") in facts
    waiting = after(settlement, facts)
    assert settlements.advance(waiting, booked=True, payee_ready=False) == []
    assert settlements.TransferSent() in settlements.advance(waiting, booked=True, payee_ready=True)


def test_a_refund_is_believed_only_when_it_left_the_balance() -> None:
    settlement = running(0)
    early = RefundSnapshot("re_1", 10_000, "delivered")
    assert settlements.refund_observed(settlement, early) == []
    facts = settlements.refund_observed(settlement, DONE)
    assert facts == [settlements.RefundDebited("txn_1"), settlements.RefundMade(), settlements.Completed()]


def test_a_refund_that_breaks_after_success_reopens_the_debt_and_not_the_settlement() -> None:
    settlement = after(running(0), settlements.refund_observed(running(0), DONE))
    broke = RefundSnapshot("re_1", 10_000, "failed", debit_ref="txn_1", credit_ref="txn_2")
    facts = settlements.refund_observed(settlement, broke)
    assert facts == [settlements.RefundCredited("txn_2"), settlements.RefundBroke()]
    again = after(settlement, facts)
    assert (again.state, again.refund) == ("completed", "failed")
    assert settlements.refund_observed(again, broke) == []


def test_what_only_a_person_can_resolve_is_told_first() -> None:
    settlement = decided(4_000)
    settlement = after(settlement, settlements.advance(settlement, booked=True, payee_ready=False))
    pending = RefundSnapshot("re_1", 6_000, "pending", debit_ref="txn_1")
    facts = settlements.refund_observed(settlement, pending)
    assert not any(isinstance(fact, settlements.Blocked) for fact in facts)
    assert after(settlement, facts).blocked_reason == "payee_not_ready"


def test_parts_and_fees_of_a_three_decimal_currency_are_in_whole_tens() -> None:
    """Given dinars, of which Stripe moves whole tens of fils only, when they are split, then the fee leaves whole
    tens to transfer, and parts that are not whole tens are refused."""
    about = replace(ABOUT, currency="kwd")
    given = {"held": 12_340, "bps": 1_000, "fixed": 50}
    settlement = settlements.decide("stl_1", "pay_1", about, to_freelancer=6_170, to_client=6_170, **given)
    assert (settlement.fee, settlement.net) == (670, 5_500)
    with pytest.raises(SplitDoesNotMatch):
        settlements.decide("stl_1", "pay_1", about, to_freelancer=6_175, to_client=6_165, **given)
