"""Tell people what happened: cards in the chat, notices in feeds, items on streams, mail on its way.

Everything a batch of events leads to is written together, in a handful of statements however many events there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.ids import PREFIXES, new_id
from skillscoop_messages.registry import EVENTS

from skillscoop_notifications.domain.notice_template import (
    Notice,
    NoticeTemplate,
    Role,
    actor_of,
    card_data,
    notice_for,
    rendered,
)
from skillscoop_notifications.domain.notice_templates import template_of
from skillscoop_notifications.domain.people import wants_mail
from skillscoop_notifications.domain.thread import fitted, place_of
from skillscoop_notifications.domain.words import names_of, words_of
from skillscoop_notifications.repository import conversations, feed, people
from skillscoop_notifications.repository.conversations import TOLD_OF_PEOPLE
from skillscoop_notifications.repository.feed import Item
from skillscoop_notifications.schemas import ObjectNews
from skillscoop_notifications.usecases.chat import message_items
from skillscoop_notifications.views import message_view, notification_view

_FACTS: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_DISPUTE_OVER = frozenset({"dispute.refused", "dispute.withdrawn", "dispute.closed"})


@dataclass(frozen=True, slots=True)
class News:
    """One event with what the table says about it. `data` are its fields by name, `said` the words they give."""

    event_id: str
    template: NoticeTemplate
    roles: frozenset[str]
    data: Mapping[str, Any]
    said: Mapping[str, str]
    actor: Role | None
    root: str
    sequence: int
    time: datetime

    @property
    def contract_id(self) -> str | None:
        """The contract it is about; None for what concerns one user alone."""
        return self.data.get("contract_id")

    @property
    def subject(self) -> dict[str, str]:
        """The object it is about, as clients see it."""
        kind, name = self.template.subject
        return {"type": kind, "id": self.data[name]}


@dataclass(frozen=True, slots=True)
class Notified:
    """What one batch led to: whose streams have something new, and whether mail waits to leave."""

    users: frozenset[str]
    mail: bool


def news_of(envelope: Envelope[Any]) -> News | None:
    """What there is to tell of an event; None when it is meant for nobody."""
    entry = EVENTS.get(envelope.type)
    data = vars(envelope.data)
    template = template_of(envelope.type, data)
    if entry is None or template is None or not entry.recipients:
        return None
    return News(
        event_id=envelope.id,
        template=template,
        roles=frozenset(entry.recipients),
        data=data,
        said=words_of(data),
        actor=actor_of(template, data),
        root=f"{envelope.source}/{envelope.subject}",
        sequence=envelope.sequence,
        time=envelope.time,
    )


async def notify(tx: Transaction, batch: Sequence[News]) -> Notified:
    """Write all that these events lead to. What was told before, to whom, is not told again."""
    batch = sorted(batch, key=lambda news: (news.time, news.sequence))
    threads = await threads_of(tx, [news.data for news in batch])
    acted = await _note_acts(tx, batch, threads)
    known = await _people(tx, batch, threads)
    cards = await _add_cards(tx, batch, threads)
    notices, emails = await _add_notices(tx, batch, threads, known, acted)
    items: list[Item] = []
    for news in batch:
        items += cards.get(news.event_id, [])
        items += notices.get(news.event_id, [])
        items += _object_items(news, threads)
    await feed.say(tx, items)
    await people.add_deliveries(tx, emails)
    await _take_over_titles(tx, batch, threads)
    await _end_assignments(tx, batch, threads)
    return Notified(frozenset(item.user_id for item in items), bool(emails))


async def threads_of(tx: Transaction, facts: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[Any, Any]]:
    """The locked conversations of the contracts in `facts`, by contract id.

    A missing one is opened from what every event about a contract carries: news may overtake the contract's creation.
    """
    wanted = {fact["contract_id"]: fact for fact in facts if fact.get("contract_id") is not None}
    found = await conversations.lock_of_contracts(tx, wanted)
    missing = [fact for contract_id, fact in wanted.items() if contract_id not in found]
    if missing:
        await conversations.open_missing(tx, [opened(fact, tx.now()) for fact in missing])
        found |= await conversations.lock_of_contracts(tx, [fact["contract_id"] for fact in missing])
    return dict(found)


def opened(fact: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The row of a new conversation between the parties of a contract."""
    return {
        "id": new_id(PREFIXES["conversation"]),
        "contract_id": fact["contract_id"],
        "client_id": fact["client_id"],
        "freelancer_id": fact["freelancer_id"],
        "title": fact["title"],
        "readers": [],
        "freelancer_acted": False,
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }


Threads = Mapping[str, Mapping[Any, Any]]


