"""The setting that says in which currencies an installation takes money."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode
from skillscoop_messages.money import CURRENCIES

ALL = tuple(CURRENCIES)


def _split(value: object) -> object:
    return [part.strip().lower() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _known(values: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(values) - set(CURRENCIES))
    if unknown or not values:
        raise ValueError(f"unknown currencies: {', '.join(unknown)}" if unknown else "name one currency or more")
    return tuple(dict.fromkeys(values))


SettlementCurrencies = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_known)]
"""Currencies that the platform's account at Stripe settles in, separated by commas (`usd,eur`).

Stripe converts everything else to another one, and converted money cannot be transferred as it was agreed. So no
contract begins and nothing is charged in a currency that is not named here.
"""
