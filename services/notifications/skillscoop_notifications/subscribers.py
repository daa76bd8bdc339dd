"""Events in: one function per queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from skillscoop_messages.consumer import MessageHandler, Subscriber
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope

from skillscoop_notifications.repository import conversations
from skillscoop_notifications.usecases.notify import News, Notified, assign, news_of, notify, opened, threads_of

Announce = Callable[[Notified], None]


def subscribers(announce: Announce) -> list[Subscriber]:
    """What this service listens to. `announce` hears, after each commit, whose streams and mail have something new."""
    return [
        Subscriber("notifications.open_conversation", open_conversation),
        Subscriber("notifications.note_assigned_agent", note_assigned_agent),
        Subscriber("notifications.notify_people", notify_people(announce)),
    ]


async def open_conversation(tx: Transaction, envelope: Envelope[Any]) -> None:
    """Open the chat of a new contract, unless news that overtook this event opened it already."""
    await conversations.open_missing(tx, [opened(vars(envelope.data), envelope.time)])


async def note_assigned_agent(tx: Transaction, envelope: Envelope[Any]) -> None:
    """Let those who work on a dispute read the chat of its contract, and nobody who no longer does."""
    fact = vars(envelope.data)
    thread = (await threads_of(tx, [fact]))[fact["contract_id"]]
    who = (fact["agent_id"], fact["second_approver_id"])
    await assign(tx, thread, fact["dispute_id"], who, envelope.sequence)


def notify_people(announce: Announce) -> MessageHandler:
    """A handler that tells of a whole batch at once, just before its transaction commits.

    An event whose handling is rolled back to its savepoint takes its own hook along, and is not told.
    """

    async def write(tx: Transaction, batch: list[News]) -> None:
        told = await notify(tx, batch)
        tx.after_commit(lambda: announce(told))

    gather = gathered(write)

    async def handle(tx: Transaction, envelope: Envelope[Any]) -> None:
        news = news_of(envelope)
        if news is not None:
            gather(tx, news)

    return handle


def gathered(write: Callable[[Transaction, list[News]], Awaitable[None]]) -> Callable[[Transaction, News], None]:
    """Collect per transaction what survives until its commit, then `write` it in one go."""
    waiting: dict[Transaction, list[News]] = {}

    async def flush(tx: Transaction) -> None:
        await write(tx, waiting.pop(tx))

    def add(tx: Transaction, news: News) -> None:
        async def join(tx: Transaction) -> None:
            # Hooks run in order and may add further ones: the first of a transaction puts `flush` behind all others.
            if tx not in waiting:
                waiting[tx] = []
                tx.before_commit(flush)
            waiting[tx].append(news)

        tx.before_commit(join)

    return add
