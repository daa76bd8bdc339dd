"""Logs without secrets, path patterns, problem codes, cursors."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from skillscoop_chassis.http.paging import PageParams, open_cursor
from skillscoop_chassis.http.paths import any_matcher, matcher
from skillscoop_chassis.http.problems import PROBLEM_CODES, Problem, invalid_fields, register_codes
from skillscoop_chassis.telemetry import HIDDEN, add_story, redact, set_up_logging
from skillscoop_messages.context import TraceContext, trace_context

SECRETS = {
    "token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
    "bearer": "Bearer abcdef123456",
    "stripe key": "sk_test_51AbCdEf",
    "live key": "sk_live_51AbCdEf",
    "webhook secret": "whsec_abcDEF123",
    "client secret": "pi_3Abc_secret_Xyz123",
    "mail address": "ada.lovelace+x@mail.example.org",
    "card number": "4242 4242 4242 4242",
    "database password": "admin:hunter2@",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_secrets_inside_texts_are_hidden(secret: str) -> None:
    text = f"before postgresql://{secret}host/db after" if "hunter2" in secret else f"before {secret} after"
    shown = redact(None, "info", {"event": text, "deep": {"list": [text]}})

    leak = "hunter2" if "hunter2" in secret else secret
    assert leak not in str(shown)
    assert shown["event"].startswith("before ")


def test_fields_with_telling_names_are_hidden() -> None:
    shown = redact(None, "info", {"event": "x", "api_key": "a", "nested": {"client_secret": "b", "amount": 5}})

    assert shown == {"event": "x", "api_key": HIDDEN, "nested": {"client_secret": HIDDEN, "amount": 5}}


def test_ids_and_amounts_stay_readable() -> None:
    fields: dict[str, Any] = {"event": "paid ms_01940000000070008000000000000001 12500 usd", "amount": 12500}

    assert redact(None, "info", dict(fields)) == fields


def test_logs_belong_to_their_story() -> None:
    standing = trace_context.set(TraceContext("cor-1", causation_id="msg-1", request_id="req-1"))
    try:
        shown = add_story(None, "info", {"event": "x"})
    finally:
        trace_context.reset(standing)

    assert shown == {"event": "x", "correlation_id": "cor-1", "message_id": "msg-1", "request_id": "req-1"}


def scope(path: str, method: str = "GET", query: bytes = b"") -> dict[str, Any]:
    return {"type": "http", "path": path, "method": method, "query_string": query}


@pytest.mark.parametrize(
    ("pattern", "fits", "not_fits"),
    [
        ("/v1/policy", scope("/v1/policy"), scope("/v1/policyx")),
        ("GET /v1/policy", scope("/v1/policy"), scope("/v1/policy", "POST")),
        ("/v1/users/{id}/rating", scope("/v1/users/ada/rating"), scope("/v1/users/a/b/rating")),
        ("/webhooks/*", scope("/webhooks/stripe/connect"), scope("/v1/webhooks/stripe")),
        ("/v1/stream?ticket=", scope("/v1/stream", query=b"a=1&ticket=x"), scope("/v1/stream", query=b"xticket=1")),
        ("/v1/a.b", scope("/v1/a.b"), scope("/v1/axb")),
    ],
)
def test_path_patterns(pattern: str, fits: dict[str, Any], not_fits: dict[str, Any]) -> None:
    assert matcher(pattern)(fits)
    assert not matcher(pattern)(not_fits)
    assert any_matcher([pattern])(fits)
    assert not any_matcher([pattern])(not_fits)


def test_codes_have_one_meaning() -> None:
    register_codes({"only_in_this_test": (409, "Title", "Meaning")})
    register_codes({"only_in_this_test": (409, "Title", "Meaning")})
    try:
        with pytest.raises(ValueError, match="already means"):
            register_codes({"only_in_this_test": (400, "Title", "Meaning")})
        assert Problem("only_in_this_test", "x").status == 409
    finally:
        del PROBLEM_CODES["only_in_this_test"]


def test_codes_nobody_registered_cannot_be_said() -> None:
    with pytest.raises(KeyError):
        Problem("made_up", "x")


def test_pointers_are_escaped_and_short() -> None:
    problem = invalid_fields([{"loc": ("body", "a/b~c", 0, "x" * 500), "type": "extra_forbidden", "input": "secret"}])

    assert problem.errors[0]["pointer"] == f"/a~1b~0c/0/{'x' * 64}"


def test_path_parameters_that_do_not_fit_are_404() -> None:
    assert invalid_fields([{"loc": ("path", "revision"), "type": "int_parsing"}]).status == 404


@pytest.mark.parametrize("sort", [datetime(2030, 1, 1, 12, 30, 15, 123456, tzinfo=UTC), 7, "text", None])
def test_cursors_carry_any_sort_value(sort: Any) -> None:
    secrets = ["0123456789abcdef"]
    first = open_cursor(PageParams(25, None), secrets, "scope")
    again = open_cursor(PageParams(25, first.sign(sort, "id_1")), secrets, "scope")

    assert again.position == (sort, "id_1")


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_logs_are_one_line_without_secrets(form: Literal["json", "pretty"], capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    standing = trace_context.set(TraceContext("cor-1", request_id="req-1"))
    try:
        set_up_logging("payments", form)
        logging.getLogger("x").info("paid by %s\nwith more", "ada@mail.example", extra={"amount": 5, "api_key": "k"})
    finally:
        trace_context.reset(standing)
        root.handlers[:], level = before
        root.setLevel(level)
    told = capsys.readouterr().err

    assert "ada@mail.example" not in told
    assert "cor-1" in told
    if form == "json":
        (line,) = told.splitlines()
        fields = json.loads(line)
        assert (fields["event"], fields["amount"], fields["api_key"]) == (f"paid by {HIDDEN}\nwith more", 5, HIDDEN)
        assert (fields["service"], fields["level"], fields["request_id"]) == ("payments", "info", "req-1")


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_errors_in_logs_lose_their_secrets_too(
    form: Literal["json", "pretty"], capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up_logging("payments", form)
        try:
            raise RuntimeError("sk_live_51AbCdEf failed for ada@mail.example")
        except RuntimeError:
            logging.getLogger("x").exception("unexpected")
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    told = capsys.readouterr().err

    assert "Traceback" in told
    assert "sk_live_51AbCdEf" not in told
    assert "ada@mail.example" not in told
