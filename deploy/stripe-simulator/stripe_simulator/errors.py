"""Refusals in Stripe's shapes.

Two flags decide what stays behind a refusal. `kept`: the answer is remembered under its idempotency key, as Stripe
does for everything that began to execute; a call whose parameters were wrong leaves nothing. `effects`: the
transaction is committed although the answer is an error, because a declined card leaves a failed charge.
"""

from typing import Any

Json = dict[str, Any]


class Refusal(Exception):
    """An error answer: HTTP status and the fields of Stripe's error object."""

    def __init__(
        self,
        status: int,
        type: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kept: bool = True,
        effects: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kept = kept
        self.effects = effects
        self.error: Json = {"type": type, "message": message, "code": code, "param": param, **more}

    def body(self) -> Json:
        """The answer's body; fields without a value are left out, as Stripe does."""
        return {"error": {name: value for name, value in self.error.items() if value is not None}}


def invalid(message: str, *, code: str | None = None, param: str | None = None, **more: Any) -> Refusal:
    """400 after the call began: the state of things forbids it."""
    return Refusal(400, "invalid_request_error", message, code=code, param=param, **more)


def bad_parameter(message: str, *, code: str | None = None, param: str | None = None) -> Refusal:
    """400 before anything began: the parameters themselves are wrong."""
    return Refusal(400, "invalid_request_error", message, code=code, param=param, kept=False)


def missing(kind: str, id: str, param: str = "id") -> Refusal:
    """An object that does not exist or belongs to another account: 404 for the addressed one, 400 for a referenced."""
    status = 404 if param in ("id", "intent", "session") else 400
    noun = kind.removeprefix("v2.core.").replace(".", "_")
    code = "not_found" if kind.startswith("v2.") else "resource_missing"
    return Refusal(status, "invalid_request_error", f"No such {noun}: '{id}'", code=code, param=param)


def unauthorized(message: str) -> Refusal:
    """401: no key, or one that may not be used here."""
    return Refusal(401, "invalid_request_error", message, kept=False)


def wrong_account(account: str) -> Refusal:
    """403: an account that is not, or no longer, connected here is named."""
    message = f"No account '{account}' is connected to this platform."
    return Refusal(403, "invalid_request_error", message, code="account_invalid", kept=False)


def key_reused(key: str) -> Refusal:
    """400: the idempotency key was used with other parameters or on another address. It has no code."""
    message = f"The idempotency key '{key}' belongs to a request with other parameters or another address."
    return Refusal(400, "idempotency_error", message, kept=False)


def key_in_use(key: str) -> Refusal:
    """409: a request with this key is running."""
    message = f"A request with the idempotency key '{key}' is still running."
    return Refusal(409, "invalid_request_error", message, code="idempotency_key_in_use", kept=False)


def too_many() -> Refusal:
    """429: the rate limit."""
    return Refusal(429, "invalid_request_error", "Too many requests at once.", code="rate_limit", kept=False)


def broken() -> Refusal:
    """500: something failed at Stripe's side."""
    return Refusal(500, "api_error", "Something went wrong on the simulator's side.")
