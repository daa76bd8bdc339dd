"""An issuer of tokens for tests, with a key of its own."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey
from skillscoop_chassis.settings import DEVELOPMENT_ISSUER

AUDIENCE = "skillscoop"


@dataclass(frozen=True)
class Issuer:
    """Signs tokens; `jwks_file(folder)` writes the public half for the services."""

    name: str = DEVELOPMENT_ISSUER
    kid: str = "test-key"
    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519", {"kid": "test-key"}))

    def token(
        self,
        sub: str,
        roles: tuple[str, ...] | list[str] = (),
        *,
        ttl: float = 3600,
        now: float | None = None,
        **claims: Any,
    ) -> str:
        """A token of `sub` with `roles`, valid for `ttl` seconds from `now` (default: the machine's time).

        `claims` replace or add claims; None leaves one out.
        """
        issued = int(time.time() if now is None else now)
        told = {
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": sub,
            "iat": issued,
            "exp": issued + int(ttl),
            "roles": list(roles),
            **claims,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jwt.encode(
                {"alg": "EdDSA", "kid": self.kid},
                {name: value for name, value in told.items() if value is not None},
                self.key,
                algorithms=["EdDSA"],
            )

    def headers(self, sub: str, roles: tuple[str, ...] | list[str] = (), **claims: Any) -> dict[str, str]:
        """The Authorization header of `sub`."""
        return {"Authorization": f"Bearer {self.token(sub, roles, **claims)}"}

    def jwks(self) -> dict[str, Any]:
        """The public key set."""
        return {"keys": [self.key.as_dict(private=False)]}

    def jwks_file(self, folder: Path) -> Path:
        """The public key set as a file in `folder`."""
        path = folder / "jwks.json"
        path.write_text(json.dumps(self.jwks()))
        return path
