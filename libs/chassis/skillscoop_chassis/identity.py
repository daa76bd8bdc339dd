"""Who is calling: JSON Web Tokens verified against a key set from a URL or a file.

Every service verifies by itself. Only asymmetric signatures of a short list are accepted, keys come from the
configured source alone, and whatever key or address a token carries in its header is ignored.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import warnings
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key

LOG = logging.getLogger(__name__)

KEY_TYPES = {"EdDSA": "OKP", "ES256": "EC", "RS256": "RSA"}
"""Signature algorithms that are accepted, and the kind of key each needs."""

LEEWAY_SECONDS = 30
REFETCH_GAP_SECONDS = 30
KEYS_FRESH_SECONDS = 600
TOKEN_MAX_CHARS = 8_192
CACHE_SIZE = 4_096


@dataclass(frozen=True, slots=True)
class Actor:
    """Who calls: the opaque user id (`sub`) and the roles of the token."""

    id: str
    roles: frozenset[str] = frozenset()


class TokenRefused(Exception):
    """The token proves nothing. The message is for logs; callers only hear that it was not valid."""


class KeysUnavailable(Exception):
    """No key set could be read yet, so nothing can be said about any token."""


Fetch = Callable[[], Awaitable[dict[str, Any]]]


def keys_from_file(path: Path) -> Fetch:
    """Read the key set from a file, again each time it is asked for."""

    async def fetch() -> dict[str, Any]:
        return dict(json.loads(path.read_bytes()))  # noqa: ASYNC240 - a small local file, at most once in 30 seconds

    return fetch


def keys_from_url(url: str, timeout_seconds: float = 5.0) -> Fetch:
    """Fetch the key set over HTTP; redirects are not followed."""

    async def fetch() -> dict[str, Any]:
        import httpx2

        async with httpx2.AsyncClient(timeout=timeout_seconds, follow_redirects=False) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            return dict(answer.json())

    return fetch


class KeySource:
    """Public keys by id. Refreshed when old or when a token names an unknown one, at most once in 30 seconds.

    When the source fails the known keys stay in use: an identity provider that is down locks nobody out.
    """

    def __init__(self, fetch: Fetch, wall: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._wall = wall
        self._keys: dict[tuple[str | None, str], Any] = {}
        self._fetched_at = -math.inf
        self._tried_at = -math.inf
        self._lock = asyncio.Lock()
        self.generation = 0

    def find(self, kid: str | None, key_type: str) -> Any | None:
        """The key with this id and type; without an id, the only key of that type."""
        if kid is not None:
            return self._keys.get((kid, key_type))
        fitting = [key for (_, kind), key in self._keys.items() if kind == key_type]
        return fitting[0] if len(fitting) == 1 else None

    def stale(self) -> bool:
        """Whether the keys are older than ten minutes, or were never read."""
        return self._wall().timestamp() - self._fetched_at > KEYS_FRESH_SECONDS

    async def refresh(self) -> None:
        """Read the source again unless that was tried less than 30 seconds ago. Raises KeysUnavailable without keys."""
        async with self._lock:
            now = self._wall().timestamp()
            if now - self._tried_at < REFETCH_GAP_SECONDS and self._keys:
                return
            self._tried_at = now
            try:
                keys = _import(await self._fetch())
            except Exception as error:
                LOG.warning("the key set could not be read: %s", type(error).__name__)
                if not self._keys:
                    raise KeysUnavailable from error
                return
            if {id_: key.as_dict(private=False) for id_, key in keys.items()} != {
                id_: key.as_dict(private=False) for id_, key in self._keys.items()
            }:
                self._keys = keys
                self.generation += 1
            self._fetched_at = now


def _import(document: dict[str, Any]) -> dict[tuple[str | None, str], Any]:
    keys: dict[tuple[str | None, str], Any] = {}
    for entry in document["keys"]:
        if entry.get("kty") not in KEY_TYPES.values() or entry.get("use", "sig") != "sig":
            continue
        key = import_key(entry)
        keys[(entry.get("kid"), entry["kty"])] = key
    if not keys:
        raise ValueError("the key set holds no usable key")
    return keys


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
    if not isinstance(header, dict) or not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
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


class TokenVerifier:
    """Verifies tokens of one issuer for one audience; a token once verified is remembered until it expires."""

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        audience: str,
        wall: Callable[[], datetime],
        roles_claim: str = "roles",
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._roles_claim = roles_claim
        self._wall = wall
        self._known: OrderedDict[bytes, tuple[Actor, float]] = OrderedDict()
        self._generation = keys.generation

    async def verify(self, token: str) -> Actor:
        """The caller behind `token`. Raises TokenRefused, or KeysUnavailable while no key was ever read."""
        actor, _ = await self.verify_until(token)
        return actor

    async def verify_until(self, token: str) -> tuple[Actor, float]:
        """As `verify`, with the time the token expires (seconds since the epoch, leeway not included)."""
        now = self._wall().timestamp()
        if self._generation != self._keys.generation:
            self._known.clear()
            self._generation = self._keys.generation
        name = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(name)
        if known is not None:
            if known[1] + LEEWAY_SECONDS <= now:
                raise TokenRefused("expired")
            self._known.move_to_end(name)
            return known
        claims = await self._claims(token)
        found = self._actor(claims, now)
        self._known[name] = found
        if len(self._known) > CACHE_SIZE:
            self._known.popitem(last=False)
        return found

    async def _claims(self, token: str) -> dict[str, Any]:
        header = _header(token)
        if self._keys.stale():
            await self._keys.refresh()
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
        key = self._keys.find(header.get("kid"), KEY_TYPES[algorithm])
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
        if expires + LEEWAY_SECONDS <= now:
            raise TokenRefused("expired")
        for name in ("nbf", "iat"):
            if name in claims and _number(claims, name) - LEEWAY_SECONDS > now:
                raise TokenRefused(f"{name} lies in the future")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
            raise TokenRefused("sub missing or not usable")
        roles = claims.get(self._roles_claim, [])
        named = roles if isinstance(roles, list) else []
        return Actor(subject, frozenset(role for role in named if isinstance(role, str))), expires
