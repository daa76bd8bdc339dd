"""A contract's ledger in words."""

from collections.abc import Mapping
from typing import Any

PARTS = ("held", "in_transit", "released", "refunded", "fees", "charged_back")
"""Where charged money can be; together they are what was charged."""


def units(amount: Any) -> int:
    """Minor units of an amount that stands alone or as `{amount, currency}`; 0 for nothing."""
    return int(amount["amount"]) if isinstance(amount, Mapping) else int(amount or 0)


def shown(amount: int, currency: str) -> str:
    """An amount as people read it."""
    from skillscoop_messages.money import Money, format_money

    return format_money(Money(amount, currency))


def currency_of(ledger: Mapping[str, Any]) -> str:
    """The ledger's currency."""
    charged = ledger.get("charged")
    return str(charged["currency"]) if isinstance(charged, Mapping) else str(ledger.get("currency", "usd"))


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """How the totals moved: `charged +$400.00`, `held +$400.00` …"""
    currency = currency_of(after)
    moved = {part: units(after.get(part)) - units(before.get(part)) for part in ("charged", *PARTS)}
    return [
        f"{part.replace('_', ' ')} {'+' if by > 0 else '−'}{shown(abs(by), currency)}"
        for part, by in moved.items()
        if by
    ]


def unexplained(ledger: Mapping[str, Any]) -> int:
    """What was charged and is nowhere: 0 in every ledger that holds."""
    return units(ledger.get("charged")) - sum(units(ledger.get(part)) for part in PARTS)
