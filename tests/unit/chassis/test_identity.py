"""Which tokens are believed."""

from __future__ import annotations

import asyncio
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


async def test_withdrawn_key_refuses_tokens_that_were_known(
    verifier: TokenVerifier, source: Source, clock: Clock
) -> None:
    """Given a remembered token, when its key is taken out of the set and the refresh time passes while nobody else
    calls, then the token is refused."""
    token = signed({**GOOD, "exp": NOW + 7200})
    await verifier.verify(token)
    source.keys.remove(ED)

    clock.now += 599
    assert (await verifier.verify(token)).id == "ada"
    clock.now += 2
    with pytest.raises(TokenRefused):
        await verifier.verify(token)


async def test_last_key_withdrawn_refuses_everybody(verifier: TokenVerifier, source: Source, clock: Clock) -> None:
    """Given a remembered token, when the set becomes empty, then it is refused: an empty set is a set."""
    token = signed({**GOOD, "exp": NOW + 7200})
    await verifier.verify(token)
    source.keys.clear()
    clock.now += 601

    with pytest.raises(TokenRefused):
        await verifier.verify(token)


def _others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {task for task in [asyncio.current_task()] if task}


async def test_source_that_hangs_is_waited_for_once(clock: Clock) -> None:
    """Given keys and a source that no longer answers, when it failed once, then known tokens wait for it no more."""
    hangs: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    answers: list[Any] = [{"keys": [ED.as_dict(private=False)]}, OSError(), hangs]

    async def fetch() -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(await answer) if asyncio.isfuture(answer) else answer

    verifier = TokenVerifier(KeySource(fetch, clock), issuer=ISSUER, audience=AUDIENCE, wall=clock)
    token = signed({**GOOD, "exp": NOW + 7200})
    for _ in range(3):
        assert (await verifier.verify(token)).id == "ada"
        await asyncio.sleep(0)
        clock.now += 601

    assert not answers
    hangs.set_result({"keys": []})
    await asyncio.wait_for(asyncio.gather(*_others()), 5)
    with pytest.raises(TokenRefused):
        await verifier.verify(token)


SMALL_RSA = {
    "kty": "RSA",
    "kid": "small",
    "n": b64((2**1023 + 1155).to_bytes(128, "big")),
    "e": "AQAB",
}
UNUSABLE: dict[str, Any] = {
    "null": None,
    "a text": "key",
    "a list": [],
    "an empty object": {},
    "an unknown kind": {"kty": "AKP", "kid": "pq", "pub": "AA"},
    "a kind that is a list": {"kty": ["OKP"], "crv": "Ed25519", "x": "AA"},
    "an unknown curve": {"kty": "EC", "crv": "P-999", "kid": "ec2", "x": "AA", "y": "AA"},
    "a curve we do not verify with": ECKey.generate_key("P-384", {"kid": "p384"}).as_dict(private=False),
    "a curve for agreement": OKPKey.generate_key("X25519", {"kid": "x"}).as_dict(private=False),
    "a curve that is a list": {"kty": "OKP", "crv": [], "x": "AA"},
    "coordinates missing": {"kty": "EC", "crv": "P-256", "kid": "half", "x": "AA"},
    "a point off the curve": {"kty": "EC", "crv": "P-256", "kid": "off", "x": b64(b"\1" * 32), "y": b64(b"\1" * 32)},
    "numbers for texts": {"kty": "OKP", "crv": "Ed25519", "kid": "n", "x": 7},
    "too short a key": {"kty": "OKP", "crv": "Ed25519", "kid": "s", "x": "AA"},
    "an RSA key of 1024 bits": SMALL_RSA,
    "an id that is a number": {**ED.as_dict(private=False), "kid": 7},
    "for encryption": {**STRANGE.as_dict(private=False), "use": "enc"},
    "use and key_ops that differ": {**STRANGE.as_dict(private=False), "use": "sig", "key_ops": ["encrypt"]},
    "key_ops that are a text": {**STRANGE.as_dict(private=False), "key_ops": "verify"},
    "another algorithm": {**STRANGE.as_dict(private=False), "alg": "ES256"},
    "a secret": {"kty": "oct", "kid": "oct", "k": "AAAA"},
}


