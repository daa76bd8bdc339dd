"""The `Stripe-Signature` header."""

import hashlib
import hmac


def header(payload: str, secret: str, timestamp: int) -> str:
    """`t=…,v1=…` over the payload; `timestamp` is wall time in Unix seconds, because receivers compare it to theirs."""
    signed = f"{timestamp}.{payload}".encode()
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
