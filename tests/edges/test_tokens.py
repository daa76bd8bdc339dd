"""Tokens that prove nothing, against every service: one answer for all of them, and nothing of them in it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.edges.all_services import AllServices
from tests.edges.asking import JSON, Header, ask
from tests.edges.expectations import same_for_everybody, wrong_with
from tests.edges.operations import operations
from tests.edges.scenes import Scene
from tests.support.applications import SERVICES
from tests.support.identity import AUDIENCE, Issuer

Make = Callable[[Issuer], list[Header]]
DOORS = {
    "contracts": "/v1/contracts",
    "payments": "/v1/payments",
    "notifications": "/v1/notifications",
    "disputes": "/v1/disputes",
    "reviews": "/v1/contracts/ctr_01940000000070008000ffffffffffff/reviews",
}
"""A path of each service that needs a token."""

STRANGE = OKPKey.generate_key("Ed25519", {"kid": "test-key"})
OTHER_KEYS: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "test-key"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "test-key"}),
}


def text(value: Any) -> str:
    """A part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def bearer(token: str | bytes, scheme: str = "Bearer") -> list[Header]:
    """The header of a token."""
    raw = token if isinstance(token, bytes) else token.encode()
    return [("Authorization", scheme.encode() + b" " + raw)]


def good(issuer: Issuer, **claims: Any) -> dict[str, Any]:
    """Claims that are in order but for what is given."""
    now = int(time.time())
    told = {"iss": issuer.name, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 600, "roles": ["ops"], **claims}
    return {name: value for name, value in told.items() if value != "left out"}


def signed(issuer: Issuer, claims: Any, key: Any = None, alg: str = "EdDSA", **header: Any) -> str:
    """A token as somebody else's key, algorithm or header would make it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode({"alg": alg, "kid": "test-key", **header}, claims, key or issuer.key, algorithms=[alg])


def claims(**changed: Any) -> Make:
    """Rightly signed, with other claims."""
    return lambda issuer: bearer(signed(issuer, good(issuer, **changed)))


def parts(change: Callable[[str, str, str, Issuer], str]) -> Make:
    """A good token, taken apart and put together differently."""

    def make(issuer: Issuer) -> list[Header]:
        header, body, signature = signed(issuer, good(issuer)).split(".")
        return bearer(change(header, body, signature, issuer))

    return make


def raw(value: str | bytes) -> Make:
    """Not even a token."""
    return lambda _issuer: [("Authorization", value)]


def by_secret(known: Callable[[Issuer], bytes], alg: str = "HS256") -> Make:
    """Signed with a secret that everybody knows: the public key."""

    def make(issuer: Issuer) -> list[Header]:
        told = f"{text({'alg': alg, 'kid': 'test-key'})}.{text(good(issuer))}"
        digest = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[alg]
        return bearer(f"{told}.{text(hmac.new(known(issuer), told.encode(), digest).digest())}")

    return make


def head(**header: Any) -> Make:
    """The signature of a good token under another header."""

    def make(issuer: Issuer) -> list[Header]:
        _, body, signature = signed(issuer, good(issuer)).split(".")
        return bearer(f"{text({'alg': 'EdDSA', 'kid': 'test-key', **header})}.{body}.{signature}")

    return make


def resigned(**header: Any) -> Make:
    """Signed by a stranger's key that travels along, or is said to lie somewhere."""
    return lambda issuer: bearer(signed(issuer, good(issuer), STRANGE, **header))


def public(issuer: Issuer) -> dict[str, Any]:
    """The key everybody may have."""
    return dict(issuer.key.as_dict(private=False))


LONG_AGO, SOON = int(time.time()) - 3600, int(time.time()) + 3600
STRANGE_KEY = STRANGE.as_dict(private=False)

