"""Which tokens are believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from skillscoop_chassis.identity import Actor, KeySource, KeysUnavailable, TokenRefused, TokenVerifier

NOW = 1_900_000_000
ISSUER, AUDIENCE = "https://issuer.example", "skillscoop"
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
STRANGE = OKPKey.generate_key("Ed25519", {"kid": "ed"})
GOOD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 600, "iat": NOW - 10}


class Clock:
    """A wall clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


class Source:
    """A key set that can change, and fail."""

    def __init__(self, *keys: Any) -> None:
        self.keys = list(keys)
        self.fails = False
        self.reads = 0

    async def __call__(self) -> dict[str, Any]:
        self.reads += 1
        if self.fails:
            raise OSError
        return {"keys": [key.as_dict(private=False) for key in self.keys]}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Source:
    return Source(ED, EC, RSA)


@pytest.fixture
def verifier(clock: Clock, source: Source) -> TokenVerifier:
    return TokenVerifier(KeySource(source, clock), issuer=ISSUER, audience=AUDIENCE, wall=clock)


def signed(claims: dict[str, Any], key: Any = ED, alg: str = "EdDSA", **header: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=[alg])


def b64(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("key", "alg"), [(ED, "EdDSA"), (EC, "ES256"), (RSA, "RS256")], ids=["EdDSA", "ES256", "RS256"]
)
async def test_three_algorithms_are_believed(verifier: TokenVerifier, key: Any, alg: str) -> None:
    assert await verifier.verify(signed({**GOOD, "roles": ["ops", 7]}, key, alg)) == Actor("ada", frozenset({"ops"}))


async def test_one_key_of_its_kind_needs_no_name(verifier: TokenVerifier) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        token = jwt.encode({"alg": "EdDSA"}, GOOD, ED, algorithms=["EdDSA"])

    assert (await verifier.verify(token)).id == "ada"


@pytest.mark.parametrize(
    "roles", ["ops", {"ops": True}, None, 7, [["ops"]]], ids=["text", "object", "null", "number", "nested"]
)
async def test_roles_of_another_shape_are_no_roles(verifier: TokenVerifier, roles: Any) -> None:
    assert (await verifier.verify(signed({**GOOD, "roles": roles}))).roles == frozenset()


async def test_roles_that_only_look_alike_are_other_roles(verifier: TokenVerifier) -> None:
    found = (await verifier.verify(signed({**GOOD, "roles": ["ops ", "Ops", "οps"]}))).roles

    assert "ops" not in found


