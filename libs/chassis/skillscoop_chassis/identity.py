"""Who is calling: JSON Web Tokens verified against a key set from a URL or a file.

Every service verifies by itself. Only asymmetric signatures of a short list are accepted, keys come from the
configured source alone, and whatever key or address a token carries in its header is ignored.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from skillscoop_chassis.keys import KeySource, KeysUnavailable, keys_from_file, keys_from_url

ALGORITHMS = ("EdDSA", "ES256", "RS256")
"""Signature algorithms that are accepted."""

LEEWAY_SECONDS = 30
"""How far the clock of whoever issues tokens and ours may be apart, for `iat`, `nbf` and `exp`."""

MAX_AHEAD_SECONDS = 31 * 86_400
"""How far ahead `exp` may lie."""

TYPES = ("JWT", "at+jwt")
TOKEN_MAX_CHARS = 8_192
CACHE_SIZE = 4_096


@dataclass(frozen=True, slots=True)
class Actor:
    """Who calls: the opaque user id (`sub`) and the roles of the token."""

    id: str
    roles: frozenset[str] = frozenset()


class TokenRefused(Exception):
    """The token proves nothing. The message is for logs; callers only hear that it was not valid."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _header(token: str) -> dict[str, Any]:
    if len(token) > TOKEN_MAX_CHARS or token.count(".") != 2:
        raise TokenRefused("not a signed token")
    part = token.split(".", 1)[0]
    try:
        header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise TokenRefused("unreadable header") from error
    algorithm = header.get("alg") if isinstance(header, dict) else None
    if not isinstance(header, dict) or not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenRefused("algorithm not accepted")
    if "crit" in header or "b64" in header or "zip" in header or "enc" in header:
        raise TokenRefused("header asks for something we do not do")
    if not isinstance(header.get("kid", ""), str):
        raise TokenRefused("key id is no text")
    return header


def _number(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 2**53:
        raise TokenRefused(f"{name} missing or no time")
    return float(value)


def _plain_type(value: Any) -> str | None:
    """The token's type without the prefix that RFC 7515 lets people leave out, lower case; None for no text."""
    return value.lower().removeprefix("application/") if isinstance(value, str) else None


class TokenVerifier:
    """Verifies tokens of one issuer for one audience; a token once verified is remembered until it expires.

    `types` are the accepted values of the header `typ`; a token without it is a plain `JWT`. `leeway_seconds` is how
    far clocks may be apart, `max_ahead_seconds` how far ahead `exp` may lie.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        audience: str,
        wall: Callable[[], datetime],
        roles_claim: str = "roles",
        types: Sequence[str] = TYPES,
        leeway_seconds: float = LEEWAY_SECONDS,
        max_ahead_seconds: float = MAX_AHEAD_SECONDS,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._roles_claim = roles_claim
        self._wall = wall
        self._types = frozenset(_plain_type(one) for one in types)
        self._leeway = leeway_seconds
        self._max_ahead = max_ahead_seconds
        self._known: OrderedDict[bytes, tuple[Actor, float]] = OrderedDict()
        self._generation = keys.generation

    async def verify(self, token: str) -> Actor:
        """The caller behind `token`. Raises TokenRefused, or KeysUnavailable while no key was ever read."""
        actor, _ = await self.verify_until(token)
        return actor

    async def verify_until(self, token: str) -> tuple[Actor, float]:
        """As `verify`, with the time the token expires (seconds since the epoch, leeway not included)."""
        name = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        header = None if name in self._known else self._header(token)
        # A remembered token is only as good as the key it was signed with, so the keys are looked after first.
        await self._keys.freshen()
        if self._generation != self._keys.generation:
            self._known.clear()
            self._generation = self._keys.generation
        now = self._wall().timestamp()
        known = self._known.get(name)
        if known is not None:
            if known[1] + self._leeway <= now:
                raise TokenRefused("expired")
            self._known.move_to_end(name)
            return known
        claims = await self._claims(token, header or self._header(token))
        found = self._actor(claims, now)
        self._known[name] = found
        if len(self._known) > CACHE_SIZE:
            self._known.popitem(last=False)
        return found

    def _header(self, token: str) -> dict[str, Any]:
        header = _header(token)
        if _plain_type(header.get("typ", "JWT")) not in self._types:
            raise TokenRefused("another type of token")
        return header

    async def _claims(self, token: str, header: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._opened(token, header)
        except TokenRefused:
            before = self._keys.generation
            await self._keys.refresh()
            if self._keys.generation == before:
                raise
            return self._opened(token, header)

    def _opened(self, token: str, header: dict[str, Any]) -> dict[str, Any]:
        algorithm = header["alg"]
        key = self._keys.find(header.get("kid"), algorithm)
        if key is None:
            raise TokenRefused("no such key")
        try:
            with warnings.catch_warnings():
                # The name EdDSA is being replaced by Ed25519 in RFC 9864; identity providers still write EdDSA.
                warnings.simplefilter("ignore")
                signed = jws.deserialize_compact(token.encode("ascii"), key, algorithms=[algorithm])
            claims = json.loads(signed.payload or b"", object_pairs_hook=_object)
        except (JoseError, ValueError, RecursionError, TypeError, KeyError) as error:
            raise TokenRefused(f"not verified: {type(error).__name__}") from error
        if not isinstance(claims, dict):
            raise TokenRefused("claims are no object")
        return claims

    def _actor(self, claims: dict[str, Any], now: float) -> tuple[Actor, float]:
        if claims.get("iss") != self._issuer:
            raise TokenRefused("another issuer")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenRefused("another audience")
        expires = _number(claims, "exp")
        if expires + self._leeway <= now:
            raise TokenRefused("expired")
        if expires - self._max_ahead - self._leeway > now:
            raise TokenRefused("exp lies too far ahead")
        for name in ("nbf", "iat"):
            if name in claims and _number(claims, name) - self._leeway > now:
                raise TokenRefused(f"{name} lies in the future")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
            raise TokenRefused("sub missing or not usable")
        roles = claims.get(self._roles_claim, [])
        named = roles if isinstance(roles, list) else []
        return Actor(subject, frozenset(role for role in named if isinstance(role, str))), expires


__all__ = [
    "ALGORITHMS",
    "Actor",
    "KeySource",
    "KeysUnavailable",
    "TokenRefused",
    "TokenVerifier",
    "keys_from_file",
    "keys_from_url",
]