REFUSED: dict[str, Make] = {
    "nothing": lambda _: [],
    "an empty header": raw(""),
    "the scheme alone": raw("Bearer"),
    "the scheme and a space": raw("Bearer "),
    "another scheme": lambda issuer: bearer(signed(issuer, good(issuer)), "Basic"),
    "no scheme": lambda issuer: [("Authorization", signed(issuer, good(issuer)))],
    "a scheme that begins alike": lambda issuer: bearer(signed(issuer, good(issuer)), "BearerX"),
    "two spaces": lambda issuer: bearer(" " + signed(issuer, good(issuer))),
    "a tab": lambda issuer: [("Authorization", "Bearer\t" + signed(issuer, good(issuer)))],
    "words behind it": lambda issuer: bearer(signed(issuer, good(issuer)) + " x"),
    "a comma behind it": lambda issuer: bearer(signed(issuer, good(issuer)) + ","),
    "two headers": lambda issuer: bearer(signed(issuer, good(issuer))) * 2,
    "a bad and a good header": lambda issuer: [*bearer("x.y.z"), *bearer(signed(issuer, good(issuer)))],
    "a good and an empty header": lambda issuer: [*bearer(signed(issuer, good(issuer))), ("Authorization", "")],
    "another header": lambda issuer: [("X-Authorization", "Bearer " + signed(issuer, good(issuer)))],
    "a cookie": lambda issuer: [("Cookie", "token=" + signed(issuer, good(issuer)))],
    "words": raw("Bearer words"),
    "three empty parts": raw("Bearer .."),
    "not base64": raw("Bearer %%%.%%%.%%%"),
    "not ASCII": raw("Bearer \xe4.\xf6.\xfc"),
    "bytes": raw(b"Bearer \xff\xfe.\x00.\x01"),
    "alg none": parts(lambda _h, b, _s, _i: f"{text({'alg': 'none', 'kid': 'test-key'})}.{b}."),
    "alg None": parts(lambda _h, b, _s, _i: f"{text({'alg': 'None', 'kid': 'test-key'})}.{b}."),
    "alg nOnE with the signature": head(alg="nOnE"),
    "alg left out": parts(lambda _h, b, s, _i: f"{text({'kid': 'test-key'})}.{b}.{s}"),
    "alg a list": head(alg=["EdDSA"]),
    "alg in lower case": head(alg="eddsa"),
    "HS256 with the public key as PEM": by_secret(lambda issuer: bytes(issuer.key.as_pem(private=False))),
    "HS256 with the public key as DER": by_secret(lambda issuer: bytes(issuer.key.as_der(private=False))),
    "HS256 with the public key as JSON": by_secret(lambda issuer: json.dumps(public(issuer)).encode()),
    "HS256 with the key's x": by_secret(lambda issuer: public(issuer)["x"].encode()),
    "HS256 with nothing": by_secret(lambda _: b""),
    "HS512 with the public key": by_secret(lambda issuer: bytes(issuer.key.as_pem(private=False)), "HS512"),
    "HS256 by somebody": lambda issuer: bearer(signed(issuer, good(issuer), OctKey.import_key("x" * 32), "HS256")),
    "RS256 over EdDSA": head(alg="RS256"),
    "ES256 over EdDSA": head(alg="ES256"),
    "PS256 over EdDSA": head(alg="PS256"),
    "RS256 of a stranger": lambda issuer: bearer(signed(issuer, good(issuer), OTHER_KEYS["RS256"], "RS256")),
    "ES256 of a stranger": lambda issuer: bearer(signed(issuer, good(issuer), OTHER_KEYS["ES256"], "ES256")),
    "a stranger's key of the same name": resigned(),
    "the stranger's key along": resigned(jwk=STRANGE_KEY),
    "the stranger's keys at an address": resigned(jku="https://keys.example/jwks.json"),
    "the stranger's certificate at an address": resigned(x5u="https://keys.example/cert.pem"),
    "an unknown kid": lambda issuer: bearer(signed(issuer, good(issuer), kid="nobody")),
    "a kid that is a path": resigned(kid="../../../../dev/null"),
    "a kid that is a query": resigned(kid="x' UNION SELECT 'secret"),
    "a kid that is an address": resigned(kid="https://keys.example/key"),
    "a kid of 6,000 characters": resigned(kid="k" * 6_000),
    "a kid that is a number": head(kid=7),
    "a kid that is a list": head(kid=["test-key"]),
    "a kid that is null": head(kid=None),
    "crit": head(crit=["exp"]),
    "crit of something unknown": head(crit=["x"], x=1),
    "b64 false": head(b64=False, crit=["b64"]),
    "compressed": head(zip="DEF"),
    "encrypted": lambda issuer: bearer(".".join([text({"alg": "dir", "enc": "A256GCM"}), "", "a", "b", "c"])),
    "a token in a token": lambda issuer: bearer(signed(issuer, {"token": signed(issuer, good(issuer))}, cty="JWT")),
    "another payload": parts(lambda h, _b, s, i: f"{h}.{text(good(i, sub='olga'))}.{s}"),
    "the payload a letter longer": parts(lambda h, b, s, _i: f"{h}.{b}A.{s}"),
    "the signature cut": parts(lambda h, b, s, _i: f"{h}.{b}.{s[:-4]}"),
    "the signature changed": parts(lambda h, b, s, _i: f"{h}.{b}.{'A' if s[0] != 'A' else 'B'}{s[1:]}"),
    "the signature written differently": parts(lambda h, b, s, _i: f"{h}.{b}.{s[:-1]}{chr(ord(s[-1]) + 1)}"),
    "the signature with signs in it": parts(lambda h, b, s, _i: f"{h}.{b}.{s[:9]}!!!!{s[9:]}"),
    "the signature padded": parts(lambda h, b, s, _i: f"{h}.{b}.{s}=="),
    "no signature": parts(lambda h, b, _s, _i: f"{h}.{b}."),
    "the last part missing": parts(lambda h, b, _s, _i: f"{h}.{b}"),
    "a part too many": parts(lambda h, b, s, _i: f"{h}.{b}.{s}.{s}"),
    "expired": claims(exp=LONG_AGO),
    "without exp": claims(exp="left out"),
    "without iss": claims(iss="left out"),
    "without aud": claims(aud="left out"),
    "without sub": claims(sub="left out"),
    "exp a text": claims(exp=str(SOON)),
    "exp a fraction long ago": claims(exp=LONG_AGO + 0.5),
    "exp negative": claims(exp=-1),
    "exp without end": claims(exp=1e300),
    "exp zero": claims(exp=0),
    "exp true": claims(exp=True),
    "exp a list": claims(exp=[SOON]),
    "exp null": claims(exp=None),
    "not valid yet": claims(nbf=SOON),
    "nbf a text": claims(nbf="now"),
    "issued tomorrow": claims(iat=SOON + 86_400),
    "another issuer": claims(iss="https://somebody.example"),
    "an issuer that begins alike": claims(iss="skillscoop-development.evil"),
    "issuers in a list": claims(iss=["skillscoop-development"]),
    "another audience": claims(aud="somebody-else"),
    "audiences without ours": claims(aud=["a", "b"]),
    "an audience that begins alike": claims(aud="skillscoop-admin"),
    "no audience in a list": claims(aud=[]),
    "sub empty": claims(sub=""),
    "sub of 256": claims(sub="x" * 256),
    "sub a number": claims(sub=7),
    "sub null": claims(sub=None),
    "sub a list": claims(sub=["ada"]),
    "sub of two lines": claims(sub="ada\nolga"),
    "sub with NUL": claims(sub="ada\0"),
    "a very long token": claims(more="x" * 20_000),
}  # fmt: skip

