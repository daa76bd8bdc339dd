"""Money as integer minor units of one currency, and the few calculations everybody must do the same way."""

from dataclasses import dataclass

LARGEST_AMOUNT = 99_999_999
BPS = 10_000


@dataclass(frozen=True)
class Currency:
    """What one currency allows: `exponent` decimal digits, amounts from `minimum` to `maximum` in whole `step`s.

    All three amounts are minor units. `minimum` is the smallest charge the payment provider takes; `step` is 10 for
    three-decimal currencies, whose last digit the card networks do not carry.
    """

    code: str
    exponent: int
    minimum: int
    maximum: int = LARGEST_AMOUNT
    step: int = 1


CURRENCIES: dict[str, Currency] = {
    currency.code: currency
    for currency in (
        Currency("usd", 2, 50),
        Currency("eur", 2, 50),
        Currency("gbp", 2, 30),
        Currency("chf", 2, 50),
        Currency("cad", 2, 50),
        Currency("aud", 2, 50),
        Currency("nzd", 2, 50),
        Currency("sgd", 2, 50),
        Currency("dkk", 2, 250),
        Currency("nok", 2, 300),
        Currency("sek", 2, 300),
        Currency("pln", 2, 200),
        Currency("jpy", 0, 50),
        Currency("kwd", 3, 200, step=10),
    )
}

_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of `amount` minor units of `currency` (ISO 4217, lower case): 1250 of usd is $12.50, of jpy ¥1,250."""

    amount: int
    currency: str


def is_allowed(money: Money) -> bool:
    """Whether somebody may be charged this: a known currency, between its minimum and maximum, in whole steps."""
    currency = CURRENCIES.get(money.currency)
    return (
        currency is not None
        and currency.minimum <= money.amount <= currency.maximum
        and money.amount % currency.step == 0
    )


def round_half_up(numerator: int, denominator: int) -> int:
    """The nearest integer to numerator / denominator for numerator ≥ 0; exactly half goes up."""
    return (2 * numerator + denominator) // (2 * denominator)


def step_of(currency: str) -> int:
    """The minor units in whole numbers of which amounts of this currency go through the card networks."""
    known = CURRENCIES.get(currency)
    return known.step if known is not None else 1


def share(total: int, bps: int, currency: str) -> tuple[int, int]:
    """Split `total` minor units: the first part is `bps` ten-thousandths, rounded half up; the second is the rest.

    The parts always add up to `total`, and are in whole steps of the currency where the total is.
    """
    step = step_of(currency)
    first = min(round_half_up(total * bps, BPS * step) * step, total)
    return first, total - first


def fee_of(to_freelancer: int, bps: int, fixed: int, currency: str) -> int:
    """The platform's fee in minor units on what the freelancer is given: never more than all of it.

    It is in whole steps of the currency, so that what is left can be transferred.
    """
    step = step_of(currency)
    return min(round_half_up(to_freelancer * bps + fixed * BPS, BPS * step) * step, to_freelancer)


def format_money(money: Money) -> str:
    """Plain text for logs and mails: `$12.50`, `¥1,250`, `12.500 KWD`. An unknown currency is taken as two-decimal."""
    currency = CURRENCIES.get(money.currency)
    exponent = currency.exponent if currency else 2
    whole, rest = divmod(abs(money.amount), 10**exponent)
    minus = "-" if money.amount < 0 else ""
    digits = f"{whole:,}" + (f".{rest:0{exponent}d}" if exponent else "")
    sign = _SIGNS.get(money.currency)
    return f"{minus}{sign}{digits}" if sign else f"{minus}{digits} {money.currency.upper()}"
