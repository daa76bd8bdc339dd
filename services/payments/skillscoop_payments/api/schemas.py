"""Shapes of requests and answers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from skillscoop_chassis.http.models import (
    Amount,
    CurrencyCode,
    LongText,
    MoneyView,
    NextMove,
    Resource,
    StrictRequest,
    View,
    Warning,
)

Url = Annotated[str, StringConstraints(strict=True, max_length=2_000, pattern=r"^https?://[^\s]+$")]


class FailureView(View):
    """Why the last try to pay was declined."""

    code: str = Field(examples=["insufficient_funds"])
    message: str


class PaymentView(Resource):
    """One try of a client to fund a milestone. The last three fields are for the client alone."""

    object: Literal["payment"] = "payment"
    contract_id: str
    milestone_id: str
    funding_id: str
    state: str = Field(examples=["held"])
    amount: MoneyView
    failure: FailureView | None = None
    next: list[NextMove] = Field(default_factory=list)
    warnings: list[Warning] = Field(default_factory=list)
    checkout_url: str | None = None
    client_secret: str | None = None
    publishable_key: str | None = None


class LedgerLineView(View):
    """One side of an entry."""

    account: str = Field(examples=["held"])
    side: Literal["debit", "credit"]
    amount: MoneyView


class LedgerEntryView(View):
    """One booking: its lines' debits and credits are equal."""

    id: str
    at: datetime
    kind: str = Field(examples=["fund"])
    milestone_id: str
    payment_id: str
    lines: list[LedgerLineView]


class LedgerView(View):
    """Where the money of a contract is: `charged` is always the sum of the other six."""

    object: Literal["ledger"] = "ledger"
    contract_id: str
    currency: str
    charged: MoneyView
    held: MoneyView
    in_transit: MoneyView
    released: MoneyView
    refunded: MoneyView
    fees: MoneyView
    charged_back: MoneyView
    entries: list[LedgerEntryView]


class PayoutAccountRequest(StrictRequest):
    """Where the freelancer lives or runs the business, two letters of ISO 3166, and where Stripe writes to them.

    Without `email` the account may come back with `contact_email` among its requirements; ask again with one then.
    """

    country: Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z]{2}$")] | None = Field(
        default=None, examples=["US"]
    )
    email: (
        Annotated[str, StringConstraints(strict=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None
    ) = Field(default=None, examples=["grace@example.org"])


class PayoutAccountView(Resource):
    """Where a freelancer is paid; `requirements` is what Stripe still needs to know."""

    object: Literal["payout_account"] = "payout_account"
    state: str = Field(examples=["active"])
    country: str
    requirements: list[str]
    next: list[NextMove] = Field(default_factory=list)
    warnings: list[Warning] = Field(default_factory=list)


class OnboardingLinkRequest(StrictRequest):
    """Where Stripe's page leads back to, when done and when the link has grown too old."""

    return_url: Url | None = None
    refresh_url: Url | None = None


class OnboardingLinkView(View):
    """A page of Stripe's for one use; ask for a new one each time."""

    object: Literal["onboarding_link"] = "onboarding_link"
    url: str
    expires_at: datetime


class QuoteRequest(StrictRequest):
    """A price somebody thinks about."""

    amount: Amount
    currency: CurrencyCode


class QuoteView(View):
    """What of a price reaches the freelancer under the fees in force now."""

    object: Literal["quote"] = "quote"
    amount: MoneyView
    fee: MoneyView
    net: MoneyView
    policy_version: int


class OperationView(View):
    """A write at Stripe as operators see it: its parameters hold ids and amounts only."""

    id: str
    object: Literal["operation"] = "operation"
    kind: str = Field(examples=["create_transfer"])
    state: str = Field(examples=["pending"])
    payment_id: str | None
    settlement_id: str | None
    payout_account_id: str | None
    attempt: int
    attempts: int
    object_ref: str | None
    failure_code: str | None
    last_error: str | None
    due_at: datetime
    created_at: datetime
    updated_at: datetime


class AlertView(View):
    """What an operator is asked to look at: `subject` is an id of ours or of Stripe's."""

    id: str
    object: Literal["alert"] = "alert"
    kind: str = Field(examples=["second_payment"])
    subject: str
    detail: str
    payment_id: str | None
    created_at: datetime
    resolved_at: datetime | None


class RetryRequest(StrictRequest):
    """Why an operator does it."""

    reason: LongText


class AccountSums(View):
    """One kind of account of the platform's books in one currency, minor units."""

    currency: str
    account: str
    debits: int
    credits: int


class TrialBalanceView(View):
    """The platform's books: per currency, the sum of all debits equals the sum of all credits."""

    object: Literal["trial_balance"] = "trial_balance"
    debits: dict[str, int]
    credits: dict[str, int]
    balanced: bool
    accounts: list[AccountSums]