CLAIMS: dict[str, dict[str, Any]] = {
    "no iss": without("iss"),
    "no aud": without("aud"),
    "no sub": without("sub"),
    "no exp": without("exp"),
    "another issuer": {**GOOD, "iss": ISSUER + "/"},
    "another audience": {**GOOD, "aud": "other"},
    "audiences without ours": {**GOOD, "aud": ["other", "skillscoop2"]},
    "audience inside a text": {**GOOD, "aud": "xskillscoopx"},
    "expired beyond the leeway": {**GOOD, "exp": NOW - 30},
    "exp as text": {**GOOD, "exp": str(NOW + 600)},
    "exp as boolean": {**GOOD, "exp": True},
    "exp without end": {**GOOD, "exp": 1e300},
    "exp before time": {**GOOD, "exp": -1},
    "not yet valid": {**GOOD, "nbf": NOW + 31},
    "issued in the future": {**GOOD, "iat": NOW + 31},
    "empty sub": {**GOOD, "sub": ""},
    "long sub": {**GOOD, "sub": "x" * 256},
    "sub of a number": {**GOOD, "sub": 7},
    "sub of a list": {**GOOD, "sub": ["ada"]},
    "sub with a line break": {**GOOD, "sub": "ada\nbob"},
    "sub with NUL": {**GOOD, "sub": "ada\0"},
}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS.keys())
async def test_claims_that_are_refused(verifier: TokenVerifier, claims: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        await verifier.verify(signed(claims))


FINE: dict[str, dict[str, Any]] = {
    "audiences with ours": {**GOOD, "aud": ["other", AUDIENCE]},
    "expired within the leeway": {**GOOD, "exp": NOW - 29},
    "valid within the leeway": {**GOOD, "nbf": NOW + 29},
    "no iat": without("iat"),
    "sub of 255": {**GOOD, "sub": "x" * 255},
    "sub of other letters": {**GOOD, "sub": "Ада|auth0"},
}


@pytest.mark.parametrize("claims", FINE.values(), ids=FINE.keys())
async def test_claims_that_are_fine(verifier: TokenVerifier, claims: dict[str, Any]) -> None:
    assert (await verifier.verify(signed(claims))).id == claims["sub"]


def _unsigned(alg: str) -> str:
    return f"{b64({'alg': alg, 'kid': 'ed'})}.{b64(GOOD)}."


def _secret_of_the_public_key() -> str:
    signed_part = f"{b64({'alg': 'HS256', 'kid': 'ed'})}.{b64(GOOD)}"
    mac = hmac.new(ED.as_pem(private=False), signed_part.encode(), hashlib.sha256).digest()
    return f"{signed_part}.{b64(mac)}"


def _claims(claims: Any) -> str:
    head, _, signature = signed(GOOD).split(".")
    return f"{head}.{b64(claims)}.{signature}"


def _header(**header: Any) -> str:
    head, claims, signature = signed(GOOD).split(".")
    known = json.loads(base64.urlsafe_b64decode(head + "=="))
    return f"{b64({**known, **header})}.{claims}.{signature}"


FORGED: dict[str, Callable[[], str]] = {
    "alg none": lambda: _unsigned("none"),
    "alg None": lambda: _unsigned("None"),
    "alg nOnE": lambda: _unsigned("nOnE"),
    "HS256 with the public key": _secret_of_the_public_key,
    "another key of the same name": lambda: signed(GOOD, STRANGE),
    "RS256 header on an Ed25519 key": lambda: _header(alg="RS256"),
    "PS256": lambda: signed(GOOD, RSA, "PS256"),
    "unknown key": lambda: signed(GOOD, OKPKey.generate_key("Ed25519", {"kid": "other"})),
    "kid of a path": lambda: _header(kid="../../etc/passwd"),
    "kid of a number": lambda: _header(kid=7),
    "crit": lambda: _header(crit=["exp"]),
    "b64 false": lambda: _header(b64=False),
    "own key along": lambda: _header(jwk=STRANGE.as_dict(private=False)),
    "altered claims": lambda: _claims({**GOOD, "sub": "eve"}),
    "no signature": lambda: signed(GOOD).rpartition(".")[0] + ".",
    "two parts": lambda: signed(GOOD).rpartition(".")[0],
    "five parts": lambda: "a.b.c.d.e",
    "empty": lambda: "",
    "not base64": lambda: "%%%.%%%.%%%",
    "not JSON": lambda: f"{b64(b'{')}.{b64(GOOD)}.AA",
    "header of a list": lambda: f"{b64([])}.{b64(GOOD)}.AA",
    "16 kB": lambda: signed({**GOOD, "more": "x" * 16_000}),
    "claims of a list": lambda: _claims([GOOD]),
    "not ASCII": lambda: signed(GOOD) + "ä",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
async def test_forged_tokens_are_refused(verifier: TokenVerifier, token: Callable[[], str]) -> None:
    with pytest.raises(TokenRefused):
        await verifier.verify(token())


async def test_claims_given_twice_are_refused(verifier: TokenVerifier) -> None:
    head = b64({"alg": "EdDSA", "kid": "ed"})
    text = json.dumps(GOOD)[:-1] + ', "sub": "eve"}'
    body = f"{head}.{b64(text.encode())}"
    private: Any = ED.private_key
    token = f"{body}.{b64(private.sign(body.encode()))}"

    with pytest.raises(TokenRefused):
        await verifier.verify(token)


async def test_token_is_forgotten_when_it_expires(verifier: TokenVerifier, clock: Clock) -> None:
    token = signed(GOOD)
    assert await verifier.verify(token) == await verifier.verify(token)

    clock.now = NOW + 629
    assert (await verifier.verify(token)).id == "ada"
    clock.now = NOW + 630
    with pytest.raises(TokenRefused):
        await verifier.verify(token)


async def test_unknown_keys_are_asked_for_at_most_once_in_thirty_seconds(
    verifier: TokenVerifier, source: Source, clock: Clock
) -> None:
    await verifier.verify(signed(GOOD))
    assert source.reads == 1
    new = OKPKey.generate_key("Ed25519", {"kid": "new"})
    source.keys.append(new)
    for _ in range(20):
        with pytest.raises(TokenRefused):
            await verifier.verify(signed(GOOD, new))
    assert source.reads == 1

    clock.now += 31
    assert (await verifier.verify(signed(GOOD, new))).id == "ada"
    assert source.reads == 2


async def test_keys_taken_away_are_no_longer_believed(verifier: TokenVerifier, source: Source, clock: Clock) -> None:
    token = signed({**GOOD, "exp": NOW + 7200})
    await verifier.verify(token)
    source.keys.remove(ED)
    clock.now += 601
    await verifier.verify(signed({**GOOD, "exp": NOW + 7200}, RSA, "RS256"))

    with pytest.raises(TokenRefused):
        await verifier.verify(token)


async def test_failing_source_locks_nobody_out(verifier: TokenVerifier, source: Source, clock: Clock) -> None:
    await verifier.verify(signed(GOOD))
    source.fails = True
    clock.now += timedelta(hours=1).total_seconds()

    assert (await verifier.verify(signed({**GOOD, "exp": NOW + 7200}))).id == "ada"


async def test_without_any_key_nothing_is_said(verifier: TokenVerifier, source: Source) -> None:
    source.fails = True
    with pytest.raises(KeysUnavailable):
        await verifier.verify(signed(GOOD))

    source.fails = False
    assert (await verifier.verify(signed(GOOD))).id == "ada"


async def test_secrets_in_the_key_set_are_not_keys(clock: Clock) -> None:
    secret = OctKey.import_key("a-shared-secret-of-32-characters", {"kid": "oct"})

    async def fetch() -> dict[str, Any]:
        return {"keys": [secret.as_dict(private=True), ED.as_dict(private=False)]}

    verifier = TokenVerifier(KeySource(fetch, clock), issuer=ISSUER, audience=AUDIENCE, wall=clock)
    assert (await verifier.verify(signed(GOOD))).id == "ada"
    with pytest.raises(TokenRefused):
        await verifier.verify(signed(GOOD, secret, "HS256"))