@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE.keys())
@pytest.mark.parametrize("place", ["first", "last"])
async def test_unusable_key_in_the_set_costs_nobody_else_anything(
    clock: Clock, caplog: pytest.LogCaptureFixture, entry: Any, place: str
) -> None:
    """Given a key set with one key nobody can use, when a token of a good key comes, then it is believed, and the log
    names the key that was left out."""
    good = [key.as_dict(private=False) for key in (ED, EC, RSA)]

    async def fetch() -> dict[str, Any]:
        return {"keys": [entry, *good] if place == "first" else [*good, entry]}

    verifier = TokenVerifier(KeySource(fetch, clock), issuer=ISSUER, audience=AUDIENCE, wall=clock)

    for key, alg in ((ED, "EdDSA"), (EC, "ES256"), (RSA, "RS256")):
        assert (await verifier.verify(signed(GOOD, key, alg))).id == "ada"
    assert [record.levelname for record in caplog.records if "is left out" in record.getMessage()] == ["WARNING"]


async def test_key_that_says_what_it_is_for_is_used(clock: Clock) -> None:
    """Given a key with every optional field set, and a private part that should not be there, then it works."""
    entry = {**ED.as_dict(private=True), "use": "sig", "key_ops": ["sign", "verify"], "alg": "Ed25519", "x5t": 7}

    async def fetch() -> dict[str, Any]:
        return {"keys": [entry]}

    verifier = TokenVerifier(KeySource(fetch, clock), issuer=ISSUER, audience=AUDIENCE, wall=clock)
    assert (await verifier.verify(signed(GOOD))).id == "ada"


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": None}], ids=["empty", "object", "null"])
async def test_what_is_no_key_set_takes_no_key_away(
    verifier: TokenVerifier, source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch, document: Any
) -> None:
    """Given keys, when the source answers something else than a key set, then the known keys stay in use."""
    await verifier.verify(signed(GOOD))

    async def answer(_self: Source) -> Any:
        return document

    monkeypatch.setattr(Source, "__call__", answer)
    clock.now += 601
    assert (await verifier.verify(signed({**GOOD, "exp": NOW + 7200}))).id == "ada"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", None])
async def test_types_of_token_that_are_believed(verifier: TokenVerifier, typ: str | None) -> None:
    header = {"alg": "EdDSA", "kid": "ed"} | ({} if typ is None else {"typ": typ})
    body = f"{b64(header)}.{b64(GOOD)}"
    private: Any = ED.private_key

    assert (await verifier.verify(f"{body}.{b64(private.sign(body.encode()))}")).id == "ada"


@pytest.mark.parametrize("typ", ["", "logout+jwt", "dpop+jwt", "secevent+jwt", "id_token", 7, None, ["JWT"]], ids=repr)
async def test_other_types_of_token_are_refused(verifier: TokenVerifier, typ: Any) -> None:
    """Given a rightly signed token that says it is something else than an access token, then it is refused."""
    body = f"{b64({'alg': 'EdDSA', 'kid': 'ed', 'typ': typ})}.{b64(GOOD)}"
    private: Any = ED.private_key

    with pytest.raises(TokenRefused):
        await verifier.verify(f"{body}.{b64(private.sign(body.encode()))}")


async def test_only_access_tokens_where_the_settings_say_so(clock: Clock, source: Source) -> None:
    keys = KeySource(source, clock)
    verifier = TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE, wall=clock, types=("at+jwt",))

    assert (await verifier.verify(signed(GOOD, typ="at+jwt"))).id == "ada"
    with pytest.raises(TokenRefused):
        await verifier.verify(signed(GOOD, typ="JWT"))


async def test_token_that_ends_too_far_ahead_is_refused(clock: Clock, source: Source) -> None:
    keys = KeySource(source, clock)
    verifier = TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE, wall=clock, max_ahead_seconds=900)

    assert (await verifier.verify(signed({**GOOD, "exp": NOW + 900}))).id == "ada"
    with pytest.raises(TokenRefused):
        await verifier.verify(signed({**GOOD, "exp": NOW + 931}))


async def test_token_of_now_is_believed_by_a_clock_that_is_behind(clock: Clock, source: Source) -> None:
    """Given a stated leeway, when our clock is behind the issuer's by less than that, then a token of now is fine."""
    keys = KeySource(source, clock)
    verifier = TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE, wall=clock, leeway_seconds=90)

    assert (await verifier.verify(signed({**GOOD, "iat": NOW + 89, "nbf": NOW + 89}))).id == "ada"
    with pytest.raises(TokenRefused):
        await verifier.verify(signed({**GOOD, "nbf": NOW + 91}))


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
