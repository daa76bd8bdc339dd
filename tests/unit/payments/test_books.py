"""The books over whole lives of milestones: whatever happens, in whatever order, nothing is lost or doubled."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skillscoop_payments.domain import ledger
from skillscoop_payments.domain import payment as payments
from skillscoop_payments.domain import settlement as settlements
from skillscoop_payments.domain.errors import Unbalanced
from skillscoop_payments.domain.ledger import STRIPE_BALANCE, STRIPE_FEES, Entry, Journal
from skillscoop_payments.domain.payment import About, Payment
from skillscoop_payments.domain.settlement import Settlement
from skillscoop_payments.domain.snapshots import Booking, PaymentSnapshot, RefundSnapshot
from skillscoop_payments.usecases.settling import journal_of


@dataclass
class Life:
    """A milestone's money from funding to its end, with the books it leaves."""

    price: int
    cost: int
    to_freelancer: int
    bps: int
    unwanted: bool
    payment: Payment = field(init=False)
    settlement: Settlement | None = None
    journals: list[Journal] = field(default_factory=list)

    def __post_init__(self) -> None:
        about = About("ctr_1", "ms_1", "ada", "grace", "A job", "Part one", self.price, "usd", 1)
        self.payment = Payment("pay_1", "fnd_1", about, "method")

    def see_payment(self, booked: bool) -> None:
        booking = Booking("txn_fund", self.price, self.cost, self.price - self.cost, "usd") if booked else None
        snapshot = PaymentSnapshot("paid", intent_ref="pi_1", charge_ref="ch_1", paid=self.price, booking=booking)
        before = self.payment.booked
        self.payment = payments.apply_all(self.payment, payments.observe(self.payment, snapshot))
        if self.payment.booked and not before:
            wanted = self.payment.refuse_reason is None
            self.journals.append(
                ledger.fund("txn_fund", "usd", "ms_1", gross=self.price, cost=self.cost, wanted=wanted)
            )
        self.advance(payee_ready=False)

    def decide(self) -> None:
        if self.settlement is not None or self.payment.state != "held":
            return
        about = self.payment.about
        if self.unwanted:
            self.payment = payments.apply_all(self.payment, payments.refuse(self.payment, "contract_over"))
            if self.payment.booked:
                self.journals.append(ledger.refuse("pay_1", "usd", "ms_1", self.price))
            self.settlement = settlements.give_back("stl_1", "pay_1", about, self.price)
        else:
            self.payment = payments.apply_all(self.payment, payments.settle(self.payment))
            self.settlement = settlements.decide(
                "stl_1", "pay_1", about, held=self.price, to_freelancer=self.to_freelancer,
                to_client=self.price - self.to_freelancer, bps=self.bps, fixed=0,
            )  # fmt: skip
        self.advance(payee_ready=False)

    def advance(self, payee_ready: bool) -> None:
        if self.settlement is not None:
            self._take(settlements.advance(self.settlement, booked=self.payment.booked, payee_ready=payee_ready))

    def transferred(self) -> None:
        if self.settlement is not None and self.settlement.transfer == "sent":
            self._take(settlements.transferred(self.settlement, "op_1"))

    def refunded(self, status: str) -> None:
        if self.settlement is None or self.settlement.refund not in ("sent", "pending", "done"):
            return
        credit = "txn_back" if status == "failed" else None
        snapshot = RefundSnapshot("re_1", self.settlement.to_client, status, debit_ref="txn_out", credit_ref=credit)  # type: ignore[arg-type]
        self._take(settlements.refund_observed(self.settlement, snapshot))

    def _take(self, facts: list[settlements.Fact]) -> None:
        assert self.settlement is not None
        self.settlement = settlements.apply_all(self.settlement, facts)
        self.journals += [found for fact in facts if (found := journal_of(self.settlement, fact))]
        if settlements.Completed() in facts:
            self.payment = payments.apply_all(self.payment, payments.deliver(self.payment))

    def check(self) -> None:
        """What holds at every instant."""
        for journal in self.journals:
            ledger.check(journal)
        sources = [(journal.source_kind, journal.source_id, journal.leg) for journal in self.journals]
        assert len(sources) == len(set(sources))
        sums = ledger.balances(self.journals)
        assert sum(sums.values()) == 0
        for account, credit in sums.items():
            if account.kind in ledger.LIABILITIES | ledger.INCOME:
                assert credit >= 0, account
        entries = [
            Entry(journal.leg, line.account.kind, line.side, line.amount)
            for journal in self.journals
            for line in journal.lines
        ]
        stands = ledger.standing(entries)
        parts = (stands.held, stands.in_transit, stands.released, stands.refunded, stands.fees, stands.charged_back)
        assert stands.charged == sum(parts)
        assert min(parts) >= 0
        out = self.price - self.cost if self.payment.booked else 0
        assert -sums.get(STRIPE_BALANCE, 0) == out - stands.released - stands.refunded
        assert -sums.get(STRIPE_FEES, 0) == (self.cost if self.payment.booked else 0)
        if self.payment.state in ("settled", "returned") and self.settlement and self.settlement.refund != "failed":
            assert (stands.held, stands.in_transit) == (0, 0)


STEPS = {
    "paid": lambda life: life.see_payment(booked=False),
    "booked": lambda life: life.see_payment(booked=True),
    "decide": lambda life: life.decide(),
    "payee_ready": lambda life: life.advance(payee_ready=True),
    "transferred": lambda life: life.transferred(),
    "refund_pending": lambda life: life.refunded("pending"),
    "refunded": lambda life: life.refunded("delivered"),
    "refund_failed": lambda life: life.refunded("failed"),
}


@settings(max_examples=300, deadline=None)
@given(
    price=st.integers(50, 99_999_999),
    part=st.integers(0, 10_000),
    bps=st.integers(0, 10_000),
    unwanted=st.booleans(),
    steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=25),
)
def test_whatever_happens_the_books_balance_and_explain_every_unit(
    price: int, part: int, bps: int, unwanted: bool, steps: list[str]
) -> None:
    life = Life(price, price * 29 // 1_000, price * part // 10_000, bps, unwanted)
    for step in [*steps, "booked", "decide", "payee_ready", "transferred"]:
        STEPS[step](life)
        life.check()
    if life.settlement is not None and life.settlement.refund != "failed":
        STEPS["refunded"](life)
        life.check()
        assert life.payment.state in ("settled", "returned")


@pytest.mark.parametrize(
    ("debits", "credits"),
    [([], []), ([(STRIPE_BALANCE, 1)], []), ([(STRIPE_BALANCE, 2)], [(STRIPE_FEES, 1)]),
     ([(STRIPE_BALANCE, -1)], [(STRIPE_FEES, -1)]), ([(STRIPE_BALANCE, 0)], [(STRIPE_FEES, 0)])],
)  # fmt: skip
def test_what_does_not_balance_is_no_journal(
    debits: list[tuple[ledger.Account, int]], credits: list[tuple[ledger.Account, int]]
) -> None:
    with pytest.raises(Unbalanced):
        ledger.post("booking", "txn_1", "fund", "usd", debits, credits)


def test_money_taken_and_not_booked_yet_is_charged_and_held_already() -> None:
    assert ledger.standing([], unbooked=500) == ledger.Standing(500, 500, 0, 0, 0, 0, 0)
