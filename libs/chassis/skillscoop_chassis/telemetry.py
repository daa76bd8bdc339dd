"""Structured logs: one line per event, JSON or readable, with the ids of the trace, and never a secret in them."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal

from skillscoop_messages.context import trace_context

Fields = MutableMapping[str, Any]

HIDDEN = "[hidden]"
OTHERS = (
    "aio_pika",
    "aiohttp",
    "aiormq",
    "aiosqlite",
    "httpcore2",
    "httpx2",
    "psycopg",
    "sqlalchemy",
    "stripe",
    "uvicorn.error",
)
"""Libraries that are heard from warnings on: below that they write down statements' values and answers' bodies."""

_SECRET_NAMES = re.compile(r"authorization|token|secret|password|api_?key|cookie|email|jwt|signature", re.IGNORECASE)
_SECRET_TEXTS = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # a signed token
    r"|\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]+"  # an API key of Stripe
    r"|\bwhsec_[A-Za-z0-9+/=_-]+"
    r"|\b(?:pi|seti|cs)_[A-Za-z0-9_]+_secret_[A-Za-z0-9_]+"
    r"|[Bb]earer\s+\S+"
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"  # a mail address
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user and password in an address
    r"|\b(?:\d[ -]?){13,19}\b"  # a card number
)


def _hide(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXTS.sub(HIDDEN, value)
    if depth < 6 and isinstance(value, dict):
        return {
            name: HIDDEN if isinstance(name, str) and _SECRET_NAMES.search(name) else _hide(part, depth + 1)
            for name, part in value.items()
        }
    if depth < 6 and isinstance(value, (list, tuple)):
        return [_hide(part, depth + 1) for part in value]
    return value


def redact(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Replace secrets: by the name of the field, and by what they look like inside any text."""
    for name in list(fields):
        fields[name] = HIDDEN if _SECRET_NAMES.search(name) else _hide(fields[name])
    return fields


def add_story(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Add request, correlation and message ids of the current trace."""
    known = trace_context.get(None)
    if known is not None:
        fields.setdefault("correlation_id", known.correlation_id)
        if known.request_id is not None:
            fields.setdefault("request_id", known.request_id)
        if known.causation_id is not None:
            fields.setdefault("message_id", known.causation_id)
    return fields


class JsonLines(logging.Formatter):
    """One JSON object per log record: event, level, logger, time (UTC), service, ids of the trace, extra fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        return json.dumps(self.fields(record), ensure_ascii=True, default=str)

    def fields(self, record: logging.LogRecord) -> Fields:
        """What the record says, without secrets, its traceback included."""
        found = _fields(record, self._service)
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return redact(None, record.levelname, found)


_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def _fields(record: logging.LogRecord, service: str) -> Fields:
    """What a record says; `extra=` of the call stands beside the rest."""
    fields: Fields = {
        "event": record.getMessage(),
        "level": record.levelname.lower(),
        "logger": record.name,
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "service": service,
    }
    fields.update((name, value) for name, value in vars(record).items() if name not in _PLAIN)
    return add_story(None, "", fields)


def _pretty(service: str) -> logging.Formatter:
    # Imported here: with its colours and tracebacks it is as large as a web framework, and only people need it.
    import structlog

    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())

    class Pretty(JsonLines):
        def format(self, record: logging.LogRecord) -> str:
            return str(renderer(None, record.levelname.lower(), self.fields(record)))

    return Pretty(service)


def set_up_logging(service: str, form: Literal["json", "pretty"] = "json", level: str = "info") -> None:
    """Send every log of this process to stderr, one line each, with the ids of its trace and without secrets.

    Called once by the process that owns the output; never on import.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service) if form == "json" else _pretty(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in OTHERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
