"""The development issuer: who says who somebody is, as long as no real identity provider is connected.

Its key lies in the data folder, so tokens survive a restart, and a process or container verifies with the public half.
Production settings refuse this issuer by its name.
"""

import json
import secrets
import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey

from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import DataFolder, write_private

ISSUER = "skillscoop-development"
AUDIENCE = "skillscoop"
ROLES = ("support", "ops", "integrator")


def key_of(folder: DataFolder) -> OKPKey:
    """The folder's Ed25519 key, made by whichever verb needs it first. Raises `Refused` when it cannot be read."""
    try:
        if not folder.key.exists():
            made = OKPKey.generate_key("Ed25519", parameters={"use": "sig", "alg": "EdDSA"}, auto_kid=True)
            write_private(folder.key, json.dumps(made.as_dict(private=True)), replace=False)
        key = OKPKey.import_key(json.loads(folder.key.read_text()))
        public = json.dumps({"keys": [key.as_dict(private=False)]}, indent=2)
        if not folder.jwks.exists() or folder.jwks.read_text() != public:
            write_private(folder.jwks, public, mode=0o644)
    except PermissionError as error:
        raise Refused(f"no right to read {folder.key}; run as its owner or name another folder with --data") from error
    except (ValueError, JoseError) as error:
        raise Refused(f"{folder.key} is no Ed25519 key; remove it and a new one is made (old tokens end)") from error
    return key


def issue(key: OKPKey, sub: str, roles: Sequence[str], ttl: timedelta, now: datetime) -> str:
    """One signed token for user `sub` with `roles`, good for `ttl` from `now` (wall clock).

    Raises `Refused` for a user id that is not 1 to 255 characters or a role nobody knows.
    """
    if not 1 <= len(sub) <= 255:
        raise Refused("a user id has 1 to 255 characters")
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise Refused(f"no role is called {unknown[0]!r}; there are {', '.join(ROLES)}")
    issued = int(now.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": sub,
        "iat": issued,
        "exp": issued + max(1, int(ttl.total_seconds())),
        "jti": secrets.token_hex(8),
        "roles": list(dict.fromkeys(roles)),
    }
    with warnings.catch_warnings():
        # RFC 9864 renames this algorithm to Ed25519; providers and libraries still speak of EdDSA.
        warnings.simplefilter("ignore", SecurityWarning)
        return jwt.encode({"alg": "EdDSA", "typ": "JWT", "kid": key.kid}, claims, key, algorithms=["EdDSA"])