def _users_in(role: str, news: News, threads: Threads) -> list[str]:
    """The users behind a role, as of this event."""
    if role == "support":
        if news.template.kind == "dispute.assigned":
            named = (news.data["agent_id"], news.data["second_approver_id"])
            return sorted({user for user in named if user is not None})
        return list(threads[news.data["contract_id"]]["readers"])
    user = news.data.get(f"{role}_id", news.data.get("user_id"))
    return [] if user is None else [user]


async def _people(tx: Transaction, batch: Sequence[News], threads: Threads) -> dict[str, Mapping[Any, Any]]:
    """What we know of everybody this batch speaks of or to, by user id; users who told us nothing are left out."""
    known: dict[str, Mapping[Any, Any]] = {}
    parties: set[str] = set()
    for thread in threads.values():
        for side in ("client", "freelancer"):
            parties.add(thread[f"{side}_id"])
            if thread[f"{side}_mail"] is not None:
                known[thread[f"{side}_id"]] = {name: thread[f"{side}_{name}"] for name in TOLD_OF_PEOPLE}
    told = {user for news in batch for role in news.roles for user in _users_in(role, news, threads)}
    return known | await people.people_of(tx, told - parties)


async def _add_cards(tx: Transaction, batch: Sequence[News], threads: Threads) -> dict[str, list[Item]]:
    """Insert the cards of a batch; what that says on the streams, by event id."""
    shown = [news for news in batch if news.template.card]
    rows = [_card_row(news, threads[news.data["contract_id"]]) for news in shown]
    await _give_places(tx, rows)
    new = await conversations.add_cards(tx, rows)
    said: dict[str, list[Item]] = {}
    for news, row in zip(shown, rows, strict=True):
        if row["id"] in new:
            data = message_view(row).model_dump_json()
            thread = threads[news.data["contract_id"]]
            said[news.event_id] = message_items(thread, data)
    return said


def _card_row(news: News, thread: Mapping[Any, Any]) -> dict[str, Any]:
    author = news.data.get(f"{news.actor}_id") if news.actor in ("client", "freelancer") else None
    facts = _FACTS.dump_python(card_data(news.template, news.data), mode="json")
    return {
        "id": new_id(PREFIXES["message"]),
        "conversation_id": thread["id"],
        "place": place_of(news.time, news.sequence),
        "kind": "card",
        "author_id": author,
        "text": None,
        "card": {"type": news.template.kind, "subject": news.subject, "data": facts},
        "event_id": news.event_id,
        "root": news.root,
        "sequence": news.sequence,
        "created_at": news.time,
    }


