"""Conversations, their messages and read marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from skillscoop_chassis.access import readable_contracts
from skillscoop_chassis.http.paging import Cursor, keyset_of_any
from skillscoop_chassis.identity import Actor
from skillscoop_chassis.sql.bulk import BulkInsert
from skillscoop_chassis.sql.database import for_update
from skillscoop_messages.database import Transaction
from sqlalchemy.dialects.postgresql import insert

from skillscoop_notifications.tables import ASSIGNMENTS, CONVERSATIONS, MESSAGES, PEOPLE, READ_MARKS

TOLD_OF_PEOPLE = ("name", "email_confirmed_at", "mail")
"""What notice template somebody needs to know about them."""

_C = CONVERSATIONS.c
_M = MESSAGES.c

_CLIENT = PEOPLE.alias("client")
_FREELANCER = PEOPLE.alias("freelancer")
# What is told of a contract is nearly always told to its parties: they come along in the same round trip.
_BY_CONTRACTS = (
    sa.select(
        CONVERSATIONS,
        *(side.c[name].label(f"{side.name}_{name}") for side in (_CLIENT, _FREELANCER) for name in TOLD_OF_PEOPLE),
    )
    .outerjoin_from(CONVERSATIONS, _CLIENT, _CLIENT.c.user_id == _C.client_id)
    .outerjoin(_FREELANCER, _FREELANCER.c.user_id == _C.freelancer_id)
    .where(_C.contract_id.in_(sa.bindparam("contract_ids", expanding=True)))
    .order_by(_C.contract_id)
    .with_for_update(key_share=True, of=CONVERSATIONS)
)
_OPEN = BulkInsert(CONVERSATIONS, _C.keys(), tail="ON CONFLICT DO NOTHING")
_ADD_CARDS = BulkInsert(MESSAGES, _M.keys(), tail="ON CONFLICT DO NOTHING", returning=("id",))
_LAST_OF_ROOTS = (
    sa.select(
        _M.conversation_id, _M.root, sa.func.max(_M.sequence).label("sequence"), sa.func.max(_M.place).label("place")
    )
    .where(_M.conversation_id.in_(sa.bindparam("conversation_ids", expanding=True)), _M.event_id.is_not(None))
    .group_by(_M.conversation_id, _M.root)
)
_PLACES_OF_ROOT = sa.select(_M.sequence, _M.place).where(
    _M.conversation_id == sa.bindparam("conversation_id"), _M.root == sa.bindparam("root"), _M.event_id.is_not(None)
)
_NEWEST = sa.select(sa.func.max(_M.id).label("id")).where(_M.conversation_id == sa.bindparam("conversation_id"))
_BY_ID = sa.select(CONVERSATIONS).where(_C.id == sa.bindparam("id"))
_LOCK_BY_ID = for_update(_BY_ID)


async def lock_of_contracts(tx: Transaction, contract_ids: Iterable[str]) -> dict[str, sa.RowMapping]:
    """The conversations of these contracts by contract id, locked in sorted order.

    With `client_` and `freelancer_` before them, they also have TOLD_OF_PEOPLE of both parties.
    """
    wanted = sorted(set(contract_ids))
    if not wanted:
        return {}
    rows = await tx.all(_BY_CONTRACTS, {"contract_ids": wanted})
    return {row["contract_id"]: row for row in rows}


async def open_missing(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Open conversations, in the order of their contracts; one that exists already stays as it is."""
    await _OPEN.run(tx, sorted(rows, key=lambda row: str(row["contract_id"])))


async def retitle(tx: Transaction, conversation_id: str, title: str) -> None:
    """Take over a new title of the contract."""
    await tx.execute(
        CONVERSATIONS.update()
        .where(_C.id == conversation_id)
        .values(title=title, version=_C.version + 1, updated_at=tx.now())
    )


