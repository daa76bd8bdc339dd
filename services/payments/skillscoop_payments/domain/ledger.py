"""Double-entry bookkeeping: accounts, journals and the posting of each flow. Corrections are journals of their own.

A journal names its source (`source_kind`, `source_id`, `leg`) once and for ever, so booking the same thing twice is
impossible in the database. Amounts are positive minor units of one currency; the side carries the sign.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from skillscoop_messages.money import Money

from skillscoop_payments.domain.errors import Unbalanced

Side = Literal["debit", "credit"]
SourceKind = Literal["booking", "operation", "settlement", "payment"]
Leg = Literal[
    "fund", "refuse", "decide", "transfer", "fee", "refund", "refund_failed", "convert", "overpaid", "got_back"
]

INCOME = frozenset({"fee_revenue"})
LIABILITIES = frozenset({"held", "release_due", "refund_due", "suspense"})


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its kind, and for what is owed per milestone the milestone's id."""

    kind: str
    milestone_id: str | None = None

    @property
    def name(self) -> str:
        """`held:ms_…`, or the bare kind."""
        return f"{self.kind}:{self.milestone_id}" if self.milestone_id else self.kind


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a journal: a positive `amount` on an account."""

    account: Account
    side: Side
    amount: int


@dataclass(frozen=True, slots=True)
class Journal:
    """One balanced booking. The source is what it records; the same source and leg is never booked twice."""

    source_kind: SourceKind
    source_id: str
    leg: Leg
    currency: str
    lines: tuple[Line, ...]


STRIPE_BALANCE = Account("stripe_balance")
STRIPE_FEES = Account("stripe_fees")
FEE_REVENUE = Account("fee_revenue")
CONVERSION = Account("conversion")
"""Between two currencies: what the provider took in the one and booked in the other. It never balances by itself."""


def held(milestone_id: str) -> Account:
    """What we hold for a milestone."""
    return Account("held", milestone_id)


def release_due(milestone_id: str) -> Account:
    """What is decided for the freelancer and not yet transferred."""
    return Account("release_due", milestone_id)


def refund_due(milestone_id: str) -> Account:
    """What is decided for the client and not yet refunded."""
    return Account("refund_due", milestone_id)


def suspense(milestone_id: str) -> Account:
    """Money nobody wants, until it is on its way back."""
    return Account("suspense", milestone_id)


def post(
    source_kind: SourceKind,
    source_id: str,
    leg: Leg,
    currency: str,
    debits: Iterable[tuple[Account, int]],
    credits: Iterable[tuple[Account, int]],
) -> Journal:
    """A journal of these sides; sides of 0 are left out. Raises Unbalanced."""
    lines = (
        *(Line(account, "debit", amount) for account, amount in debits if amount != 0),
        *(Line(account, "credit", amount) for account, amount in credits if amount != 0),
    )
    journal = Journal(source_kind, source_id, leg, currency, lines)
    check(journal)
    return journal


def check(journal: Journal) -> None:
    """Raise Unbalanced unless the journal has two lines or more, all positive, with equal sides."""
    if len(journal.lines) < 2 or any(line.amount <= 0 for line in journal.lines):
        raise Unbalanced(f"{journal.leg} of {journal.source_id}: a journal needs two positive lines or more")
    if total(journal.lines, "debit") != total(journal.lines, "credit"):
        raise Unbalanced(f"{journal.leg} of {journal.source_id}: debits and credits differ")


def total(lines: Iterable[Line], side: Side) -> int:
    """The sum of one side."""
    return sum(line.amount for line in lines if line.side == side)


def fund_converted(
    booking_ref: str, paid: Money, booked: Money, milestone_id: str, *, cost: int, wanted: bool
) -> list[Journal]:
    """A payment in a currency the platform does not settle in: `paid` is owed, `booked` is on our balance for it.

    `cost` is Stripe's, of what was booked.
    """
    home = held(milestone_id) if wanted else suspense(milestone_id)
    return [
        post("booking", booking_ref, "fund", paid.currency, [(CONVERSION, paid.amount)], [(home, paid.amount)]),
        post(
            "booking",
            booking_ref,
            "convert",
            booked.currency,
            [(STRIPE_BALANCE, booked.amount - cost), (STRIPE_FEES, cost)],
            [(CONVERSION, booked.amount)],
        ),
    ]


def converted(journal: Journal, moved: Money) -> list[Journal]:
    """The same movement where our balance has another currency: `moved` is what Stripe booked there for it."""
    lines = tuple(
        Line(CONVERSION, line.side, line.amount) if line.account == STRIPE_BALANCE else line for line in journal.lines
    )
    ours = next(line.side for line in journal.lines if line.account == STRIPE_BALANCE)
    balance, between = [(STRIPE_BALANCE, moved.amount)], [(CONVERSION, moved.amount)]
    debits, credits = (balance, between) if ours == "debit" else (between, balance)
    return [
        replace(journal, lines=lines),
        post(journal.source_kind, journal.source_id, "convert", moved.currency, debits, credits),
    ]


def fund(booking_ref: str, currency: str, milestone_id: str, *, gross: int, cost: int, wanted: bool) -> Journal:
    """A payment reached our balance: `gross` is held, or in suspense when nobody wants it; `cost` is Stripe's."""
    home = held(milestone_id) if wanted else suspense(milestone_id)
    return post(
        "booking",
        booking_ref,
        "fund",
        currency,
        [(STRIPE_BALANCE, gross - cost), (STRIPE_FEES, cost)],
        [(home, gross)],
    )


