"""What we ask of the payment provider, in our own words. The adapter turns a call into frozen parameters once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """Written into every object we make, so that it can be traced back and found again: no names, no addresses."""

    environment: str
    operation_id: str
    object_id: str
    contract_id: str | None = None
    milestone_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChargeCall:
    """Charge a client: at once with `method`, or, without one, when the client confirms."""

    tag: Tag
    amount: int
    currency: str
    group: str
    method: str | None
    return_url: str


@dataclass(frozen=True, slots=True)
class CheckoutCall:
    """A hosted page where the client pays."""

    tag: Tag
    amount: int
    currency: str
    group: str
    label: str
    return_url: str


@dataclass(frozen=True, slots=True)
class CloseCall:
    """End a payment that is not paid yet; exactly one of the two references is used, the page's first."""

    intent_ref: str | None
    checkout_ref: str | None


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Send money of one charge to a freelancer's account."""

    tag: Tag
    amount: int
    currency: str
    group: str
    charge_ref: str
    account_ref: str


@dataclass(frozen=True, slots=True)
class RefundCall:
    """Give money of one payment back."""

    tag: Tag
    amount: int
    intent_ref: str


@dataclass(frozen=True, slots=True)
class RecipientCall:
    """An account a freelancer can be paid to."""

    tag: Tag
    country: str
    email: str | None = None


OutgoingCall = ChargeCall | CheckoutCall | CloseCall | TransferCall | RefundCall | RecipientCall
