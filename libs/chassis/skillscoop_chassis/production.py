"""What production refuses: one row for each unsafe value, with the sentence the operator reads.

A settings class states its rows in `REFUSED_IN_PRODUCTION`; the table in `docs/production.md` is made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr, ValidationError

KNOWN_PASSWORDS = frozenset(
    {"development", "development-only-not-for-production", "password", "postgres", "guest", "secret", "changeme"}
)
"""Passwords that stand in examples, here and elsewhere."""

EXAMPLES_BEGIN = "development-"
"""How the passwords begin that this repository brings for trying out."""


class Refusal(NamedTuple):
    """`variable` is refused in production where `unsafe(settings)`: `what` is refused, and `why` in one sentence."""

    variable: str
    what: str
    why: str
    unsafe: Callable[[Any], bool]

    def line(self) -> str:
        """What the operator reads at the start, without the value."""
        return f"{self.variable}: {self.what}: {self.why}"


def refusals_of(settings: type[Any]) -> tuple[Refusal, ...]:
    """Every row that a settings class and its bases state, the bases' first."""
    tables = (vars(kind).get("REFUSED_IN_PRODUCTION", ()) for kind in reversed(settings.__mro__))
    return tuple(row for table in tables for row in table)


def refused(settings: Any) -> list[str]:
    """One line for each value of `settings` that production does not accept."""
    return [row.line() for row in refusals_of(type(settings)) if row.unsafe(settings)]


def text_of(value: str | SecretStr | None) -> str:
    """A value's text, empty for none."""
    return value.get_secret_value() if isinstance(value, SecretStr) else (value or "")


def parts_of(value: str | SecretStr | None) -> SplitResult:
    """An address in its parts; of what cannot be read, no parts at all."""
    try:
        parts = urlsplit(text_of(value))
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def is_loopback(host: str | None) -> bool:
    """Whether a host name means the machine itself, or every address of it."""
    name = (host or "").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def is_public_https(value: str | SecretStr | None) -> bool:
    """Whether an address is https with a host that is not this machine, and nobody's name or password in it."""
    parts = parts_of(value)
    return (
        parts.scheme == "https" and bool(parts.hostname) and not is_loopback(parts.hostname) and "@" not in parts.netloc
    )


def password_is_known(value: str | SecretStr | None) -> bool:
    """Whether the password in an address is one that stands in examples, or the user's own name. None is not known."""
    parts = parts_of(value)
    if parts.password is None:
        return False
    password = unquote(parts.password)
    return is_example(password) or password == unquote(parts.username or "") or not password


def is_example(password: str) -> bool:
    """Whether everybody can read this password somewhere."""
    return password.lower() in KNOWN_PASSWORDS or password.lower().startswith(EXAMPLES_BEGIN)


def is_guessable(secret: SecretStr | str, shortest: int = 16) -> bool:
    """Whether a secret is short, stands in examples, or is made of very few characters."""
    text = text_of(secret)
    return len(text) < shortest or len(set(text)) < 6 or is_example(text)


def any_of(values: Iterable[Any], test: Callable[[Any], bool]) -> bool:
    """Whether one of the values fails."""
    return any(test(value) for value in values)


def lines_of(error: ValidationError) -> list[str]:
    """What is wrong with the settings, one line each that begins with the variable, without any value."""
    lines: list[str] = []
    for problem in error.errors(include_input=False, include_url=False):
        message = problem["msg"].removeprefix("Value error, ")
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        lines += [f"{name}: {message}"] if name else message.splitlines()
    return lines