async def _give_places(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Let each root's cards stand by sequence. Those that come after all others, nearly always, need no look-up."""
    last = await conversations.last_of_roots(tx, sorted({row["conversation_id"] for row in rows}))
    for row in rows:
        root = (row["conversation_id"], row["root"])
        sequence, place = last.get(root, (-1, -1))
        if row["sequence"] < sequence or row["place"] <= place:
            known = await conversations.places_of_root(tx, *root)
            known |= {
                other["sequence"]: other["place"]
                for other in rows
                if other is not row and other.get("placed") and (other["conversation_id"], other["root"]) == root
            }
            row["place"] = fitted(row["place"], row["sequence"], known)
        row["placed"] = True
        last[root] = (max(sequence, row["sequence"]), max(place, row["place"]))
    for row in rows:
        del row["placed"]


async def _add_notices(
    tx: Transaction,
    batch: Sequence[News],
    threads: Threads,
    known: Mapping[str, Mapping[Any, Any]],
    acted: frozenset[str],
) -> tuple[dict[str, list[Item]], list[dict[str, Any]]]:
    """Insert the notices of a batch; what that says on the streams by event id, and the mail it leads to.

    What people did themselves stands in their feed as read, and is never mailed.
    """
    rows: list[dict[str, Any]] = []
    own: set[str] = set()
    notice_templates: dict[str, NoticeTemplate] = {}
    for news in batch:
        names = _names(news, known, acted)
        for role in sorted(news.roles):
            notice = notice_for(news.template, _role(role), news.actor)
            if notice is None:
                continue
            text = rendered(notice, {**news.said, **names})
            for user in _users_in(role, news, threads):
                row = _notice_row(news, role, user, text, tx.now())
                rows.append(row)
                notice_templates[row["id"]] = news.template
                if role == news.actor:
                    own.add(row["id"])
    new = await feed.add_notices(tx, rows)
    said: dict[str, list[Item]] = {}
    emails = []
    for row in rows:
        if row["id"] not in new:
            continue
        said.setdefault(row["event_id"], []).append(
            Item(row["user_id"], "notification", notification_view(row).model_dump_json(), row["for_support"])
        )
        person = known.get(row["user_id"])
        template = notice_templates[row["id"]]
        if (
            row["id"] not in own
            and person is not None
            and person["email_confirmed_at"] is not None
            and wants_mail(template.kind, template.mail, person["mail"])
        ):
            emails.append(_letter_row(tx, row))
    return said, emails


def _role(role: str) -> Role:
    return "client" if role == "client" else "freelancer" if role == "freelancer" else "support"


async def _note_acts(tx: Transaction, batch: Sequence[News], threads: Threads) -> frozenset[str]:
    """The contracts of this batch whose freelancer has acted by now: with a message, or with a move of theirs."""
    before = {contract_id for contract_id, thread in threads.items() if thread["freelancer_acted"]}
    now = {news.contract_id for news in batch if news.contract_id is not None and news.actor == "freelancer"}
    await conversations.note_freelancer_acted(tx, [threads[one]["id"] for one in sorted(now - before)])
    return frozenset(before | now)


def _names(news: News, known: Mapping[str, Mapping[Any, Any]], acted: frozenset[str]) -> dict[str, str]:
    """The parties' names as a notice may say them: whoever was only named by a client stays "the freelancer"."""

    def name(field: str) -> str | None:
        person = known.get(news.data.get(field, ""))
        return None if person is None else person["name"]

    shown = news.contract_id is None or news.contract_id in acted
    return names_of(name("client_id"), name("freelancer_id") if shown else None, news.actor)


def _notice_row(news: News, role: str, user_id: str, text: Notice, now: datetime) -> dict[str, Any]:
    subject = news.subject
    return {
        "id": new_id(PREFIXES["notification"]),
        "user_id": user_id,
        "event_id": news.event_id,
        "kind": news.template.kind,
        "title": text.title,
        "body": text.body,
        "subject_type": subject["type"],
        "subject_id": subject["id"],
        "contract_id": news.contract_id,
        "for_support": role == "support",
        "read_at": now if role == news.actor else None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _letter_row(tx: Transaction, notice: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": new_id("dlv"),
        "user_id": notice["user_id"],
        "template": "notice",
        "address": None,
        "data": {name: notice[name] for name in ("title", "body", "kind", "contract_id")},
        "created_at": tx.wall(),
        "state": "pending",
        "due_at": tx.wall(),
        "attempts": 0,
    }


def _object_items(news: News, threads: Threads) -> list[Item]:
    changed = news.data.get("object")
    if changed is None:
        return []
    data = ObjectNews(
        type=changed.type, id=changed.id, contract_id=news.contract_id, version=changed.version, state=changed.state
    ).model_dump_json()
    users = {user: role == "support" for role in sorted(news.roles) for user in _users_in(role, news, threads)}
    return [Item(user, "object", data, for_support) for user, for_support in sorted(users.items())]


async def _take_over_titles(tx: Transaction, batch: Sequence[News], threads: Threads) -> None:
    """A contract may be renamed while it is a draft; the newest event of contracts knows its title."""
    newest: dict[str, News] = {}
    for news in batch:
        if news.contract_id is not None and news.root == f"/services/contracts/{news.contract_id}":
            known = newest.get(news.contract_id)
            if known is None or known.sequence < news.sequence:
                newest[news.contract_id] = news
    for contract_id, news in newest.items():
        thread = threads[contract_id]
        if thread["title"] != news.data["title"]:
            places = await conversations.places_of_root(tx, thread["id"], news.root)
            if max(places, default=0) <= news.sequence:
                await conversations.retitle(tx, thread["id"], news.data["title"])


async def _end_assignments(tx: Transaction, batch: Sequence[News], threads: Threads) -> None:
    """When a dispute is over nobody of our team may read its contract on account of it any more."""
    for news in batch:
        if news.template.kind in _DISPUTE_OVER:
            await assign(tx, threads[news.data["contract_id"]], news.data["dispute_id"], (None, None), news.sequence)


async def assign(
    tx: Transaction, thread: Mapping[Any, Any], dispute_id: str, who: tuple[str | None, str | None], sequence: int
) -> None:
    """Take over who works on a dispute (agent, second approver) and who may therefore read the conversation."""
    row = {
        "dispute_id": dispute_id,
        "contract_id": thread["contract_id"],
        "agent_id": who[0],
        "second_approver_id": who[1],
        "sequence": sequence,
    }
    if await conversations.note_assignment(tx, row):
        await conversations.refresh_readers(tx, thread["id"], thread["contract_id"], tx.now())
