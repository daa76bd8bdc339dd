"""What every refusal must look like."""

from __future__ import annotations

from typing import Any

from skillscoop_chassis.http.problems import PROBLEM_CODES

from tests.edges.asking import PROBLEM, Answer
from tests.edges.operations import Operation

CANARY = "canary-5e1f"
"""Stands in every value a test makes up; no problem may repeat it."""

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


def wrong_with(answer: Answer, operation: Operation | None = None, *secrets: str) -> list[str]:
    """What is wrong with a problem: its form, its code, what it repeats. Empty when all is well."""
    if answer.header("content-type") != PROBLEM:
        return [f"{answer.status} is no problem document: {answer.text[:200]}"]
    body: dict[str, Any] = answer.json()
    wrong = [f"lacks {name}" for name in sorted(MEMBERS - body.keys())]
    if wrong:
        return wrong
    known = PROBLEM_CODES.get(body["code"])
    if known is None or (known.status, known.title) != (answer.status, body["title"]):
        wrong.append(f"code {body['code']} is not registered for {answer.status}")
    if body["status"] != answer.status or body["type"] != f"urn:skillscoop:problem:{body['code']}":
        wrong.append("status or type do not fit")
    if not body["request_id"] or body["request_id"] != answer.header("x-request-id"):
        wrong.append("X-Request-Id and request_id differ")
    if any(set(one) != {"pointer", "code", "detail"} for one in body.get("errors", [])):
        wrong.append("errors of another shape")
    if (answer.header("cache-control"), answer.header("x-content-type-options")) != ("no-store", "nosniff"):
        wrong.append("security headers are missing")
    if operation is not None and str(answer.status) not in operation.told["responses"]:
        wrong.append(f"{answer.status} is not documented")
    wrong += [f"repeats {secret!r}" for secret in (CANARY, *secrets) if secret in answer.text]
    return wrong


def same_for_everybody(answer: Answer) -> dict[str, Any]:
    """A problem without what names this request."""
    return {name: value for name, value in answer.json().items() if name not in ("instance", "request_id")}
