"""Fees and checks of amounts. All amounts are integers in the currency's minor unit."""

from stripe_simulator.errors import bad_parameter
from stripe_simulator.settings import MAXIMUM_CHARGE, MINIMUM_CHARGE, SimulatorSettings
from stripe_simulator.store import Transaction

_EXPONENTS = {"jpy": 0, "kwd": 3}
_STEPS = {"kwd": 10}
"""Three-decimal currencies are charged, refunded and sent in whole tens: the last digit must be 0."""
RATE = 1.1


def stripe_fee(settings: SimulatorSettings, amount: int) -> int:
    """Stripe's share of a charge, rounded half up, never more than the charge."""
    return min(amount, (amount * settings.fee_basis_points + 5_000) // 10_000 + settings.fee_fixed)


def check_charge(amount: int, currency: str) -> None:
    """Raises Refusal when nobody can be charged in the currency or the amount is out of range."""
    check_currency(currency)
    check_step(amount, currency)
    if amount < MINIMUM_CHARGE[currency]:
        message = f"The amount must be at least {written(MINIMUM_CHARGE[currency], currency)}."
        raise bad_parameter(message, code="amount_too_small", param="amount")
    if amount > MAXIMUM_CHARGE:
        message = f"The amount must be no more than {written(MAXIMUM_CHARGE, currency)}."
        raise bad_parameter(message, code="amount_too_large", param="amount")


def check_step(amount: int, currency: str) -> None:
    """Raises Refusal for an amount whose last digit the card networks do not carry."""
    step = _STEPS.get(currency, 1)
    if amount % step:
        message = f"Invalid amount: in {currency} it must be divisible by {step}."
        raise bad_parameter(message, code="parameter_invalid_integer", param="amount")


def check_currency(currency: str) -> None:
    """Raises Refusal when nobody can be charged in the currency."""
    if currency not in MINIMUM_CHARGE:
        raise bad_parameter(f"Invalid currency: {currency}.", param="currency")


def settled(tx: Transaction, amount: int, currency: str) -> tuple[int, str, float | None]:
    """Amount and currency on the platform's balance, and the rate; None where nothing is converted.

    Everything is settled as it is until the control plane names the currencies. The rate is made up: a tenth more
    units of the other currency's whole money.
    """
    homes = tx.meta("settles_in") or [currency]
    if currency in homes:
        return amount, currency, None
    home = homes[0]
    rate = RATE * 10.0 ** (_EXPONENTS.get(home, 2) - _EXPONENTS.get(currency, 2))
    return int(amount * rate + 0.5), home, rate


def written(amount: int, currency: str) -> str:
    """An amount for people to read, such as `12.50 USD`."""
    exponent = _EXPONENTS.get(currency, 2)
    whole, part = divmod(amount, 10**exponent)
    return f"{whole:,}.{part:0{exponent}} {currency.upper()}" if exponent else f"{whole:,} {currency.upper()}"
