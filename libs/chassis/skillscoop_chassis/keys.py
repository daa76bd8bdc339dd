"""Public keys that tokens are verified with: read from a file or an address, again and again, one by one.

A key that cannot be used costs nobody else anything: it is left out and logged. A key that is no longer in the set is
no longer believed once the set was read again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import warnings
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc.jwk import import_key

LOG = logging.getLogger(__name__)

KEYS_FRESH_SECONDS = 600
REFETCH_GAP_SECONDS = 30
RSA_MIN_BITS = 2_048

_NEEDED = {"OKP": ("crv", "x"), "EC": ("crv", "x", "y"), "RSA": ("n", "e")}
_ALGORITHMS: Mapping[tuple[Any, Any], str] = {
    ("OKP", "Ed25519"): "EdDSA",
    ("OKP", "Ed448"): "EdDSA",
    ("EC", "P-256"): "ES256",
    ("RSA", None): "RS256",
}
"""Kind of key and curve, and the one algorithm we verify with it."""

_SPELLINGS = {"EdDSA": ("EdDSA", "Ed25519", "Ed448"), "ES256": ("ES256",), "RS256": ("RS256",)}
"""What the key's own `alg` may say; RFC 9864 renames EdDSA."""

KeySet = dict[tuple[str | None, str], Any]
"""Keys by id and algorithm."""

Fetch = Callable[[], Awaitable[dict[str, Any]]]


class KeysUnavailable(Exception):
    """No key set could be read yet, so nothing can be said about any token."""


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


class _Unusable(Exception):
    """Why one key of the set is left out."""


def _imported(entry: Any) -> tuple[tuple[str | None, str], Any]:
    """Id, algorithm and key of one entry. Raises _Unusable, or whatever the library says of broken numbers."""
    if not isinstance(entry, Mapping):
        raise _Unusable("not an object")
    kind, kid = entry.get("kty"), entry.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise _Unusable("its id is no text")
    algorithm = _ALGORITHMS.get((kind, entry.get("crv"))) if isinstance(entry.get("crv"), (str, type(None))) else None
    if algorithm is None:
        raise _Unusable("of a kind or curve that is not accepted")
    if entry.get("use", "sig") != "sig":
        raise _Unusable("not meant for signatures")
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise _Unusable("not meant for verifying")
    if entry.get("alg", algorithm) not in _SPELLINGS[algorithm]:
        raise _Unusable("meant for another algorithm")
    # Only what the public key is made of: a private part, a certificate or an odd field is nobody's business here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        key: Any = import_key({name: entry[name] for name in ("kty", *_NEEDED[str(kind)])})
    if kind == "RSA" and key.public_key.key_size < RSA_MIN_BITS:
        raise _Unusable(f"shorter than {RSA_MIN_BITS} bits")
    return (kid, algorithm), key


def usable_keys(document: Mapping[str, Any]) -> KeySet:
    """The keys of a set that can be used; each of the others is logged with the reason.

    Raises ValueError when the document is no key set at all. A set that holds nothing for us is an empty one: whoever
    publishes it has taken every key away.
    """
    entries = document["keys"]
    if not isinstance(entries, list):
        raise ValueError("`keys` is no list")
    keys: KeySet = {}
    for number, entry in enumerate(entries):
        try:
            name, key = _imported(entry)
        except Exception as error:
            reason = str(error) if isinstance(error, _Unusable) else f"unreadable: {type(error).__name__}"
            kid = entry.get("kid") if isinstance(entry, Mapping) else None
            LOG.warning("key %d of the key set is left out: %s", number, reason, extra={"kid": str(kid)[:100]})
            continue
        if name in keys:
            LOG.warning("key %d of the key set is left out: its id is taken", number, extra={"kid": str(name[0])[:100]})
            continue
        keys[name] = key
    return keys


def _public(keys: KeySet) -> dict[tuple[str | None, str], Any]:
    return {name: key.as_dict(private=False) for name, key in keys.items()}


class KeySource:
    """Public keys by id. Read again when older than `fresh_seconds` (wall clock) or when a token names an unknown key,
    but not within 30 seconds of the last try.

    When the source fails the known keys stay in use: an identity provider that is down locks nobody out.
    """

    def __init__(
        self, fetch: Fetch, wall: Callable[[], datetime], *, fresh_seconds: float = KEYS_FRESH_SECONDS
    ) -> None:
        self._fetch = fetch
        self._wall = wall
        self._fresh_seconds = fresh_seconds
        self._gap_seconds = min(REFETCH_GAP_SECONDS, fresh_seconds)
        self._keys: KeySet = {}
        self._fetched_at = -math.inf
        self._tried_at = -math.inf
        self._failing = False
        self._attempt: asyncio.Task[None] | None = None
        self.generation = 0

    def find(self, kid: str | None, algorithm: str) -> Any | None:
        """The key with this id for this algorithm; without an id, the only key of that algorithm."""
        if kid is not None:
            return self._keys.get((kid, algorithm))
        fitting = [key for (_, meant), key in self._keys.items() if meant == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    def stale(self) -> bool:
        """Whether the keys are older than the refresh time, or were never read."""
        return self._wall().timestamp() - self._fetched_at > self._fresh_seconds

    async def freshen(self) -> None:
        """Read the source again when the keys are stale.

        Raises KeysUnavailable when there never were any. Nobody waits for a source that failed the last time.
        """
        if self.stale():
            await self._read_again(wait=not self._failing or not self._known())

    async def refresh(self) -> None:
        """Read the source again unless that was tried less than 30 seconds ago. Raises KeysUnavailable without keys."""
        await self._read_again(wait=True)

    def _known(self) -> bool:
        return self._fetched_at > -math.inf

    async def _read_again(self, *, wait: bool) -> None:
        if self._attempt is None:
            now = self._wall().timestamp()
            if self._known() and 0 <= now - self._tried_at < self._gap_seconds:
                return
            self._tried_at = now
            self._attempt = asyncio.create_task(self._read(now))
        if wait:
            # All who ask meanwhile share one try, and one of them going away ends it for nobody.
            await asyncio.shield(self._attempt)
            if not self._known():
                raise KeysUnavailable

    async def _read(self, now: float) -> None:
        try:
            keys = usable_keys(await self._fetch())
        except Exception as error:
            LOG.warning("the key set could not be read: %s", type(error).__name__)
            self._failing = True
            return
        finally:
            self._attempt = None
        if not self._known() or _public(keys) != _public(self._keys):
            if not keys:
                LOG.error("the key set holds no usable key: no token is accepted")
            self._keys = keys
            self.generation += 1
        self._failing = False
        self._fetched_at = now
