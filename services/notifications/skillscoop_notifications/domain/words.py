"""From an event's fields to the words that stand in a sentence: names, money, dates, shortened texts."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from skillscoop_messages.money import Money, format_money
from skillscoop_messages.texts import cleaned

MONEY_FIELDS = frozenset(
    {
        "amount",
        "held",
        "paid",
        "fee",
        "refunded",
        "returned",
        "to_freelancer",
        "to_client",
        "total",
        "paid_to_freelancer",
    }
)
"""Fields that hold minor units of the event's own `currency` wherever they are plain integers."""

LINE_LENGTH = 80
NOTE_LENGTH = 500
UNKNOWN_NAMES = {"client": "the client", "freelancer": "the freelancer", "support": "our team"}

_BECAUSE = {
    "wrong_amount": "it was another amount than agreed",
    "already_funded": "the milestone is already paid",
    "milestone_dropped": "the milestone is no longer part of the contract",
    "contract_over": "the contract is over",
    "payee_not_ready": "the payout account is not ready yet",
    "insufficient_balance": "the payment is still clearing at Stripe",
    "refund_pending": "the refund is being processed",
    "refund_failed": "the refund could not be delivered yet and our team looks at it",
    "stripe_unavailable": "Stripe cannot be reached just now",
    "payment_unposted": "the payment is still being booked",
    "under_review": "our team looks at the payment",
    "card_declined": "the card was declined",
    "insufficient_funds": "the card has insufficient funds",
    "authentication_required": "the bank asked for a confirmation that did not come",
    "expired": "the time to pay ran out",
    "lapsed": "the time to pay ran out",
    "client": "it was canceled",
    "canceled": "it was canceled",
}


def because(reason: str) -> str:
    """A reason code as the middle of a sentence; unknown codes are kept vague rather than shown."""
    return _BECAUSE.get(reason, "it could not be completed")


def one_line(text: str, longest: int = LINE_LENGTH) -> str:
    """`text` without line breaks or control characters, cut to `longest` characters: fit for a title or subject."""
    flat = " ".join(cleaned(text, instead=" ").split())
    return flat if len(flat) <= longest else flat[: longest - 1].rstrip() + "…"


def passage(text: str, longest: int = NOTE_LENGTH) -> str:
    """A longer text as written, line breaks kept, cut to `longest` characters."""
    kept = cleaned(text, instead=" ", keep="\n").strip()
    return kept if len(kept) <= longest else kept[: longest - 1].rstrip() + "…"


def day(moment: datetime) -> str:
    """A UTC moment as a reader's date: `6 December 2026, 14:05 UTC`."""
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def words_of(data: Mapping[str, Any]) -> dict[str, str]:
    """What an event's fields contribute to sentences, by field name; lists, nested values and ids contribute nothing.

    Money is written with its currency's own exponent. `milestone` is the description as one line, `because` the
    spoken `reason`, `quote` the note, comment or reason people wrote.
    """
    currency = data.get("currency", "")
    words = {
        name: _word(name, value, currency) for name, value in data.items() if isinstance(value, (str, int, datetime))
    }
    words["title"] = one_line(str(data.get("title", "")))
    words["milestone"] = one_line(str(data.get("description", "")))
    words["because"] = because(str(data.get("reason", "")))
    words["quote"] = passage(str(data.get("note") or data.get("comment") or data.get("reason") or ""))
    words["automatic"] = _automatic(data.get("auto_release_at"))
    words["after_fee"] = _after_fee(data.get("fee"), currency)
    return words


def names_of(client: str | None, freelancer: str | None, actor: str | None) -> dict[str, str]:
    """Placeholders for people. `{client}` is for the middle of a sentence, `{Client}` for its beginning.

    `actor` is the role of who acted; `{actor}` and `{other}` are the names of that party and of the other one.
    """
    known = {"client": client, "freelancer": freelancer}
    names = {role: (one_line(name) if name else "") or UNKNOWN_NAMES[role] for role, name in known.items()}
    names["actor"] = names.get(actor or "", "the other party")
    names["other"] = names["freelancer" if actor == "client" else "client"]
    return names | {role.capitalize(): _beginning(name, known.get(role)) for role, name in names.items()}


def _beginning(name: str, known: str | None) -> str:
    return name if known or not name.startswith("the ") else "T" + name[1:]


def _word(name: str, value: str | int | datetime, currency: str) -> str:
    if isinstance(value, datetime):
        return day(value)
    if isinstance(value, int) and not isinstance(value, bool) and name in MONEY_FIELDS:
        return format_money(Money(value, currency))
    return one_line(str(value))


def _automatic(at: datetime | date | None) -> str:
    return f" Without an answer it is released on {day(at)}." if isinstance(at, datetime) else ""


def _after_fee(fee: Any, currency: str) -> str:
    return f" after a fee of {format_money(Money(fee, currency))}" if isinstance(fee, int) and fee else ""
