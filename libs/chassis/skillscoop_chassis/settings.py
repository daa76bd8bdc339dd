"""Settings that every service's process has in common, read from the environment."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)
from skillscoop_messages.clock import Clocks, shifted_clocks, system_clocks

from skillscoop_chassis.http.limits import Networks, Rate
from skillscoop_chassis.http.return_urls import Origins
from skillscoop_chassis.identity import LEEWAY_SECONDS, MAX_AHEAD_SECONDS, TYPES
from skillscoop_chassis.keys import KEYS_FRESH_SECONDS
from skillscoop_chassis.production import (
    Refusal,
    any_of,
    is_guessable,
    is_public_https,
    parts_of,
    password_is_known,
    refused,
    text_of,
)

DEVELOPMENT_ISSUER = "skillscoop-development"
"""Issuer of the tokens the command line makes for trying things out; never accepted in production."""

DEVELOPMENT_SECRET = "development-only-not-for-production"  # noqa: S105 - refused in production below


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _long_enough(secrets: list[SecretStr]) -> list[SecretStr]:
    if not secrets or any(len(secret.get_secret_value()) < 16 for secret in secrets):
        raise ValueError("needs at least one secret, each of 16 characters or more")
    return secrets


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _trimmed(value: Any) -> Any:
    """What an editor or `echo` leaves at the end of a file is no part of a value, and nothing else may hide in it."""
    if isinstance(value, SecretStr):
        return SecretStr(_trimmed(value.get_secret_value()))
    if isinstance(value, (list, tuple)):
        return type(value)(_trimmed(part) for part in value)
    if not isinstance(value, str):
        return value
    value = value.strip()
    if _CONTROL.search(value):
        raise ValueError("holds a line break or another control character")
    return value


def with_password(url: str, password: str) -> str:
    """`url` with `password` put in, encoded, whatever is in it. Raises ValueError for an address without a user."""
    parsed = sa.make_url(url)
    if not parsed.username:
        raise ValueError("a password needs a user in the address")
    return parsed.set(password=password).render_as_string(hide_password=False)


def _schemes(*allowed: str) -> Any:
    return lambda value: parts_of(value).scheme.partition("+")[0] not in allowed


SecretList = Annotated[list[SecretStr], NoDecode, BeforeValidator(_split), AfterValidator(_long_enough)]
"""Secrets separated by commas: the first signs, all verify."""


class ServiceSettings(BaseSettings):
    """What every process needs. A service subclasses it with its own variables.

    `jwt_types`: accepted values of a token's `typ`, where a token without one counts as `JWT`. `jwt_leeway_seconds`:
    how far the issuer's clock and ours may be apart, for `iat`, `nbf` and `exp`. `jwt_max_ahead_seconds`: a token whose
    `exp` lies further ahead is refused. `jwks_refresh_seconds`: the key set is read again when older, so a key taken
    out of it is refused after that time at the latest. `http_head_seconds`, `http_body_seconds`: how long a caller may
    take to send the headers, and then the body, of a request. `cors_origins`: origins (`https://app.example`) whose
    pages may call from a browser, separated by commas. `database_password`, `bus_password`: put into the addresses as
    they are, so that they need no encoding. A file in the folder that the variable SECRETS_DIR names sets the variable
    it is called like; what stands at its end beyond the value is cut off.

    Raises pydantic.ValidationError at start when something needed is missing, or unsafe for production.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    REFUSED_IN_PRODUCTION: ClassVar[tuple[Refusal, ...]] = (
        Refusal(
            "DATABASE_URL",
            "SQLite",
            "it is one file on one machine, for trying out",
            lambda s: _schemes("postgresql", "postgres")(s.database_url),
        ),
        Refusal(
            "DATABASE_URL",
            "a password that stands in examples, or the user's own name",
            "everybody knows it",
            lambda s: password_is_known(s.database_url),
        ),
        Refusal(
            "BUS_URL",
            "anything but amqp:// and amqps://",
            "the other transports are files, for trying out",
            lambda s: _schemes("amqp", "amqps")(s.bus_url),
        ),
        Refusal(
            "BUS_URL",
            "a password that stands in examples, or the user's own name",
            "everybody knows it",
            lambda s: password_is_known(s.bus_url),
        ),
        Refusal(
            "JWKS_URL",
            "anything but https:// on another machine",
            "who can change the answer on its way can be anybody",
            lambda s: s.jwks_url is not None and not is_public_https(s.jwks_url),
        ),
        Refusal(
            "JWT_ISSUER",
            "the development issuer",
            "its key lies in a data folder; name your own issuer",
            lambda s: s.jwt_issuer == DEVELOPMENT_ISSUER,
        ),
        Refusal(
            "JWT_ISSUER",
            "an issuer at an http:// address",
            "its keys and tokens travel unprotected",
            lambda s: s.jwt_issuer.lower().startswith("http://"),
        ),
        Refusal(
            "CURSOR_SECRETS",
            "a secret that is short, made of few characters, or stands in examples",
            "who guesses it writes cursors of other people's lists",
            lambda s: any_of(s.cursor_secrets, is_guessable),
        ),
        Refusal(
            "CORS_ORIGINS",
            "an origin that is not https:// on another machine",
            "a page anybody can put there may call with a user's token",
            lambda s: any_of(s.cors_origins, lambda origin: not is_public_https(origin)),
        ),
        Refusal(
            "BUSINESS_CLOCK_OFFSET_FILE",
            "any value",
            "the clock cannot be played where deadlines are real",
            lambda s: s.business_clock_offset_file is not None,
        ),
    )

    database_url: SecretStr
    database_password: SecretStr | None = None
    database_pool: int = Field(default=8, ge=2, le=64)
    database_layer: Literal["direct", "plain"] = "direct"
    bus_url: SecretStr
    bus_password: SecretStr | None = None
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
    cors_origins: Origins = ()
    log_format: Literal["json", "pretty"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    http_head_seconds: float = Field(default=10.0, gt=0)
    http_body_seconds: float = Field(default=60.0, gt=0)
    business_clock_offset_file: Path | None = None
    rate_limits: Literal["auto", "on", "off"] = "auto"
    rate_reads: Rate = "1200/minute"
    rate_writes: Rate = "240/minute"
    rate_anonymous: Rate = "600/minute"
    rate_refused: Rate = "30/minute"
    trusted_proxies: Networks = ()

    @property
    def limits_on(self) -> bool:
        """Whether callers are limited: everywhere but in the environment `test`, unless RATE_LIMITS says otherwise."""
        return self.rate_limits == "on" or (self.rate_limits == "auto" and self.environment != "test")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Given values, then the environment, then the files in the folder SECRETS_DIR, named like their variables."""
        folder = os.environ.get("SECRETS_DIR")
        if not folder:
            return init_settings, env_settings
        if not Path(folder).is_dir():
            raise SystemExit(f"SECRETS_DIR: {folder} is not a folder")
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_dir=folder)

    @field_validator("*", mode="before")
    @classmethod
    def _without_the_end_of_a_file(cls, value: Any) -> Any:
        return _trimmed(value)

    @model_validator(mode="after")
    def _passwords_in_place(self) -> ServiceSettings:
        for address, password in (("database_url", self.database_password), ("bus_url", self.bus_password)):
            if password is not None:
                whole = with_password(text_of(getattr(self, address)), text_of(password))
                # Frozen for everybody else: from here on the address is what it will be.
                object.__setattr__(self, address, SecretStr(whole))
        return self

    @model_validator(mode="after")
    def _fit_for_use(self) -> ServiceSettings:
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("set exactly one of JWKS_URL and JWKS_FILE")
        if self.environment == "production" and (lines := refused(self)):
            raise ValueError("\n".join(lines))
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
