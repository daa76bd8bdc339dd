"""How one event is told: the card in the chat, the notice of each recipient, mail or not.

Sentences are format strings over `words.words_of` and `words.names_of`; values put into them are never read as
format strings themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skillscoop_notifications.domain import words

Role = Literal["client", "freelancer", "support"]
Condition = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """The format strings of what one recipient reads."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class NoticeTemplate:
    """How one kind of event is told.

    `notices` is keyed by the recipient's role, or by `actor` and `other` where the texts follow who acted. `actor` is
    the role that always makes this move; `actor_field` names a field with the user id of who made it; neither: nobody
    did. `subject` is the type of the object told about and the field with its id. `card` puts a card with the fields
    `data` into the chat. `when` (field, value) picks among several templates of one type; `mail` is the default of the
    e-mail preference of `kind`.
    """

    kind: str
    subject: tuple[str, str]
    notices: Mapping[str, Notice] = field(default_factory=dict)
    actor: Role | None = None
    actor_field: str | None = None
    card: bool = True
    data: tuple[str, ...] = ()
    when: Condition | None = None
    mail: bool = True


def actor_of(template: NoticeTemplate, data: Mapping[str, Any]) -> Role | None:
    """Which party made the move; None when time, Stripe or our team did."""
    if template.actor_field is None:
        return template.actor
    who = data.get(template.actor_field)
    roles: dict[Any, Role] = {data.get("client_id"): "client", data.get("freelancer_id"): "freelancer"}
    return roles.get(who)


def notice_for(template: NoticeTemplate, role: Role, actor: Role | None) -> Notice | None:
    """What a recipient in `role` reads, or None when this event is no news for them."""
    part = "actor" if role == actor else "other"
    return template.notices.get(role) or (template.notices.get(part) if role != "support" else None)


class _Said(dict[str, str]):
    """Words, of which missing ones are silent: an older event without a field must not stop everybody's news."""

    def __missing__(self, word: str) -> str:
        return ""


def rendered(notice: Notice, said: Mapping[str, str]) -> Notice:
    """The notice with its words put in."""
    words_said = _Said(said)
    return Notice(notice.title.format_map(words_said), notice.body.format_map(words_said).strip())


def card_data(template: NoticeTemplate, data: Mapping[str, Any]) -> dict[str, Any]:
    """The facts on a card: money as `{amount, currency}`, moments as RFC 3339 text, the rest as the event has it."""
    return {name: _fact(name, data[name], data.get("currency")) for name in template.data if data.get(name) is not None}


def _fact(name: str, value: Any, currency: str | None) -> Any:
    if name in words.MONEY_FIELDS and isinstance(value, int):
        return {"amount": value, "currency": currency}
    if isinstance(value, (list, tuple)):
        return [_fact("", one, currency) for one in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def both(title: str, body: str) -> dict[str, Notice]:
    """The same words for the client and the freelancer."""
    return {"client": Notice(title, body), "freelancer": Notice(title, body)}
