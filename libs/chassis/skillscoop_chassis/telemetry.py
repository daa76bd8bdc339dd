"""Structured logs: one line per event, JSON or readable, with the ids of the story, and never a secret in them."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Literal

import structlog
from skillscoop_messages.context import story

Fields = MutableMapping[str, Any]

HIDDEN = "[hidden]"
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
    """Add request, correlation and message ids of the current story."""
    known = story.get(None)
    if known is not None:
        fields.setdefault("correlation_id", known.correlation_id)
        if known.request_id is not None:
            fields.setdefault("request_id", known.request_id)
        if known.causation_id is not None:
            fields.setdefault("message_id", known.causation_id)
    return fields


def _named(service: str) -> Callable[[Any, str, Fields], Fields]:
    def add(_logger: Any, _method: str, fields: Fields) -> Fields:
        fields.setdefault("service", service)
        return fields

    return add


def set_up_logging(service: str, form: Literal["json", "pretty"] = "json", level: str = "info") -> None:
    """Send every log of this process, structlog's and the standard library's, through one chain to stderr.

    Called once by the process that owns the output; never on import.
    """
    chain: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service),
        add_story,
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.error", "aiormq", "aio_pika", "httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
