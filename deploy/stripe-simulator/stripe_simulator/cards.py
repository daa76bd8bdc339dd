"""The test cards: what happens when each of them pays."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decline:
    """How a bank refuses: Stripe's code, the finer decline code if any, and words for the payer."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Card:
    """A test card. `challenge`: 3-D Secure comes first. `settled`: its money is available at once.

    `refund` is `succeeds`, `pends` (then succeeds) or `fails` (after it succeeded). `refused_at_attach`: a declined
    card cannot be saved either.
    """

    name: str
    number: str
    brand: str = "visa"
    decline: Decline | None = None
    challenge: bool = False
    settled: bool = False
    refund: str = "succeeds"
    refused_at_attach: bool = True


def _declined(decline_code: str) -> Decline:
    return Decline("card_declined", decline_code, "Your card was declined.")


_SHORT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")

CARDS = {
    card.name: card
    for card in (
        Card("visa", "4242424242424242"),
        Card("mastercard", "5555555555554444", "mastercard"),
        Card("bypassPending", "4000000000000077", settled=True),
        Card("chargeDeclined", "4000000000000002", decline=_declined("generic_decline")),
        Card("chargeDeclinedInsufficientFunds", "4000000000009995", decline=_SHORT),
        Card("chargeDeclinedLostCard", "4000000000009987", decline=_declined("lost_card")),
        Card("chargeDeclinedStolenCard", "4000000000009979", decline=_declined("stolen_card")),
        Card(
            "chargeDeclinedExpiredCard",
            "4000000000000069",
            decline=Decline("expired_card", None, "Your card has expired."),
        ),
        Card(
            "chargeDeclinedIncorrectCvc",
            "4000000000000127",
            decline=Decline("incorrect_cvc", None, "Your card's security code is incorrect."),
        ),
        Card(
            "chargeDeclinedProcessingError",
            "4000000000000119",
            decline=Decline("processing_error", None, "The card could not be processed. Try again in a while."),
        ),
        Card(
            "chargeCustomerFail",
            "4000000000000341",
            decline=_declined("generic_decline"),
            refused_at_attach=False,
        ),
        Card("authenticationRequired", "4000002760003184", challenge=True),
        Card("authenticationRequiredOnSetup", "4000002500003155", challenge=True),
        Card("threeDSecure2Required", "4000000000003220", challenge=True),
        Card(
            "authenticationRequiredChargeDeclinedInsufficientFunds",
            "4000008260003178",
            challenge=True,
            decline=_SHORT,
            refused_at_attach=False,
        ),
        Card("pendingRefund", "4000000000007726", refund="pends"),
        Card("refundFail", "4000000000005126", refund="fails"),
    )
}
"""By the part of the test payment method's id after `pm_card_`."""

BY_NUMBER = {card.number: card for card in CARDS.values()}


def card_of(payment_method: str) -> Card | None:
    """The card behind a test id such as `pm_card_visa` or `pm_card_visa_chargeDeclined`."""
    if not payment_method.startswith("pm_card_"):
        return None
    name = payment_method.removeprefix("pm_card_")
    return CARDS.get(name) or CARDS.get(name.removeprefix("visa_"))
