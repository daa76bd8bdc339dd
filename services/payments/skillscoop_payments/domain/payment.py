"""A payment: one try of a client to fund a milestone.

What the provider says is applied by `look`, whoever asked: the answer to our own call, a webhook or the sweeper. Final
states absorb everything but one thing: money that arrives after all is always held, and contracts decides about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from skillscoop_payments.domain.errors import IllegalMove, NotHeld
from skillscoop_payments.domain.observations import Booking, Failure, PaymentSeen, PaymentStatus

State = Literal[
    "created",
    "requires_action",
    "processing",
    "held",
    "settling",
    "settled",
    "failed",
    "canceled",
    "returned",
    "charged_back",
]
Kind = Literal["checkout", "payment_intent", "method"]
Action = Literal["checkout", "confirm", "authenticate"]

OPEN: frozenset[State] = frozenset({"created", "requires_action", "processing"})
DEAD: frozenset[State] = frozenset({"failed", "canceled"})
PAID: frozenset[State] = frozenset({"held", "settling", "settled", "returned", "charged_back"})

# What a look at the provider makes of an open payment. "dead" means failed or canceled, by why it died.
AFTER_LOOK: Mapping[PaymentStatus, State | Literal["dead"]] = MappingProxyType(
    {
        "awaiting_payer": "requires_action",
        "awaiting_authentication": "requires_action",
        "processing": "processing",
        "paid": "held",
        "dead": "dead",
    }
)


@dataclass(frozen=True, slots=True)
class About:
    """Whose money for what: everything other services need to know without asking back."""

    contract_id: str
    milestone_id: str
    client_id: str
    freelancer_id: str
    title: str
    description: str
    amount: int
    currency: str
    revision: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One try to fund a milestone.

    `method` is the caller's payment method where `kind` is "method"; `cancel_reason` is set from the wish to cancel on;
    `refuse_reason` from the moment nobody wants the money; `declined` is why the last card was refused; `booking` is
    what the provider booked on our balance, None until it did. `secret` and `checkout_url` are for the client alone.
    """

    id: str
    funding_id: str
    about: About
    kind: Kind
    state: State = "created"
    version: int = 1
    method: str | None = None
    return_url: str | None = None
    intent_ref: str | None = None
    checkout_ref: str | None = None
    charge_ref: str | None = None
    secret: str | None = None
    checkout_url: str | None = None
    declined: Failure | None = None
    cancel_reason: str | None = None
    refuse_reason: str | None = None
    paid: int = 0
    booking: Booking | None = None

    @property
    def booked(self) -> bool:
        """Whether the provider booked the money on our balance, so that the ledger has it."""
        return self.booking is not None


@dataclass(frozen=True, slots=True)
class Noted:
    """The provider's references, learnt or changed; the client sees nothing new in this alone."""

    intent_ref: str | None
    checkout_ref: str | None
    charge_ref: str | None
    secret: str | None
    checkout_url: str | None


@dataclass(frozen=True, slots=True)
class ActionRequired:
    """The client has to do something."""

    action: Action


@dataclass(frozen=True, slots=True)
class WentProcessing:
    """The provider works on it."""


@dataclass(frozen=True, slots=True)
class Declined:
    """A card was refused. Where the payer can try another one this is only shown; else the payment has to be closed."""

    failure: Failure
    close: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The money is there."""

    paid: int


@dataclass(frozen=True, slots=True)
class Booked:
    """The provider booked it: the ledger may."""

    booking: Booking


@dataclass(frozen=True, slots=True)
class Failed:
    """Dead at the provider without money."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Canceled:
    """Can no longer succeed."""

    reason: str


@dataclass(frozen=True, slots=True)
class CancelWanted:
    """Somebody wants it canceled; the provider has to be asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class AnswerRepeated:
    """The cancel was answered before: the same answer is given again."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody wants the money: it goes back."""

    reason: str


