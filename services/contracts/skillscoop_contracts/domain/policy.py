"""The rules an operator may change: timers, limits and fees. A contract keeps the ones of its first approval."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from skillscoop_messages.money import CURRENCIES, fee_of

_SECOND_APPROVAL_BY_EXPONENT = {0: 100_000, 2: 100_000, 3: 300_000}


@dataclass(frozen=True, slots=True)
class FeeRule:
    """The platform's fee on one milestone: `bps` ten-thousandths of the freelancer's share plus `fixed` minor units."""

    bps: int
    fixed: int
    policy_version: int

    def of(self, to_freelancer: int, currency: str) -> int:
        """The fee in minor units on a share of `to_freelancer`: half-up, never more than the share itself."""
        return fee_of(to_freelancer, self.bps, self.fixed, currency)


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of all timers, limits and fees.

    Timers are in the unit their name ends with. `fee_fixed` and `second_approval_amount` are tables by currency, in
    minor units; a currency that stands in neither has no fixed fee and needs no second approval.
    """

    version: int
    fee_bps: int = 0
    fee_fixed: Mapping[str, int] = field(default_factory=dict)
    second_approval_amount: Mapping[str, int] = field(default_factory=dict)
    offer_days: int = 14
    revision_days: int = 7
    checkout_minutes: int = 60
    auto_release_days: int = 14
    rework_rounds: int = 3
    offer_answer_days: int = 7
    end_answer_days: int = 7
    end_cooldown_hours: int = 72
    auto_complete_days: int = 14
    dispute_answer_days: int = 7
    proposal_days: int = 5
    review_days: int = 14
    hold_warning_days: tuple[int, ...] = (60, 75, 83)
    payload_days: int = 30

    def fee_rule(self, currency: str) -> FeeRule:
        """The fee of a milestone in this currency."""
        return FeeRule(self.fee_bps, self.fee_fixed.get(currency, 0), self.version)


def first_policy() -> Policy:
    """Version 1: no fee, and a second approval above about a thousand dollars' worth of each currency."""
    return Policy(
        version=1,
        second_approval_amount={
            code: _SECOND_APPROVAL_BY_EXPONENT[currency.exponent] for code, currency in CURRENCIES.items()
        },
    )
