"""Webhooks: is it Stripe's, and what should we poll because of it? Nothing of the event's content is believed."""

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
    "transfer.reversed": "transfer",
    "transfer.updated": "transfer",
    "charge.dispute.created": "dispute",
    "charge.dispute.updated": "dispute",
    "charge.dispute.closed": "dispute",
    "charge.dispute.funds_withdrawn": "dispute",
    "charge.dispute.funds_reinstated": "dispute",
    "account.application.deauthorized": "account",
    "v2.core.account[configuration.recipient].capability_status_updated": "account",
    "v2.core.account[requirements].updated": "account",
    "v2.core.account.closed": "account",
    "v2.core.account.updated": "account",
}
"""Events that make us poll, and what. All others are kept and lead to nothing."""


class WebhookRefused(Exception):
    """The delivery is not one of Stripe's for this place: forged, too old, from the future, or not readable."""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A believed delivery: what to poll; `ref` is None when it leads to nothing.

    `payload` is what is kept of it for operators: names and ids, nothing about people.
    """

    event_id: str
    type: str
    subject: str
    ref: str | None
    payload: dict[str, Any]


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


def read(body: bytes, endpoint: Endpoint, *, live: bool) -> ProviderEvent:
    """What a verified delivery wants polled. Raises WebhookRefused for another kind of event or another mode."""
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
    return ProviderEvent(event_id, kind, subject or "nothing", ref, reduced(event))


def reduced(event: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event is worth keeping: which one it was, when, and about which object in which state.

    Everything else, billing details and mail addresses among it, can be asked for at Stripe for thirty days, and what
    we act on is asked for anyway.
    """
    data, related, request = (event.get(name) for name in ("data", "related_object", "request"))
    inner = data.get("object") if isinstance(data, Mapping) else None
    about = inner if isinstance(inner, Mapping) else related if isinstance(related, Mapping) else {}
    kept = {name: event.get(name) for name in ("id", "object", "type", "created", "livemode", "api_version", "account")}
    kept["about"] = {name: about.get(name) for name in ("id", "object", "type", "status")}
    kept["request"] = request.get("id") if isinstance(request, Mapping) else None
    return _plain(kept)


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty, long, nested or not storable."""
    found: dict[str, Any] = {}
    for name, part in value.items():
        if name == "about":
            found[name] = _plain(part)
        elif isinstance(part, bool) or (isinstance(part, int) and abs(part) < 2**53) or _text(part) is not None:
            found[name] = part
    return found


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
    """The id of what to poll: of a charge's event, the intent it belongs to."""
    if endpoint == "thin":
        related = event.get("related_object")
        return _text(related.get("id")) if isinstance(related, Mapping) else None
    data = event.get("data")
    body = data.get("object") if isinstance(data, Mapping) else None
    if endpoint == "connect":
        # The object inside is the application; which account let go of us stands beside it.
        return _text(event.get("account")) if kind == "account.application.deauthorized" else None
    if not isinstance(body, Mapping) or kind == "account.application.deauthorized":
        return None
    of_charge = SUBJECTS[kind] == "payment" and kind.startswith("charge.")
    return _text(body.get("payment_intent") if of_charge else body.get("id"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 255 and _storable(value) else None