@dataclass(frozen=True, slots=True)
class SettlementBegun:
    """The held money is being settled."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Every part arrived."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Unwanted money went back, all of it."""


Fact = (
    Noted
    | ActionRequired
    | WentProcessing
    | Declined
    | Held
    | Booked
    | Failed
    | Canceled
    | CancelWanted
    | AnswerRepeated
    | Refused
    | SettlementBegun
    | Settled
    | Returned
)

# Every move there is: what happened -> the states it may happen in, and the state it leads to. Money that arrives
# after all is held even where the payment was thought dead.
MOVES: Mapping[type[Fact], tuple[frozenset[State], State]] = MappingProxyType(
    {
        ActionRequired: (OPEN, "requires_action"),
        WentProcessing: (OPEN, "processing"),
        Held: (OPEN | DEAD, "held"),
        Failed: (OPEN, "failed"),
        Canceled: (OPEN, "canceled"),
        Refused: (frozenset({"held"}), "settling"),
        SettlementBegun: (frozenset({"held"}), "settling"),
        Settled: (frozenset({"settling"}), "settled"),
        Returned: (frozenset({"settling"}), "returned"),
    }
)


def look(payment: Payment, seen: PaymentSeen) -> list[Fact]:
    """What the provider's present state of the payment means. Seen twice or out of order it means nothing new."""
    facts: list[Fact] = [*_noted(payment, seen)]
    if payment.state in OPEN:
        facts += _while_open(payment, seen)
    elif payment.state in DEAD and seen.status == "paid":
        facts.append(Held(seen.paid))
    if seen.status == "paid" and seen.booking is not None and not payment.booked:
        # Booked in another currency it cannot be posted: it stays visibly unposted instead of falsifying the ledger.
        facts += [Booked(seen.booking)] if seen.booking.currency == payment.about.currency else []
    return facts


def _while_open(payment: Payment, seen: PaymentSeen) -> list[Fact]:
    target = AFTER_LOOK[seen.status]
    if target == "held":
        return [Held(seen.paid)]
    if target == "dead":
        return [_death(payment)]
    if target == "processing":
        return [] if payment.state == "processing" else [WentProcessing()]
    return _asked_of_the_client(payment, seen)


def _asked_of_the_client(payment: Payment, seen: PaymentSeen) -> list[Fact]:
    facts: list[Fact] = []
    if seen.failure is not None and seen.failure != payment.declined:
        # With a given payment method nobody can try another card: the payment is over, the provider must be told.
        facts.append(Declined(seen.failure, close=payment.kind == "method"))
    over = payment.kind == "method" and seen.failure is not None
    if payment.state != "requires_action" and not over:
        facts.append(ActionRequired(_action(payment, seen)))
    return facts


def _action(payment: Payment, seen: PaymentSeen) -> Action:
    if payment.kind == "checkout":
        return "checkout"
    return "authenticate" if seen.status == "awaiting_authentication" else "confirm"


def _death(payment: Payment) -> Failed | Canceled:
    """A canceled payment died of the cancel, where one was wanted; else of its last decline; else by itself."""
    if payment.cancel_reason is not None:
        return Canceled(payment.cancel_reason)
    if payment.declined is not None:
        return Failed(payment.declined)
    return Canceled("expired")


def _noted(payment: Payment, seen: PaymentSeen) -> list[Noted]:
    """Only what is new: an older look, which may know less, never unlearns anything."""
    payable = payment.state in OPEN and seen.status in ("awaiting_payer", "awaiting_authentication")
    noted = Noted(
        seen.intent_ref or payment.intent_ref,
        seen.checkout_ref or payment.checkout_ref,
        seen.charge_ref or payment.charge_ref,
        (seen.client_secret if payable and payment.kind != "checkout" else None) or payment.secret,
        (seen.checkout_url if payable else None) or payment.checkout_url,
    )
    return [] if noted == _known(payment) else [noted]


def _known(payment: Payment) -> Noted:
    return Noted(payment.intent_ref, payment.checkout_ref, payment.charge_ref, payment.secret, payment.checkout_url)


