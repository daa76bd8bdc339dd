"""Settings that every service's process has in common, read from the environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from skillscoop_messages.clock import Clocks, shifted_clocks, system_clocks

from skillscoop_chassis.identity import LEEWAY_SECONDS, MAX_AHEAD_SECONDS, TYPES
from skillscoop_chassis.keys import KEYS_FRESH_SECONDS

DEVELOPMENT_ISSUER = "skillscoop-development"
"""Issuer of the tokens the command line makes for trying things out; never accepted in production."""

DEVELOPMENT_SECRET = "development-only-not-for-production"  # noqa: S105 - refused in production below


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _long_enough(secrets: list[SecretStr]) -> list[SecretStr]:
    if not secrets or any(len(secret.get_secret_value()) < 16 for secret in secrets):
        raise ValueError("needs at least one secret, each of 16 characters or more")
    return secrets


SecretList = Annotated[list[SecretStr], NoDecode, BeforeValidator(_split), AfterValidator(_long_enough)]
"""Secrets separated by commas: the first signs, all verify."""


class ServiceSettings(BaseSettings):
    """What every process needs. A service subclasses it with its own variables.

    `jwt_types`: accepted values of a token's `typ`, where a token without one counts as `JWT`. `jwt_leeway_seconds`:
    how far the issuer's clock and ours may be apart, for `iat`, `nbf` and `exp`. `jwt_max_ahead_seconds`: a token whose
    `exp` lies further ahead is refused. `jwks_refresh_seconds`: the key set is read again when older, so a key taken
    out of it is refused after that time at the latest. `http_head_seconds`, `http_body_seconds`: how long a caller may
    take to send the headers, and then the body, of a request.

    Raises pydantic.ValidationError at start when something needed is missing, or unsafe for production.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr
    database_pool: int = Field(default=8, ge=2, le=64)
    bus_url: SecretStr
    bus_namespace: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]{0,64}$")
    topology: Literal["declare", "check"] = "declare"
    environment: Literal["development", "test", "production"] = "development"
    jwks_url: str | None = None
    jwks_file: Path | None = None
    jwt_issuer: str = DEVELOPMENT_ISSUER
    jwt_audience: str = "skillscoop"
    jwt_roles_claim: str = "roles"
    jwt_types: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = TYPES
    jwt_leeway_seconds: float = Field(default=LEEWAY_SECONDS, ge=0, le=300)
    jwt_max_ahead_seconds: float = Field(default=MAX_AHEAD_SECONDS, gt=0)
    jwks_refresh_seconds: float = Field(default=KEYS_FRESH_SECONDS, gt=0, le=86_400)
    cursor_secrets: SecretList = Field(default_factory=lambda: [SecretStr(DEVELOPMENT_SECRET)])
    log_format: Literal["json", "pretty"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    http_head_seconds: float = Field(default=10.0, gt=0)
    http_body_seconds: float = Field(default=60.0, gt=0)
    business_clock_offset_file: Path | None = None

    @model_validator(mode="after")
    def _fit_for_use(self) -> ServiceSettings:
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("set exactly one of JWKS_URL and JWKS_FILE")
        if self.environment == "production":
            if self.jwt_issuer == DEVELOPMENT_ISSUER:
                raise ValueError("the development issuer is not accepted in production: set JWT_ISSUER")
            if any(secret.get_secret_value() == DEVELOPMENT_SECRET for secret in self.cursor_secrets):
                raise ValueError("set CURSOR_SECRETS in production")
            if self.business_clock_offset_file is not None:
                raise ValueError("the clock cannot be played in production: unset BUSINESS_CLOCK_OFFSET_FILE")
        return self


def clocks_of(settings: ServiceSettings) -> Clocks:
    """The two clocks. With BUSINESS_CLOCK_OFFSET_FILE the business clock runs ahead by the seconds in that file.

    The file is read again when it changed, so every process of an installation moves together.
    """
    path = settings.business_clock_offset_file
    if path is None:
        return system_clocks()
    seen: tuple[int, timedelta] = (-1, timedelta(0))

    def offset() -> timedelta:
        nonlocal seen
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return timedelta(0)
        if changed != seen[0]:
            seen = (changed, timedelta(seconds=float(path.read_text() or 0)))
        return seen[1]

    return shifted_clocks(offset)
