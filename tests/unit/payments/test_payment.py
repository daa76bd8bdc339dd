"""A payment's life: every state against everything that can be seen, wished or decided."""

from dataclasses import replace
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skillscoop_payments.domain import payment as payments
from skillscoop_payments.domain.errors import IllegalTransition, NotHeld
from skillscoop_payments.domain.payment import DEAD, OPEN, PAID, TRANSITIONS, About, Payment, State
from skillscoop_payments.domain.snapshots import Booking, Failure, PaymentSnapshot, PaymentStatus

STATES: tuple[State, ...] = get_args(State)
STATUSES: tuple[PaymentStatus, ...] = get_args(PaymentStatus)
KINDS = ("checkout", "payment_intent", "method")
ABOUT = About("ctr_1", "ms_1", "ada", "grace", "A job", "Part one", 5_000, "usd", 1)
BOOKING = Booking("txn_1", 5_000, 175, 4_825, "usd")
DECLINE = Failure("card_declined", "No.")
FACTS = {
    payments.ActionRequired: payments.ActionRequired("confirm"),
    payments.WentProcessing: payments.WentProcessing(),
    payments.Held: payments.Held(5_000),
    payments.Failed: payments.Failed(DECLINE),
    payments.Canceled: payments.Canceled("client"),
    payments.Refused: payments.Refused("already_funded"),
    payments.SettlementBegun: payments.SettlementBegun(),
    payments.Settled: payments.Settled(),
    payments.Returned: payments.Returned(),
}


def a_payment(state: State = "created", kind: payments.Kind = "payment_intent", **more: object) -> Payment:
    known = replace(Payment("pay_1", "fnd_1", ABOUT, kind, state=state, intent_ref="pi_1"), **more)
    return replace(known, paid=5_000) if state in PAID else known


def a_snapshot(status: PaymentStatus, **more: object) -> PaymentSnapshot:
    snapshot = PaymentSnapshot(status, intent_ref="pi_1", client_secret="pi_1_secret")
    if status == "paid":
        snapshot = replace(snapshot, paid=5_000, charge_ref="ch_1")
    return replace(snapshot, **more)


@pytest.mark.parametrize(("state", "fact"), list(product(STATES, FACTS)))
def test_every_move_is_in_the_table_or_impossible(state: State, fact: type[payments.Fact]) -> None:
    before = a_payment(state)
    origins, target = TRANSITIONS[fact]
    if state in origins:
        after = payments.apply(before, FACTS[fact])
        assert (after.state, after.version) == (target, before.version + 1)
    else:
        with pytest.raises(IllegalTransition):
            payments.apply(before, FACTS[fact])


@pytest.mark.parametrize(("state", "status", "kind"), list(product(STATES, STATUSES, KINDS)))
def test_a_snapshot_moves_forward_or_not_at_all_and_a_second_one_changes_nothing(
    state: State, status: PaymentStatus, kind: payments.Kind
) -> None:
    before = a_payment(state, kind)
    after = payments.apply_all(before, payments.observe(before, a_snapshot(status, booking=BOOKING)))
    if state in PAID:
        assert after.state == state
    elif state in DEAD:
        assert after.state == ("held" if status == "paid" else state)
    else:
        expected = {"dead": "canceled", "paid": "held", "processing": "processing"}
        assert after.state == expected.get(status, "requires_action")
    assert payments.observe(after, a_snapshot(status, booking=BOOKING)) == []
    assert after.booked == (status == "paid")


@given(st.permutations([a_snapshot("awaiting_payer"), a_snapshot("processing"), a_snapshot("paid"),
                        a_snapshot("paid", booking=BOOKING), a_snapshot("paid", booking=BOOKING)]))  # fmt: skip
def test_snapshots_in_any_order_end_held_and_booked_once(snapshots: list[PaymentSnapshot]) -> None:
    payment, facts = a_payment(), []
    for snapshot in snapshots:
        told = payments.observe(payment, snapshot)
        payment, facts = payments.apply_all(payment, told), [*facts, *told]
    assert (payment.state, payment.paid, payment.booking) == ("held", 5_000, BOOKING)
    assert sum(isinstance(fact, payments.Held) for fact in facts) == 1
    assert sum(isinstance(fact, payments.Booked) for fact in facts) == 1
    assert payment.secret is None


@pytest.mark.parametrize("state", STATES)
def test_a_cancel_is_carried_out_asked_for_or_answered_again(state: State) -> None:
    payment = a_payment(state, cancel_reason="client" if state == "canceled" else None)
    facts = payments.cancel(payment, "client", untouched=False)
    if state in OPEN:
        assert facts == [payments.CancelWanted("client")]
        assert payments.cancel(payment, "client", untouched=True) == [payments.Canceled("client")]
        assert payments.answer(payment) is None
    else:
        assert facts == [payments.AnswerRepeated()]
        assert payments.answer(payment) is not None


def test_an_open_payment_that_shall_end_is_closed_at_the_provider_but_not_while_it_processes() -> None:
    wanted = payments.apply(a_payment("requires_action"), payments.CancelWanted("client"))
    assert payments.must_close(wanted)
    assert not payments.must_close(replace(wanted, state="processing"))
    assert not payments.must_close(replace(wanted, intent_ref=None))
    assert not payments.must_close(replace(wanted, state="held"))
    assert payments.available_actions(wanted) == []


def test_a_declined_method_is_closed_and_a_declined_page_stays_open() -> None:
    for kind, closes in (("method", True), ("payment_intent", False), ("checkout", False)):
        payment = a_payment("created", kind)  # type: ignore[arg-type]
        after = payments.apply_all(payment, payments.observe(payment, a_snapshot("awaiting_payer", failure=DECLINE)))
        assert payments.must_close(after) is closes
        assert after.declined == DECLINE
        dead = payments.apply_all(after, payments.observe(after, a_snapshot("dead")))
        assert dead.state == "failed"


def test_money_is_refused_once_and_only_where_it_is() -> None:
    held = a_payment("held")
    refused = payments.apply_all(held, payments.refuse(held, "already_funded"))
    assert refused.state == "settling"
    assert payments.refuse(refused, "already_funded") == []
    assert payments.apply_all(refused, payments.deliver(refused)).state == "returned"
    for state in STATES:
        if state != "held":
            with pytest.raises(NotHeld):
                payments.settle(a_payment(state))


def test_money_booked_in_another_currency_is_booked_and_known_as_converted() -> None:
    payment = a_payment()
    euros = replace(BOOKING, currency="eur")
    after = payments.apply_all(payment, payments.observe(payment, a_snapshot("paid", booking=euros)))
    assert (after.state, after.booked, after.converted) == ("held", True, True)
