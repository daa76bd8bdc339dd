"""Errors as RFC 9457 problem details, each with a stable code.

A problem never repeats what the caller sent. Codes are a closed list: a service adds its own with `register_codes`,
and the documentation of all of them is generated from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.responses import Response


class ProblemCode(NamedTuple):
    """What a code means: HTTP status, short title, and a sentence for the documentation."""

    status: int
    title: str
    meaning: str


PROBLEM_CODES: dict[str, ProblemCode] = {
    "body_malformed": ProblemCode(
        400,
        "The body cannot be read",
        "Not UTF-8, not JSON, a name twice in one object, deeper than 32 levels, NUL or a lone surrogate in a text.",
    ),
    "request_malformed": ProblemCode(
        400, "The request cannot be read", "Not a request in HTTP/1.1, or a head too large."
    ),
    "query_malformed": ProblemCode(400, "The query cannot be read", "The query string holds a NUL character."),
    "cursor_invalid": ProblemCode(
        400, "The cursor is not valid", "Not a cursor of this list, of this caller, or no longer signed by a known key."
    ),
    "idempotency_key_required": ProblemCode(
        400, "Idempotency-Key is required", "Calls that move money must carry an Idempotency-Key."
    ),
    "idempotency_key_invalid": ProblemCode(
        400, "Idempotency-Key is not valid", "1 to 255 visible ASCII characters, sent once."
    ),
    "unauthenticated": ProblemCode(
        401, "A valid token is needed", "No bearer token, or one that is expired, forged or meant for somebody else."
    ),
    "forbidden": ProblemCode(403, "Not yours to do", "The object is known to you, but only another party may do this."),
    "role_missing": ProblemCode(403, "A role is missing", "The token does not carry the role this call needs."),
    "not_found": ProblemCode(404, "Not found", "Nothing is here for you; also said of what belongs to strangers."),
    "method_not_allowed": ProblemCode(405, "Method not allowed", "The path exists, the method does not."),
    "request_timeout": ProblemCode(
        408, "The request came too slowly", "Headers or body were not complete in time; the connection is closed."
    ),
    "conflict": ProblemCode(409, "Not possible now", "The object's state does not allow this."),
    "idempotency_key_in_use": ProblemCode(
        409, "The same call is still running", "A call with this Idempotency-Key has not ended; ask again in a second."
    ),
    "second_operator_differs": ProblemCode(
        409, "A second operator is needed", "Asked again by the same operator, or with another body than the first."
    ),
    "version_stale": ProblemCode(412, "The object has changed", "If-Match names another version than the current one."),
    "body_too_large": ProblemCode(413, "The body is too large", "More bytes than this path takes."),
    "media_type_unsupported": ProblemCode(
        415, "Media type not supported", "Bodies are application/json, not compressed; uploads are multipart/form-data."
    ),
    "invalid_request": ProblemCode(422, "The request is not valid", "`errors` points at each field and says why."),
    "idempotency_key_reused": ProblemCode(
        422, "Idempotency-Key was used before", "The same key came with another body."
    ),
    "precondition_required": ProblemCode(428, "If-Match is required", "Send the ETag you last saw in If-Match."),
    "headers_too_large": ProblemCode(
        431, "The headers are too large", "Request line and headers together are larger than 32 KB."
    ),
    "internal_error": ProblemCode(
        500, "Something went wrong here", "Nothing was changed, or the same Idempotency-Key finds the answer."
    ),
    "unavailable": ProblemCode(
        503, "Not available right now", "Something this call needs is away; the same call may be sent again."
    ),
}
"""Every code that can be answered, of the chassis and of the services imported in this process."""


def register_codes(codes: Mapping[str, tuple[int, str, str]]) -> None:
    """Add a service's codes as code -> (status, title, meaning). Raises ValueError for a second meaning of a code."""
    for code, entry in codes.items():
        known = PROBLEM_CODES.setdefault(code, ProblemCode(*entry))
        if known != ProblemCode(*entry):
            raise ValueError(f"problem code {code} already means something else")