async def note_freelancer_acted(tx: Transaction, conversation_ids: Sequence[str]) -> None:
    """Note that the named freelancers of these conversations wrote or moved something."""
    if conversation_ids:
        acted = CONVERSATIONS.update().where(_C.id.in_(conversation_ids)).values(freelancer_acted=True)
        await tx.execute(acted)


async def last_of_roots(tx: Transaction, conversation_ids: Sequence[str]) -> dict[tuple[str, str], tuple[int, int]]:
    """The highest sequence and place among the cards of each (conversation, root)."""
    if not conversation_ids:
        return {}
    rows = await tx.all(_LAST_OF_ROOTS, {"conversation_ids": list(conversation_ids)})
    return {(row["conversation_id"], row["root"]): (row["sequence"], row["place"]) for row in rows}


async def places_of_root(tx: Transaction, conversation_id: str, root: str) -> dict[int, int]:
    """Where each card of a root stands, by sequence."""
    rows = await tx.all(_PLACES_OF_ROOT, {"conversation_id": conversation_id, "root": root})
    return {row["sequence"]: row["place"] for row in rows}


async def add_cards(tx: Transaction, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Insert cards; the ids of those whose event was not shown before."""
    return {row["id"] for row in await _ADD_CARDS.run(tx, rows)}


async def find(tx: Transaction, conversation_id: str, *, lock: bool = False) -> sa.RowMapping | None:
    """A conversation by id, locked if asked for."""
    return await tx.first(_LOCK_BY_ID if lock else _BY_ID, {"id": conversation_id})


def visible_to(actor: Actor, contract_id: str | None, cursor: Cursor) -> sa.Select[Any]:
    """One page of what the caller may see, as a party or as somebody of our team at work on a dispute of it."""
    assigned = _C.contract_id.in_(readable_contracts(ASSIGNMENTS, actor))
    statement = sa.select(CONVERSATIONS)
    if contract_id is not None:
        statement = statement.where(_C.contract_id == contract_id)
    reasons = [_C.client_id == actor.id, _C.freelancer_id == actor.id, assigned]
    return keyset_of_any(statement, reasons, _C.created_at, _C.id, cursor)


def messages_of(conversation_id: str) -> sa.Select[Any]:
    """Every message of a conversation."""
    return sa.select(MESSAGES).where(_M.conversation_id == conversation_id)


async def find_message(tx: Transaction, conversation_id: str, message_id: str) -> sa.RowMapping | None:
    """One message of a conversation."""
    return await tx.first(messages_of(conversation_id).where(_M.id == message_id))


async def last_messages(tx: Transaction, conversation_ids: Sequence[str]) -> dict[str, sa.RowMapping]:
    """The message shown last in each conversation."""
    if not conversation_ids:
        return {}
    ranked = (
        sa.select(
            MESSAGES,
            sa.func.row_number()
            .over(partition_by=_M.conversation_id, order_by=(_M.place.desc(), _M.id.desc()))
            .label("rank"),
        )
        .where(_M.conversation_id.in_(conversation_ids))
        .subquery()
    )
    rows = await tx.all(sa.select(ranked).where(ranked.c.rank == 1))
    return {row["conversation_id"]: row for row in rows}


async def unread_counts(tx: Transaction, conversation_ids: Sequence[str], user_id: str) -> dict[str, int]:
    """How many messages of others the user has not read, by conversation; none: not in the answer.

    Unread is what stands after their mark, and what arrived after they set it, wherever it stands.
    """
    if not conversation_ids:
        return {}
    mark = READ_MARKS.alias()
    joined = MESSAGES.outerjoin(mark, sa.and_(mark.c.conversation_id == _M.conversation_id, mark.c.user_id == user_id))
    rows = await tx.all(
        sa.select(_M.conversation_id, sa.func.count().label("unread"))
        .select_from(joined)
        .where(
            _M.conversation_id.in_(conversation_ids),
            sa.or_(_M.author_id.is_(None), _M.author_id != user_id),
            sa.or_(
                mark.c.place.is_(None),
                _M.place > mark.c.place,
                sa.and_(_M.place == mark.c.place, _M.id > mark.c.message_id),
                # A card that came late stands above the mark, and was not there to be read when it was set.
                _M.id > mark.c.arrived,
            ),
        )
        .group_by(_M.conversation_id)
    )
    return {row["conversation_id"]: row["unread"] for row in rows}


async def read_marks(tx: Transaction, conversation_ids: Sequence[str]) -> dict[tuple[str, str], str]:
    """The message each user has read up to, by (conversation, user)."""
    if not conversation_ids:
        return {}
    marks = READ_MARKS.c
    rows = await tx.all(sa.select(READ_MARKS).where(marks.conversation_id.in_(conversation_ids)))
    return {(row["conversation_id"], row["user_id"]): row["message_id"] for row in rows}


async def mark_read(tx: Transaction, conversation_id: str, user_id: str, upto: sa.RowMapping) -> None:
    """Move the user's mark to the message `upto`; a mark that is further already stays.

    With it goes what had arrived by now: ids are made where messages are stored, in the order of time.
    """
    arrived = await tx.first(_NEWEST, {"conversation_id": conversation_id})
    statement = insert(READ_MARKS).values(
        conversation_id=conversation_id,
        user_id=user_id,
        message_id=upto["id"],
        place=upto["place"],
        arrived=arrived["id"] if arrived else upto["id"],
    )
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[READ_MARKS.c.conversation_id, READ_MARKS.c.user_id],
            set_={name: statement.excluded[name] for name in ("message_id", "place", "arrived")},
            where=sa.or_(
                READ_MARKS.c.place < statement.excluded.place,
                sa.and_(
                    READ_MARKS.c.place == statement.excluded.place,
                    READ_MARKS.c.message_id <= statement.excluded.message_id,
                ),
            ),
        )
    )


async def written_since(tx: Transaction, conversation_id: str, author_id: str, since: datetime) -> list[datetime]:
    """When this author wrote plain messages here since then."""
    written = sa.and_(_M.author_id == author_id, _M.kind == "text", _M.created_at > since)
    rows = await tx.all(sa.select(_M.created_at).where(_M.conversation_id == conversation_id, written))
    return [row["created_at"] for row in rows]


async def add_message(tx: Transaction, row: dict[str, Any]) -> None:
    """Insert a plain message."""
    await tx.execute(MESSAGES.insert(), row)


async def names_of_users(tx: Transaction, user_ids: Iterable[str]) -> dict[str, str]:
    """The names these users told, by id."""
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    rows = await tx.all(
        sa.select(PEOPLE.c.user_id, PEOPLE.c.name).where(PEOPLE.c.user_id.in_(wanted), PEOPLE.c.name.is_not(None))
    )
    return {row["user_id"]: row["name"] for row in rows}


async def note_assignment(tx: Transaction, row: dict[str, Any]) -> bool:
    """Take over who works on a dispute, unless something newer is known; whether it was news."""
    statement = insert(ASSIGNMENTS).values(**row)
    told = statement.on_conflict_do_update(
        index_elements=[ASSIGNMENTS.c.dispute_id],
        set_={
            "agent_id": statement.excluded.agent_id,
            "second_approver_id": statement.excluded.second_approver_id,
            "sequence": statement.excluded.sequence,
        },
        where=ASSIGNMENTS.c.sequence < statement.excluded.sequence,
    ).returning(ASSIGNMENTS.c.dispute_id)
    return (await tx.first(told)) is not None


async def refresh_readers(tx: Transaction, conversation_id: str, contract_id: str, now: datetime) -> None:
    """Let the conversation be read by exactly those who work on an open dispute of its contract."""
    rows = await tx.all(
        sa.select(ASSIGNMENTS.c.agent_id, ASSIGNMENTS.c.second_approver_id).where(
            ASSIGNMENTS.c.contract_id == contract_id
        )
    )
    readers = sorted({user for row in rows for user in row.values() if user is not None})
    await tx.execute(CONVERSATIONS.update().where(_C.id == conversation_id).values(readers=readers, updated_at=now))
