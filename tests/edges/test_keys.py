"""Keys that are taken away, and keys that nobody can use, at every service."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey
from skillscoop_messages.clock import Clocks, wall_time

from tests.edges.asking import ask
from tests.edges.test_tokens import bearer
from tests.support.applications import SERVICES, build
from tests.support.identity import Issuer

NOWHERE = "/v1/nowhere"
"""A path of nobody: 404 for a caller who is known, 401 for everybody else."""


@pytest.mark.parametrize("service", SERVICES)
async def test_withdrawn_key_refuses_within_its_refresh_time(service: str, tmp_path: Path) -> None:
    """Given a caller whose token is known, and a key set with one unusable key in it,
    when the caller's key is taken out of the set and the refresh time passes while only this caller calls,
    then the token is refused."""
    issuer, scheduled = Issuer(), [timedelta(0)]
    jwks = issuer.jwks_file(tmp_path)
    jwks.write_text(json.dumps({"keys": [None, {"kty": "EC", "crv": "P-999"}, *issuer.jwks()["keys"]]}))
    clocks = Clocks(business=wall_time, wall=lambda: wall_time() + scheduled[0])
    built = build(service, tmp_path, jwks, clocks=clocks, jwks_refresh_seconds=120)
    headers = bearer(issuer.token("ada"))
    try:
        assert (await ask(built.app, "GET", NOWHERE, headers=headers)).status == 404

        other = OKPKey.generate_key("Ed25519", {"kid": "other"})
        jwks.write_text(json.dumps({"keys": [other.as_dict(private=False)]}))
        scheduled[0] = timedelta(seconds=121)

        answer = await ask(built.app, "GET", NOWHERE, headers=headers)
        assert (answer.status, answer.code) == (401, "unauthenticated")
    finally:
        await built.database.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_token_that_ends_far_ahead_is_refused(service: str, tmp_path: Path) -> None:
    """Given a setting for how far ahead a token may end, when one comes that ends later, then it is refused."""
    issuer = Issuer()
    built = build(service, tmp_path, issuer.jwks_file(tmp_path), jwt_max_ahead_seconds=900)
    try:
        for ttl, wanted in ((890, (404,)), (1_000, (401,))):
            answer = await ask(built.app, "GET", NOWHERE, headers=bearer(issuer.token("ada", ttl=ttl)))
            assert answer.status in wanted, (ttl, answer.text)
    finally:
        await built.database.close()