ROLES_THAT_ARE_NONE: dict[str, Any] = {
    "none at all": [],
    "left out": "left out",
    "a text": "ops",
    "texts with spaces": [" ops", "ops ", "ops\n"],
    "upper case": ["OPS", "Ops"],
    "letters that look alike": ["оps", "ops\u200b", "ｏｐｓ"],
    "an object": {"ops": True},
    "a list in a list": [["ops"]],
    "numbers": [1, True, None],
    "all in one": ["ops,support", "support ops", "*", "admin", "root"],
    "another claim": {"realm_access": {"roles": ["ops"]}},
    "null": None,
}


async def test_nothing_of_this_is_believed_anywhere(all_services: AllServices) -> None:
    answers: dict[str, str] = {}
    wrong = []
    for service, path in DOORS.items():
        app = all_services.by_name[service].app
        for name, make in REFUSED.items():
            headers = make(all_services.issuer)
            answer = await ask(app, "GET", path, headers=headers)
            secrets = [str(value)[7:40] for key, value in headers if key == "Authorization" and len(value) > 60]
            problems = wrong_with(answer, None, *secrets)
            if (answer.status, answer.header("www-authenticate")) != (401, 'Bearer error="invalid_token"'):
                problems.append(f"{answer.status} {answer.text[:200]}")
            else:
                answers[f"{service} {name}"] = json.dumps(same_for_everybody(answer))
            wrong += [f"{service}, {name}: {one}" for one in problems]

    assert not wrong, "\n".join(wrong)
    assert len(set(answers.values())) == 1
    assert len(REFUSED) >= 90
    assert all_services.changed() == []


