"""Shapes that every service's requests and answers share."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema


class StrictRequest(BaseModel):
    """A request body: unknown fields are refused and nothing is converted (no "1" for 1, no 1 for true)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class EmptyRequest(StrictRequest):
    """The body of a command without fields: `{}`, or nothing at all."""


class View(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(frozen=True)


class MoneyView(View):
    """Money in an answer: integer minor units and the lower-case ISO 4217 code."""

    amount: int = Field(examples=[12500])
    currency: str = Field(examples=["usd"])


class NextMove(View):
    """One open move. Without `blocked_reason` it would succeed now; `on_timeout` happens at `due_at` (UTC)."""

    action: str = Field(examples=["release"])
    actor: str = Field(examples=["client"])
    due_at: datetime | None = None
    on_timeout: str | None = None
    blocked_reason: str | None = None


class Warning(View):
    """Something that is no obstacle but should be known."""

    code: str = Field(examples=["payee_not_ready"])


class SubjectView(View):
    """The object something is about."""

    type: str = Field(examples=["milestone"])
    id: str = Field(examples=["ms_01939a1c5e007b3a8c41d0f6a2b9e372"])


class Resource(View):
    """What every object carries. `version` moves when its own fields change, and is its ETag. Times are UTC."""

    id: str
    object: str
    version: int
    created_at: datetime
    updated_at: datetime


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _calendar_date(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("YYYY-MM-DD")
    return date.fromisoformat(value)


_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _instant(value: Any) -> Any:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("RFC 3339")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the calendar") from error


def _flag(value: Any) -> Any:
    if value not in ("true", "false"):
        raise ValueError("true or false")
    return value == "true"


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,20}", value):
        raise ValueError("a whole number")
    return value


def _text(longest: int) -> StringConstraints:
    return StringConstraints(strict=True, min_length=1, max_length=longest, pattern=r"\S")


Amount = Annotated[int, Field(strict=True, ge=1, le=99_999_999, examples=[12500])]
"""Minor units of the contract's currency; the currency's own minimum is the domain's to check."""

AmountOrZero = Annotated[int, Field(strict=True, ge=0, le=99_999_999, examples=[0])]
"""As Amount, where a share may be nothing."""

Title = Annotated[str, _text(200), Field(examples=["Landing page"])]
Description = Annotated[str, _text(2_000), Field(examples=["Three drafts and the final files"])]
LongText = Annotated[str, _text(5_000), Field(examples=["Everything is in the shared folder."])]
UserId = Annotated[str, _text(255), Field(examples=["grace"])]
CurrencyCode = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z]{3}$"), Field(examples=["usd"])]
Revision = Annotated[int, Field(strict=True, ge=1, le=2_147_483_647, examples=[1])]
DueDate = Annotated[
    date,
    BeforeValidator(_calendar_date),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2030-01-31"]}),
]
"""A calendar day, YYYY-MM-DD. Whether it has passed is the domain's to check: before today in UTC-12."""

Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2030-01-31T12:00:00Z"]}),
]
"""A moment in a query, as RFC 3339 writes it and in no other way; UTC when read. No Unix time, no bare day."""

Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
"""`true` or `false` in a query; the framework alone would take `yes`, `on` and `1` too."""

WholeNumber = Annotated[int, BeforeValidator(_digits)]
"""Digits in a query or path; the framework alone would take `1.0` and `1_0` too."""