class Problem(Exception):
    """An answer that is not a success. Raised anywhere on the way of a request; the transaction is rolled back.

    `errors` are `{pointer, code, detail}`; `extensions` become members of the body. Raises KeyError for a code that
    nobody registered.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        known = PROBLEM_CODES[code]
        self.status = known.status
        self.code = code
        self.title = known.title
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})

    def response(self, instance: str, request_id: str) -> Response:
        """The problem as an HTTP response for the request `request_id` to the path `instance`."""
        body: dict[str, Any] = {
            "type": f"urn:skillscoop:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "request_id": request_id,
            **self.extensions,
        }
        if self.errors:
            body["errors"] = self.errors
        return Response(
            json.dumps(body, ensure_ascii=True, default=str).encode(),
            status_code=self.status,
            media_type="application/problem+json",
            headers=self.headers,
        )


def not_found() -> Problem:
    """The one answer for what is not there and for what belongs to strangers."""
    return Problem("not_found", "There is nothing here for you.")


def forbidden(code: str = "forbidden", detail: str = "Only another party may do this.") -> Problem:
    """A party asks for what only another may do."""
    return Problem(code, detail)


def conflict(
    code: str,
    detail: str,
    *,
    state: str | None = None,
    version: int | None = None,
    allowed: Sequence[str] | None = None,
    **extensions: Any,
) -> Problem:
    """The state does not allow it: tells the current state and version, and which actions would be allowed."""
    told = {"state": state, "version": version, "allowed": None if allowed is None else list(allowed)}
    return Problem(code, detail, extensions={**{k: v for k, v in told.items() if v is not None}, **extensions})


def invalid(pointer: str, code: str, detail: str) -> Problem:
    """One field of the body is not acceptable; `pointer` is a JSON Pointer such as `/milestones/0/amount`."""
    return Problem(
        "invalid_request",
        "The request is not valid.",
        errors=[{"pointer": pointer, "code": code, "detail": detail}],
    )


def precondition_failed(version: int, *, unquoted: bool = False) -> Problem:
    """If-Match named another version than `version`, the current one, or forgot the quotes around it."""
    detail = (
        "If-Match takes the ETag as it was sent, with its quotes."
        if unquoted
        else "The object has changed since you last saw it."
    )
    return Problem("version_stale", detail, extensions={"version": version})


def precondition_required() -> Problem:
    """This call needs If-Match."""
    return Problem("precondition_required", "Send the version you last saw as If-Match.")


def unavailable(detail: str = "Please try again shortly.", retry_after: int = 2) -> Problem:
    """Something is away; `retry_after` in seconds."""
    return Problem("unavailable", detail, headers={"Retry-After": str(retry_after)})


PROBLEM_CONTENT: dict[str, Any] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457 problem details. `code` is stable; further members depend on it.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}

STATUS_WORDS = {
    400: "The request cannot be read",
    401: "No valid token",
    403: "Known to you, but not yours to do",
    404: "Nothing here for you",
    405: "The path does not take this method",
    408: "The request was not complete in time",
    409: "Not possible in this state",
    412: "If-Match names another version",
    413: "The body is too large",
    415: "Media type not supported",
    422: "A field is not valid",
    428: "If-Match is required",
    431: "The headers are too large",
    429: "More often than the limit allows; see Retry-After",
    500: "Something went wrong here",
    503: "Something this call needs is away",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route for these problem statuses. The application adds the usual ones by itself."""
    return {
        status: {"description": STATUS_WORDS.get(status, "A problem"), "content": PROBLEM_CONTENT}
        for status in statuses
    }


_VALIDATION_CODES = {
    "extra_forbidden": ("unknown_field", "This field is not known."),
    "missing": ("required", "This field is required."),
    "string_too_short": ("too_short", "This text is too short."),
    "string_too_long": ("too_long", "This text is too long."),
    "too_short": ("too_few", "There are too few entries."),
    "too_long": ("too_many", "There are too many entries."),
    "greater_than": ("out_of_range", "This number is too small."),
    "greater_than_equal": ("out_of_range", "This number is too small."),
    "less_than": ("out_of_range", "This number is too large."),
    "less_than_equal": ("out_of_range", "This number is too large."),
    "literal_error": ("not_allowed", "This value is not one of those allowed."),
    "enum": ("not_allowed", "This value is not one of those allowed."),
    "string_pattern_mismatch": ("malformed", "This text does not have the right form."),
    "value_error": ("malformed", "This value does not have the right form."),
    "json_invalid": ("malformed", "This is not JSON."),
}


def _segment(part: Any) -> str:
    return str(part)[:64].replace("~", "~0").replace("/", "~1")


def invalid_fields(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """What the validator found, without its input: body fields as JSON Pointer, query parameters as `?name`.

    A path parameter that does not fit is a malformed id, so the whole answer is 404.
    """
    told = []
    for error in errors:
        place, *path = error["loc"] or ("body",)
        if place == "path":
            return not_found()
        code, detail = _VALIDATION_CODES.get(error["type"], ("wrong_type", "This value has the wrong type."))
        if place == "body":
            pointer = "".join(f"/{_segment(part)}" for part in path)
        else:
            pointer = "?" + ".".join(_segment(part) for part in path)
        told.append({"pointer": pointer, "code": code, "detail": detail})
    return Problem("invalid_request", "The request is not valid.", errors=told)