async def test_a_token_in_the_address_is_no_token(all_services: AllServices) -> None:
    token = all_services.token("ada")
    for service, path in DOORS.items():
        for name in ("token", "access_token", "jwt", "authorization", "ticket"):
            answer = await ask(all_services.by_name[service].app, "GET", f"{path}?{name}={token}")
            assert (answer.status, wrong_with(answer, None, token)) == (401, []), (service, name)


async def test_tokens_are_looked_at_before_anything_else(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    large = [("Content-Type", JSON), ("Content-Length", "999999999"), ("Authorization", "Bearer x.y.z")]
    for operation in operations(all_services):
        if operation.public:
            continue
        app = all_services.by_name[operation.service].app
        answer = await ask(app, operation.method, operation.address(None), headers=large)
        assert (answer.status, answer.code) == (401, "unauthenticated"), operation.id
        answer = await ask(app, operation.method, operation.address(None), body=b"{", headers=large[:1])
        assert (answer.status, answer.code) == (401, "unauthenticated"), operation.id
    assert all_services.changed() == []


@pytest.mark.parametrize(
    "make",
    [
        claims(),
        claims(aud=["other", AUDIENCE]),
        claims(exp=SOON + 0.5),
        claims(nbf=LONG_AGO),
        claims(sub="x" * 255),
        claims(iat="left out"),
        lambda issuer: bearer(signed(issuer, good(issuer)), "bearer"),
        lambda issuer: bearer(signed(issuer, good(issuer)), "BEARER"),
        lambda issuer: bearer(signed(issuer, good(issuer), typ="at+jwt")),
    ],
)
async def test_what_is_in_order_is_believed_everywhere(all_services: AllServices, make: Make) -> None:
    for service, path in DOORS.items():
        answer = await ask(all_services.by_name[service].app, "GET", path, headers=make(all_services.issuer))
        assert answer.status == (404 if service == "reviews" else 200), (service, answer.text)


@pytest.mark.parametrize("roles", ROLES_THAT_ARE_NONE.values(), ids=ROLES_THAT_ARE_NONE.keys())
async def test_what_looks_like_a_role_is_none(all_services: AllServices, roles: Any) -> None:
    for operation in operations(all_services):
        if not operation.operators or operation.method != "GET":
            continue
        extra = roles if isinstance(roles, dict) and "realm_access" in roles else {"roles": roles}
        headers = bearer(signed(all_services.issuer, good(all_services.issuer, **({"roles": []} | extra))))
        answer = await ask(all_services.by_name[operation.service].app, "GET", operation.address(None), headers=headers)
        assert (answer.status, answer.code, wrong_with(answer, operation)) == (403, "role_missing", []), operation.id


async def test_an_operators_token_opens_no_contract(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    headers = bearer(
        signed(all_services.issuer, good(all_services.issuer, sub="olga", roles=["ops", "admin", "client"]))
    )
    app = all_services.by_name["contracts"].app
    answer = await ask(app, "GET", scenes["funded"].contract, headers=headers)
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("service", SERVICES)
async def test_what_needs_no_token_takes_no_harm_from_a_bad_one(all_services: AllServices, service: str) -> None:
    for operation in operations(all_services):
        if operation.service != service or not operation.public or operation.method != "GET" or operation.streams:
            continue
        for headers in (
            bearer("x.y.z"),
            bearer(signed(all_services.issuer, good(all_services.issuer, exp=LONG_AGO))),
            raw("")(all_services.issuer),
        ):
            answer = await ask(all_services.by_name[service].app, "GET", operation.address(None), headers=headers)
            assert answer.status == 200, (operation.id, answer.text)
    assert all_services.changed() == []
