"""What a snapshot, a wish or a decision means for a payment, and the payment after it."""

from dataclasses import replace

from skillscoop_payments.domain.errors import IllegalTransition, NotHeld
from skillscoop_payments.domain.payment.facts import (
    AFTER_SNAPSHOT,
    DEAD,
    OPEN,
    PAID,
    TRANSITIONS,
    Action,
    ActionRequired,
    AnswerRepeated,
    Booked,
    Canceled,
    CancelWanted,
    Declined,
    Fact,
    Failed,
    Held,
    Noted,
    Payment,
    Refused,
    Returned,
    Settled,
    SettlementBegun,
    State,
    WentProcessing,
)
from skillscoop_payments.domain.snapshots import Failure, PaymentSnapshot


def observe(payment: Payment, snapshot: PaymentSnapshot) -> list[Fact]:
    """What the provider's present state of the payment means. Seen twice or out of order it means nothing new."""
    facts: list[Fact] = [*_noted(payment, snapshot)]
    if payment.state in OPEN:
        facts += _while_open(payment, snapshot)
    elif payment.state in DEAD and snapshot.status == "paid":
        facts.append(Held(snapshot.paid))
    if payment.second_of is not None and any(isinstance(fact, Held) for fact in facts):
        facts.append(Refused("second_payment"))
    if snapshot.status == "paid" and snapshot.booking is not None and not payment.booked:
        facts.append(Booked(snapshot.booking))
    return facts


def is_second(payment: Payment, snapshot: PaymentSnapshot) -> bool:
    """Whether this is another object than the one known: made twice, it is never taken for the first.

    A payment that is over holds nothing: what is paid for it all the same is its own, and contracts decides about it.
    """
    return another_object(payment, snapshot) and not (payment.state in DEAD and snapshot.status == "paid")


def another_object(payment: Payment, snapshot: PaymentSnapshot) -> bool:
    """Whether the provider made this beside the object we know."""
    pages = None not in (payment.checkout_ref, snapshot.checkout_ref)
    if payment.kind == "checkout" and pages:
        return payment.checkout_ref != snapshot.checkout_ref
    return None not in (payment.intent_ref, snapshot.intent_ref) and payment.intent_ref != snapshot.intent_ref


def second(payment: Payment, payment_id: str, ref: str) -> Payment:
    """A payment of its own for a second object `ref` of this one. Nobody wants it."""
    return Payment(
        payment_id,
        f"{payment.funding_id}:{ref}",
        payment.about,
        payment.kind,
        method=payment.method,
        cancel_reason="second_payment",
        second_of=payment.id,
    )


def enough_declines(payment: Payment, declines: int, most: int) -> list[Fact]:
    """A payment on which so many cards were declined is closed: somebody is trying out cards that are not theirs."""
    tried_out = payment.state in OPEN and payment.cancel_reason is None and declines >= most
    return [CancelWanted("too_many_declines")] if tried_out else []


def _while_open(payment: Payment, snapshot: PaymentSnapshot) -> list[Fact]:
    target = AFTER_SNAPSHOT[snapshot.status]
    if target == "held":
        return [Held(snapshot.paid)]
    if target == "dead":
        return [_death(payment)]
    if target == "processing":
        return [] if payment.state == "processing" else [WentProcessing()]
    return _asked_of_the_client(payment, snapshot)


def _asked_of_the_client(payment: Payment, snapshot: PaymentSnapshot) -> list[Fact]:
    facts: list[Fact] = []
    if snapshot.failure is not None and snapshot.failure != payment.declined:
        # With a given payment method nobody can try another card: the payment is over, the provider must be told.
        facts.append(Declined(snapshot.failure, close=payment.kind == "method"))
    over = payment.kind == "method" and snapshot.failure is not None
    if payment.state != "requires_action" and not over:
        facts.append(ActionRequired(_action(payment, snapshot)))
    return facts


def _action(payment: Payment, snapshot: PaymentSnapshot) -> Action:
    if payment.kind == "checkout":
        return "checkout"
    return "authenticate" if snapshot.status == "awaiting_authentication" else "confirm"


def _death(payment: Payment) -> Failed | Canceled:
    """A canceled payment died of the cancel, where one was wanted; else of its last decline; else by itself."""
    if payment.cancel_reason is not None:
        return Canceled(payment.cancel_reason)
    if payment.declined is not None:
        return Failed(payment.declined)
    return Canceled("expired")


def _noted(payment: Payment, snapshot: PaymentSnapshot) -> list[Noted]:
    """Only what is new: an older snapshot, which may know less, never unlearns anything."""
    payable = payment.state in OPEN and snapshot.status in ("awaiting_payer", "awaiting_authentication")
    # The hosted page is where this client pays, whatever page a bank may want to show in between.
    pages = payment.kind != "checkout" or snapshot.checkout_ref is not None
    noted = Noted(
        snapshot.intent_ref or payment.intent_ref,
        snapshot.checkout_ref or payment.checkout_ref,
        snapshot.charge_ref or payment.charge_ref,
        (snapshot.client_secret if payable and payment.kind != "checkout" else None) or payment.secret,
        (snapshot.checkout_url if payable and pages else None) or payment.checkout_url,
    )
    return [] if noted == _known(payment) else [noted]


def _known(payment: Payment) -> Noted:
    return Noted(payment.intent_ref, payment.checkout_ref, payment.charge_ref, payment.secret, payment.checkout_url)


def never_made(payment: Payment) -> list[Fact]:
    """Surely nothing exists at the provider, and nothing is under way: a wish to cancel comes true at once."""
    if payment.state == "created" and payment.cancel_reason is not None:
        return [Canceled(payment.cancel_reason)]
    return []


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

    Raises IllegalTransition for a fact that cannot happen in this state, which no decision here ever gives.
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
    origins, target = TRANSITIONS[type(fact)]
    if state not in origins:
        raise IllegalTransition(type(fact).__name__, state)
    return target


def apply_all(payment: Payment, facts: list[Fact]) -> Payment:
    """The payment after all facts, in order."""
    for fact in facts:
        payment = apply(payment, fact)
    return payment


def available_actions(payment: Payment) -> list[tuple[str, str]]:
    """Available actions as (action, actor)."""
    return [("pay", "client")] if payment.state == "requires_action" and payment.cancel_reason is None else []
