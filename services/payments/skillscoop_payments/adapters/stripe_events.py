"""Webhooks: is it Stripe's, and what should we look at because of it? Nothing of the event's content is believed."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from skillscoop_payments.gateway import Subject

Endpoint = Literal["platform", "connect", "thin"]
TOLERANCE = timedelta(seconds=300)
DEEPEST = 64
_SECONDS = re.compile(r"[0-9]{1,12}")
_UNSAFE = re.compile("[\x00\ud800-\udfff]")

SUBJECTS: Mapping[str, Subject] = {
    "payment_intent.requires_action": "payment",
    "payment_intent.processing": "payment",
    "payment_intent.succeeded": "payment",
    "payment_intent.payment_failed": "payment",
    "payment_intent.canceled": "payment",
    "charge.updated": "payment",
    "charge.failed": "payment",
    "charge.expired": "payment",
    "checkout.session.completed": "checkout",
    "checkout.session.expired": "checkout",
    "refund.created": "refund",
    "refund.updated": "refund",
    "refund.failed": "refund",
    "transfer.created": "transfer",
    "v2.core.account[configuration.recipient].capability_status_updated": "account",
    "v2.core.account[requirements].updated": "account",
    "v2.core.account.closed": "account",
    "v2.core.account.updated": "account",
}
"""Events that make us look, and at what. All others are kept and lead to nothing."""


class WebhookRefused(Exception):
    """The delivery is not one of Stripe's for this place: forged, too old, from the future, or not readable."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A believed delivery: what to look at; `ref` is None when it leads to nothing.

    `payload` is for operators alone, and None where it holds what no database stores.
    """

    event_id: str
    type: str
    subject: str
    ref: str | None
    payload: dict[str, Any] | None


def verify(body: bytes, header: str, secrets: Sequence[str], now: datetime) -> None:
    """Have the SDK check the signature over the raw bytes against each secret. Raises WebhookRefused.

    The signed time may be 300 seconds away from `now` (wall time) in both directions: an old delivery may be a replay,
    one from the future was signed by somebody whose clock we do not share. The SDK takes any time ahead and asks the
    machine's clock, so the time is held against ours here.
    """
    parts = [part.strip() for part in header.split(",")]
    times = [part.removeprefix("t=") for part in parts if part.startswith("t=")]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]):
        raise WebhookRefused("there is no signature")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE.total_seconds():
        raise WebhookRefused("the signature is not of this moment")
    # Every secret is tried, so that the time it takes tells nothing.
    matches = [_signed(body, ",".join(parts), secret) for secret in secrets]
    if not any(matches):
        raise WebhookRefused("the signature is not of any secret we know")


def _signed(body: bytes, header: str, secret: str) -> bool:
    import stripe

    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret))
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        # The last two: a body that is no UTF-8, and a signature that is no ASCII.
        return False


def read(body: bytes, endpoint: Endpoint, *, live: bool) -> Notice:
    """What a verified delivery wants looked at. Raises WebhookRefused for another kind of event or another mode."""
    try:
        event = json.loads(body, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise WebhookRefused("the event cannot be read") from error
    event_id, kind = (_text(event.get(name)) for name in ("id", "type")) if isinstance(event, dict) else (None, None)
    if event_id is None or kind is None:
        raise WebhookRefused("the event has no name or no type")
    if event.get("object") != ("v2.core.event" if endpoint == "thin" else "event"):
        raise WebhookRefused("this endpoint takes another kind of event")
    if event.get("livemode", False) is not live:
        raise WebhookRefused("the event is of another mode than this environment")
    subject = SUBJECTS.get(kind)
    ref = _ref(event, kind, endpoint) if subject else None
    return Notice(event_id, kind, subject or "nothing", ref, event if _storable(event) else None)


def _no_json(_name: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _storable(value: Any) -> bool:
    """Whether it can be kept: PostgreSQL takes no NUL, no database half a surrogate pair, and nothing is that deep."""
    left = [(value, 0)]
    while left:
        part, depth = left.pop()
        if isinstance(part, str) and _UNSAFE.search(part):
            return False
        if isinstance(part, dict | list):
            if depth == DEEPEST:
                return False
            left += [(below, depth + 1) for below in part]
            left += [(below, depth + 1) for below in part.values()] if isinstance(part, dict) else []
    return True


def _ref(event: Mapping[str, Any], kind: str, endpoint: Endpoint) -> str | None:
    """The id of what to look at: of a charge's event, the intent it belongs to."""
    if endpoint == "thin":
        related = event.get("related_object")
        return _text(related.get("id")) if isinstance(related, Mapping) else None
    data = event.get("data")
    body = data.get("object") if isinstance(data, Mapping) else None
    if endpoint == "connect" or not isinstance(body, Mapping):
        return None
    return _text(body.get("payment_intent") if kind.startswith("charge.") else body.get("id"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 255 and _storable(value) else None
