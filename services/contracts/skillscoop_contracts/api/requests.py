"""What may be sent: bodies of every call, strict and without unknown fields."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema, field_validator, model_validator
from skillscoop_chassis.http.models import (
    Amount,
    AmountOrZero,
    CurrencyCode,
    Description,
    DueDate,
    LongText,
    Revision,
    StrictRequest,
    Title,
    UserId,
)
from skillscoop_messages.ids import PREFIXES, new_id
from skillscoop_messages.money import CURRENCIES

from skillscoop_contracts.domain.drafting import DraftLine
from skillscoop_contracts.domain.terms import MOST_MILESTONES

Link = Annotated[str, StringConstraints(strict=True, max_length=2_000, pattern=r"^https?://\S+$")]
AttachmentId = Annotated[str, StringConstraints(strict=True, pattern=r"^att_[0-9a-f]{32}$")]
MilestoneId = Annotated[str, StringConstraints(strict=True, pattern=r"^ms_[0-9a-f]{32}$")]
Method = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^(checkout|payment_intent|pm_[A-Za-z0-9_]{1,250})$"),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "title": "FundingMethod",
                    "type": "string",
                    "enum": ["checkout", "payment_intent"],
                    "description": "`checkout`: the client pays on Stripe's page, whose address comes back as "
                    "`checkout_url`. `payment_intent`: the client's own page confirms the payment with the "
                    "`client_secret` that comes back.",
                },
                {
                    "title": "PaymentMethodId",
                    "type": "string",
                    "pattern": "^pm_[A-Za-z0-9_]{1,250}$",
                    "description": "A payment method of the client's: it is charged at once.",
                },
            ]
        }
    ),
]
"""How a client pays: one of two words, or the id of a payment method."""

Days = Annotated[int, Field(strict=True, ge=1, le=365)]
Currencies = dict[CurrencyCode, AmountOrZero]


class NewMilestone(StrictRequest):
    """A milestone to agree on; `amount` in minor units of the contract's currency."""

    description: Description
    amount: Amount
    due_date: DueDate | None = None
    criteria: Annotated[list[Description], Field(max_length=50)] | None = None


class StatedMilestone(NewMilestone):
    """A milestone of the terms stated anew: with the `id` it has, or without one when it is new."""

    id: MilestoneId | None = None


class CreateContractRequest(StrictRequest):
    """A draft; the caller is its client."""

    title: Title
    freelancer_id: UserId
    currency: CurrencyCode
    milestones: Annotated[list[NewMilestone], Field(min_length=1, max_length=MOST_MILESTONES)]


class TermsRequest(StrictRequest):
    """The whole list of milestones, in their order; the title stays when it is left out."""

    title: Title | None = None
    milestones: Annotated[list[StatedMilestone], Field(min_length=1, max_length=MOST_MILESTONES)]


class ApproveRequest(StrictRequest):
    """The revision the freelancer saw."""

    revision: Revision


class DeclineRequest(StrictRequest):
    """The revision the freelancer saw, and why not."""

    revision: Revision
    reason: LongText


class RequestChangesRequest(StrictRequest):
    """The revision the freelancer saw, and what should be different."""

    revision: Revision
    comment: LongText


class FundRequest(StrictRequest):
    """The price (minor units) and revision the client saw, how they pay, and where they come back to."""

    amount: Amount
    revision: Revision
    method: Method = Field(default="checkout", examples=["checkout"])
    return_url: Annotated[str, StringConstraints(strict=True, max_length=2_000)] | None = Field(
        default=None, examples=["https://app.example/after"]
    )


class SubmitRequest(StrictRequest):
    """What is ready, and where to find it."""

    note: LongText
    links: Annotated[list[Link], Field(max_length=20)] = Field(
        default=[], examples=[["https://files.example/final.zip"]]
    )
    attachments: Annotated[list[AttachmentId], Field(max_length=20)] = Field(default=[])


class ReleaseRequest(StrictRequest):
    """What the client saw as held, in minor units."""

    amount: Amount


class FeeRequest(StrictRequest):
    """Ten-thousandths of the freelancer's share, and a fixed part by currency in minor units."""

    bps: Annotated[int, Field(strict=True, ge=0, le=10_000)] | None = None
    fixed: Currencies | None = None


class PolicyRequest(StrictRequest):
    """The values to change; what is left out stays as it is. Timers in the unit their name ends with."""

    fee: FeeRequest | None = None
    second_approval_amount: Currencies | None = None
    offer_days: Days | None = None
    revision_days: Days | None = None
    checkout_minutes: Annotated[int, Field(strict=True, ge=30, le=1_440)] | None = None
    auto_release_days: Annotated[int, Field(strict=True, ge=0, le=365)] | None = None
    rework_rounds: Annotated[int, Field(strict=True, ge=0, le=100)] | None = None
    offer_answer_days: Days | None = None
    end_answer_days: Days | None = None
    end_cooldown_hours: Annotated[int, Field(strict=True, ge=0, le=8_760)] | None = None
    auto_complete_days: Days | None = None
    dispute_answer_days: Days | None = None
    proposal_days: Days | None = None
    review_days: Days | None = None
    hold_warning_days: Annotated[list[Days], Field(min_length=1, max_length=10)] | None = None
    payload_days: Days | None = None

    @field_validator("second_approval_amount")
    @classmethod
    def _known_currencies(cls, table: dict[str, int] | None) -> dict[str, int] | None:
        return _known(table)

    @model_validator(mode="after")
    def _known_fee_currencies(self) -> "PolicyRequest":
        _known(self.fee.fixed if self.fee else None)
        return self

    def changes(self) -> dict[str, object]:
        """The policy's fields that are to change, by name."""
        given = self.model_dump(exclude_none=True, exclude={"fee"})
        if self.fee and self.fee.bps is not None:
            given["fee_bps"] = self.fee.bps
        if self.fee and self.fee.fixed is not None:
            given["fee_fixed"] = self.fee.fixed
        if self.hold_warning_days is not None:
            given["hold_warning_days"] = tuple(sorted(set(self.hold_warning_days)))
        return given


def _known(table: dict[str, int] | None) -> dict[str, int] | None:
    if table and not CURRENCIES.keys() >= table.keys():
        raise ValueError("an unknown currency")
    return table


def lines_of(milestones: list[NewMilestone] | list[StatedMilestone]) -> tuple[DraftLine, ...]:
    """Stated milestones for the domain, each with an id ready in case it is new."""
    return tuple(
        DraftLine(
            id=stated.id if isinstance(stated, StatedMilestone) else None,
            fresh_id=new_id(PREFIXES["milestone"]),
            description=stated.description,
            amount=stated.amount,
            due_date=_iso(stated.due_date),
            criteria=tuple(stated.criteria or ()),
        )
        for stated in milestones
    )


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


PartyRole = Literal["client", "freelancer"]
