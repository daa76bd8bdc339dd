"""Where people may be sent back to from somebody else's page: only to addresses an installation names."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from skillscoop_chassis.http.problems import invalid

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
DEFAULT_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\\\s\x00-\x20\x7f]")
"""What browsers drop or read as something else, so that the address they open is not the one that was checked."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def origin_of(url: str) -> str | None:
    """`https://app.example:8443` of an absolute http(s) address, lower case, without a default port.

    None for everything else: another scheme, no host, user-info, or characters that browsers read differently.
    """
    if _FORBIDDEN.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    # An empty user name, as in `https://@host`, is user-info too.
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    shown = "" if port is None or port == DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{_host(parts)}{shown}"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for value in values:
        origin = origin_of(value)
        if origin is None or urlsplit(value).path not in ("", "/") or urlsplit(value).query or urlsplit(value).fragment:
            raise ValueError(f"{value!r} is no origin such as https://app.example")
        found.append(origin)
    return tuple(found)


Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_origins)]
"""A setting: origins such as `https://app.example`, separated by commas. A path, user-info or other scheme is refused.
"""


def may_return_to(url: str, origins: tuple[str, ...], *, production: bool) -> bool:
    """Whether people may be sent to `url`: its origin is named, or, outside production, plain http on this machine."""
    origin = origin_of(url)
    if origin is None:
        return False
    parts = urlsplit(url)
    return origin in origins or (not production and parts.scheme == "http" and parts.hostname in LOOPBACK)


def check_return_url(field: str, url: str | None, origins: tuple[str, ...], *, production: bool) -> None:
    """Send nobody to a place that is not ours. Raises Problem (422) that names `field`; None is no wish."""
    if url is not None and not may_return_to(url, origins, production=production):
        raise invalid(field, "return_url_not_allowed", "We send nobody back to this address.")
