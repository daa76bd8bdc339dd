"""Every environment variable of payments."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode
from skillscoop_chassis.currencies import ALL, SettlementCurrencies
from skillscoop_chassis.http.return_urls import Origins
from skillscoop_chassis.production import Refusal, any_of, is_guessable, is_public_https, text_of
from skillscoop_chassis.settings import ServiceSettings


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


WebhookSecrets = Annotated[list[SecretStr], NoDecode, BeforeValidator(_split)]
"""Signing secrets separated by commas; during a rotation both are known. Empty: the endpoint takes nothing."""


def _is_no_webhook_secret(secret: SecretStr) -> bool:
    text = text_of(secret)
    return not text.startswith("whsec_") or is_guessable(text.removeprefix("whsec_"))


def _with_bad_secret(field: str) -> Callable[[Any], bool]:
    return lambda settings: any_of(getattr(settings, field), _is_no_webhook_secret)


class PaymentsSettings(ServiceSettings):
    """Settings of the payments service.

    `stripe_api_base` replaces Stripe's address, by the simulator's for example; `stripe_environment` marks every
    object made there (default: `environment`); `stripe_timeout` is seconds for a whole call, and an operation is leased
    for a second longer. `return_url` is where people come back to from Stripe's pages when nobody named a place,
    `return_url_origins` which origins (`https://app.example`) somebody may name; outside production plain loopback
    addresses are allowed too.
    `settlement_currencies` are those the platform's account at Stripe settles in; contracts has the same setting.
    `look_after_seconds` is when an open payment, refund or account is polled although no webhook came,
    `book_after_seconds` the same for money that Stripe has yet to book, `recheck_after_seconds` for accounts that are
    in order. Every `moved_every_seconds` Stripe is asked what moved on our balance that was not our doing.
    """

    REFUSED_IN_PRODUCTION: ClassVar[tuple[Refusal, ...]] = (
        Refusal(
            "STRIPE_API_KEY",
            "anything but a live key",
            "in production a test key moves no money",
            lambda s: not re.match(r"(sk|rk)_live_.{8,}", text_of(s.stripe_api_key)),
        ),
        Refusal(
            "STRIPE_PUBLISHABLE_KEY",
            "a test key beside a live secret key",
            "every payment in a browser would fail",
            lambda s: not s.stripe_publishable_key.startswith("pk_live_"),
        ),
        Refusal(
            "STRIPE_API_BASE",
            "any value",
            "a live key is never sent anywhere but to Stripe",
            lambda s: s.stripe_api_base is not None,
        ),
        Refusal(
            "STRIPE_WEBHOOK_SECRETS",
            "no secret",
            "without Stripe's webhooks every payment waits for the sweep",
            lambda s: not s.stripe_webhook_secrets,
        ),
        *(
            Refusal(
                variable,
                "a secret that Stripe does not make, such as whsec_development or one letter",
                "who guesses it tells us that money came",
                _with_bad_secret(variable.lower()),
            )
            for variable in (
                "STRIPE_WEBHOOK_SECRETS",
                "STRIPE_CONNECT_WEBHOOK_SECRETS",
                "STRIPE_THIN_WEBHOOK_SECRETS",
            )
        ),
        Refusal(
            "RETURN_URL",
            "anything but https:// on another machine",
            "payers come back to it; javascript: and loopback addresses lead nowhere or run in their browser",
            lambda s: not is_public_https(s.return_url),
        ),
        Refusal(
            "RETURN_URL_ORIGINS",
            "an origin that is not https:// on another machine",
            "payers are sent there",
            lambda s: any_of(s.return_url_origins, lambda origin: not is_public_https(origin)),
        ),
    )

    stripe_api_key: SecretStr = SecretStr("sk_test_simulator")
    stripe_publishable_key: str = "pk_test_simulator"
    stripe_api_base: str | None = None
    stripe_environment: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]{1,40}$")
    stripe_webhook_secrets: WebhookSecrets = Field(default_factory=list)
    stripe_connect_webhook_secrets: WebhookSecrets = Field(default_factory=list)
    stripe_thin_webhook_secrets: WebhookSecrets = Field(default_factory=list)
    stripe_timeout: float = Field(default=5.0, gt=0, le=80)
    stripe_concurrency: int = Field(default=16, ge=1, le=100)
    return_url_origins: Origins = ()
    return_url: str = "http://127.0.0.1:8080/v1/returned"
    payout_countries: Annotated[list[str], NoDecode, BeforeValidator(_split)] = Field(
        default_factory=lambda: ["US"], description="where freelancers may be paid; the first is the default"
    )
    settlement_currencies: SettlementCurrencies = ALL
    look_after_seconds: float = Field(default=300.0, gt=0)
    book_after_seconds: float = Field(default=3.0, gt=0)
    recheck_after_seconds: float = Field(default=86_400.0, gt=0)
    moved_every_seconds: float = Field(default=600.0, gt=0)
    cap_declines: int = Field(default=10, ge=1, description="declined cards after which an open payment is closed")

    @property
    def live(self) -> bool:
        """Whether real money moves."""
        return "_live_" in self.stripe_api_key.get_secret_value()

    @model_validator(mode="after")
    def _keys_fit(self) -> PaymentsSettings:
        if self.live and self.environment != "production":
            raise ValueError("live Stripe keys belong to ENVIRONMENT=production, and only they do")
        return self
