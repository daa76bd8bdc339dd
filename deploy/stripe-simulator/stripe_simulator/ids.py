"""Identifiers that look like Stripe's: a prefix that tells the kind, then random letters and digits."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def letters(length: int) -> str:
    """Random letters and digits."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in secrets.token_bytes(length))


def new(prefix: str, length: int = 24) -> str:
    """A fresh identifier such as `pi_…`."""
    return f"{prefix}_{letters(length)}"
