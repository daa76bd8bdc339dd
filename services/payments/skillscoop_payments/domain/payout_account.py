"""A freelancer's payout account. Its state follows the provider and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from skillscoop_payments.domain.snapshots import AccountSnapshot, Capability

State = Literal["none", "onboarding", "active", "restricted", "rejected"]

# (state, what the provider says of the ability to receive) -> state. Never active before: whatever is missing is
# onboarding; active before: whatever is missing is a restriction.
AFTER_SNAPSHOT: Mapping[tuple[State, Capability], State] = MappingProxyType(
    {
        **{(state, "active"): "active" for state in ("none", "onboarding", "active", "restricted", "rejected")},
        **{(state, "rejected"): "rejected" for state in ("none", "onboarding", "active", "restricted", "rejected")},
        ("none", "pending"): "onboarding",
        ("none", "restricted"): "onboarding",
        ("onboarding", "pending"): "onboarding",
        ("onboarding", "restricted"): "onboarding",
        ("active", "pending"): "restricted",
        ("active", "restricted"): "restricted",
        ("restricted", "pending"): "restricted",
        ("restricted", "restricted"): "restricted",
        ("rejected", "pending"): "rejected",
        ("rejected", "restricted"): "rejected",
    }
)


@dataclass(frozen=True, slots=True)
class PayoutAccount:
    """Where a freelancer is paid. `requirements` is what the provider still needs, for the freelancer only."""

    id: str
    user_id: str
    country: str
    state: State = "none"
    version: int = 1
    account_ref: str | None = None
    requirements: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether money may be sent there."""
        return self.state == "active" and self.account_ref is not None


@dataclass(frozen=True, slots=True)
class Learnt:
    """The provider's account or what it needs changed."""

    account_ref: str
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """The state changed."""

    state: State


Fact = Learnt | Changed


def observe(account: PayoutAccount, snapshot: AccountSnapshot) -> list[Fact]:
    """What the provider's present account means. Observed twice it means nothing new."""
    facts: list[Fact] = []
    if (account.account_ref, account.requirements) != (snapshot.ref, snapshot.requirements):
        facts.append(Learnt(snapshot.ref, snapshot.requirements))
    state = AFTER_SNAPSHOT[account.state, snapshot.capability]
    if state != account.state:
        facts.append(Changed(state))
    return facts


def apply(account: PayoutAccount, fact: Fact) -> PayoutAccount:
    """The account after the fact."""
    match fact:
        case Learnt():
            changed = replace(account, account_ref=fact.account_ref, requirements=fact.requirements)
        case Changed():
            changed = replace(account, state=fact.state)
    return replace(changed, version=account.version + 1)


def apply_all(account: PayoutAccount, facts: list[Fact]) -> PayoutAccount:
    """The account after all facts, in order."""
    for fact in facts:
        account = apply(account, fact)
    return account


def available_actions(account: PayoutAccount) -> list[tuple[str, str]]:
    """Available actions as (action, actor)."""
    return [] if account.state in ("active", "rejected") else [("onboarding_link", "freelancer")]
