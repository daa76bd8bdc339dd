"""The policy as everybody sees it."""

from typing import Any

from skillscoop_messages.money import CURRENCIES

from skillscoop_contracts.api.schemas import (
    CurrencyView,
    FeeView,
    PolicyTermsView,
    PolicyView,
)
from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.repository.policies import policy_of
from skillscoop_contracts.repository.row_types import Row


def policy_values(policy: Policy) -> dict[str, Any]:
    """Timers, limits and fees by the names of the answer."""
    values = {name: getattr(policy, name) for name in PolicyTermsView.model_fields if name != "fee"}
    return {
        **values,
        "hold_warning_days": list(policy.hold_warning_days),
        "second_approval_amount": dict(policy.second_approval_amount),
        "fee": FeeView(bps=policy.fee_bps, fixed=dict(policy.fee_fixed)),
    }


def policy_view(row: Row, currencies: tuple[str, ...]) -> PolicyView:
    """The policy in force, out of its row, with the currencies a contract may be made in."""
    return PolicyView(
        id="policy",
        object="policy",
        created_at=row["published_at"],
        updated_at=row["published_at"],
        currencies={
            code: CurrencyView(
                exponent=currency.exponent, minimum=currency.minimum, maximum=currency.maximum, step=currency.step
            )
            for code, currency in CURRENCIES.items()
            if code in currencies
        },
        **policy_values(policy_of(row["document"])),
    )