def refuse(payment_id: str, currency: str, milestone_id: str, amount: int) -> Journal:
    """Held money turned out to be unwanted."""
    return post(
        "payment", payment_id, "refuse", currency, [(held(milestone_id), amount)], [(suspense(milestone_id), amount)]
    )


def decide(
    settlement_id: str, currency: str, milestone_id: str, *, to_freelancer: int, to_client: int, unwanted: bool
) -> Journal:
    """The decision: what was held (or unwanted) is now owed to the one, the other, or both."""
    home = suspense(milestone_id) if unwanted else held(milestone_id)
    return post(
        "settlement",
        settlement_id,
        "decide",
        currency,
        [(home, to_freelancer + to_client)],
        [(release_due(milestone_id), to_freelancer), (refund_due(milestone_id), to_client)],
    )


def transfer(operation_id: str, currency: str, milestone_id: str, *, gross: int, fee: int) -> Journal:
    """The freelancer's share left our balance net of our fee."""
    return post(
        "operation",
        operation_id,
        "transfer",
        currency,
        [(release_due(milestone_id), gross)],
        [(STRIPE_BALANCE, gross - fee), (FEE_REVENUE, fee)],
    )


def fee_only(settlement_id: str, currency: str, milestone_id: str, gross: int) -> Journal:
    """The fee took the whole share: nothing is transferred, the fee is earned all the same."""
    return post(
        "settlement", settlement_id, "fee", currency, [(release_due(milestone_id), gross)], [(FEE_REVENUE, gross)]
    )


def refund(debit_ref: str, currency: str, milestone_id: str, amount: int) -> Journal:
    """A refund left our balance."""
    return post(
        "booking", debit_ref, "refund", currency, [(refund_due(milestone_id), amount)], [(STRIPE_BALANCE, amount)]
    )


def refund_failed(credit_ref: str, currency: str, milestone_id: str, amount: int) -> Journal:
    """A refund came back to our balance: the client is owed again."""
    return post(
        "booking",
        credit_ref,
        "refund_failed",
        currency,
        [(STRIPE_BALANCE, amount)],
        [(refund_due(milestone_id), amount)],
    )


def overpaid(ref: str, currency: str, milestone_id: str, amount: int) -> Journal:
    """Money went out a second time for the same call: in suspense until a person has got it back."""
    return post(
        "booking", ref, "overpaid", currency, [(Account("overpaid", milestone_id), amount)], [(STRIPE_BALANCE, amount)]
    )


def got_back(ref: str, currency: str, milestone_id: str, amount: int) -> Journal:
    """Money that went out twice came back to our balance."""
    return post(
        "booking", ref, "got_back", currency, [(STRIPE_BALANCE, amount)], [(Account("overpaid", milestone_id), amount)]
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """A posted line, as the view of a contract needs it: which leg it belongs to, on what kind of account."""

    leg: str
    kind: str
    side: Side
    amount: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the money of a contract is; `charged` is always the sum of the rest. Minor units of one currency."""

    charged: int
    held: int
    in_transit: int
    released: int
    refunded: int
    fees: int
    charged_back: int


def standing(entries: Sequence[Entry], unbooked: int = 0) -> Standing:
    """Sum up posted lines. `unbooked` is money the provider has taken and not yet booked: charged and held already."""
    charged = sum(_of(entries, "credit", kinds={"held", "suspense"}, legs={"fund"}))
    return Standing(
        charged=charged + unbooked,
        held=_balance(entries, "held") + unbooked,
        in_transit=sum(_balance(entries, kind) for kind in ("suspense", "release_due", "refund_due")),
        released=sum(_of(entries, "credit", kinds={"stripe_balance"}, legs={"transfer"})),
        refunded=sum(_of(entries, "credit", kinds={"stripe_balance", "conversion"}, legs={"refund"}))
        - sum(_of(entries, "debit", kinds={"stripe_balance", "conversion"}, legs={"refund_failed"})),
        fees=_balance(entries, "fee_revenue"),
        charged_back=0,
    )


def _of(entries: Sequence[Entry], side: Side, *, kinds: set[str], legs: set[str]) -> Iterable[int]:
    return (entry.amount for entry in entries if entry.side == side and entry.kind in kinds and entry.leg in legs)


def _balance(entries: Sequence[Entry], kind: str) -> int:
    """Credits less debits: what stands on accounts of a kind we owe or earn."""
    return sum(entry.amount if entry.side == "credit" else -entry.amount for entry in entries if entry.kind == kind)


def balances(journals: Iterable[Journal]) -> Mapping[Account, int]:
    """Credits less debits per account over many journals."""
    sums: dict[Account, int] = {}
    for journal in journals:
        for line in journal.lines:
            sums[line.account] = sums.get(line.account, 0) + (line.amount if line.side == "credit" else -line.amount)
    return sums