def reject(payment: Payment, failure: Failure) -> list[Fact]:
    """The provider refused to create it at all: there is nothing there, and never will be."""
    return [Failed(failure)] if payment.state in OPEN else []


def cancel(payment: Payment, reason: str, *, untouched: bool) -> list[Fact]:
    """Somebody wants it canceled. `untouched`: the provider was surely never asked to create it."""
    if payment.state in OPEN:
        return [Canceled(reason)] if untouched else [CancelWanted(reason)]
    return [AnswerRepeated()]


def refuse(payment: Payment, reason: str) -> list[Fact]:
    """Nobody wants this money. Asked again it changes nothing. Raises NotHeld where there is none."""
    if payment.refuse_reason is not None:
        return []
    if payment.state != "held":
        raise NotHeld(payment.state)
    return [Refused(reason)]


def settle(payment: Payment) -> list[Fact]:
    """A settlement of the held money begins. Raises NotHeld."""
    if payment.state != "held":
        raise NotHeld(payment.state)
    return [SettlementBegun()]


def deliver(payment: Payment) -> list[Fact]:
    """Every leg arrived."""
    if payment.state != "settling":
        return []
    return [Settled() if payment.refuse_reason is None else Returned()]


def must_close(payment: Payment) -> bool:
    """Whether the provider has to be asked to end it: a cancel is wanted, or nobody can try another card."""
    unwanted = payment.cancel_reason is not None or (payment.kind == "method" and payment.declined is not None)
    known = payment.intent_ref is not None or payment.checkout_ref is not None
    return unwanted and known and payment.state in ("created", "requires_action")


def answer(payment: Payment) -> Held | Failed | Canceled | None:
    """What a wish to cancel is answered with; None while nobody knows yet."""
    if payment.state in PAID:
        return Held(payment.paid)
    if payment.state == "failed":
        return Failed(payment.declined or Failure("failed", "The payment did not succeed."))
    if payment.state == "canceled":
        return Canceled(payment.cancel_reason or "expired")
    return None


def apply(payment: Payment, fact: Fact) -> Payment:
    """The payment after the fact. The version rises with everything its parties can see.

    Raises IllegalMove for a fact that cannot happen in this state, which no decision here ever gives.
    """
    match fact:
        case Noted():
            return replace(
                payment,
                intent_ref=fact.intent_ref,
                checkout_ref=fact.checkout_ref,
                charge_ref=fact.charge_ref,
                secret=fact.secret,
                checkout_url=fact.checkout_url,
            )
        case Booked():
            return replace(payment, booking=fact.booking)
        case CancelWanted():
            return replace(payment, cancel_reason=payment.cancel_reason or fact.reason)
        case AnswerRepeated():
            return payment
        case Declined():
            return replace(payment, declined=fact.failure, version=payment.version + 1)
    moved = replace(payment, state=_after(payment.state, fact), version=payment.version + 1)
    match fact:
        case Held():
            return replace(moved, paid=fact.paid, secret=None, checkout_url=None)
        case Failed():
            return replace(moved, declined=fact.failure, secret=None, checkout_url=None)
        case Canceled():
            return replace(moved, cancel_reason=fact.reason, secret=None, checkout_url=None)
        case Refused():
            return replace(moved, refuse_reason=fact.reason)
    return moved


def _after(state: State, fact: Fact) -> State:
    origins, target = MOVES[type(fact)]
    if state not in origins:
        raise IllegalMove(type(fact).__name__, state)
    return target


def apply_all(payment: Payment, facts: list[Fact]) -> Payment:
    """The payment after all facts, in order."""
    for fact in facts:
        payment = apply(payment, fact)
    return payment


def next_moves(payment: Payment) -> list[tuple[str, str]]:
    """Open moves as (action, actor)."""
    return [("pay", "client")] if payment.state == "requires_action" and payment.cancel_reason is None else []
