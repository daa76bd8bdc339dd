"""A function that reacts to messages, and what is checked before it is called."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from skillscoop_messages import asking
from skillscoop_messages.context import TraceContext, trace_context
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.errors import Permanent
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.retry import RetryPolicy
from skillscoop_messages.transport.base import RawMessage

MessageHandler = Callable[[Transaction, Envelope[Any]], Awaitable[None]]
Decode = Callable[[bytes], Envelope[Any]]
Observe = Callable[[str, str, int], None]


@dataclass(frozen=True)
class Subscriber:
    """One function that reacts to messages. `name` is its queue and a key of the registry's SUBSCRIPTIONS.

    `handle` runs inside the transaction that also marks the message as handled; raising undoes both. A question that
    comes again has its known answers said again; `again` says what belongs to them beside those (`asking`).
    """

    name: str
    handle: MessageHandler
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    again: MessageHandler | None = None


def ignore(_outcome: str, _subscriber: str, _count: int) -> None:
    """An observer that looks away."""


async def handle_message(tx: Transaction, subscriber: Subscriber, message_id: str, envelope: Envelope[Any]) -> None:
    """Call the handler as part of the message's trace: what it records is caused by this message.

    Raises Permanent for a message that has no business in this queue, before anybody acts on it.
    """
    _check_place(subscriber, message_id, envelope)
    token = trace_context.set(
        TraceContext(
            correlation_id=envelope.correlation_id,
            causation_id=envelope.id,
            traceparent=envelope.traceparent,
        )
    )
    try:
        await subscriber.handle(tx, envelope)
    finally:
        trace_context.reset(token)
    asking.hear(tx, subscriber.name, envelope)


async def handle_again(tx: Transaction, subscriber: Subscriber, envelope: Envelope[Any]) -> None:
    """A message came that took effect before: where it is a question, its asker may have missed the answer."""
    if not asking.is_question(envelope.type):
        return
    await asking.answer_again(tx, envelope)
    if subscriber.again is not None:
        await subscriber.again(tx, envelope)


def _check_place(subscriber: Subscriber, message_id: str, envelope: Envelope[Any]) -> None:
    """A handler takes what its queue is for, said by the service it belongs to, under the id the inbox keeps."""
    if envelope.id != message_id:
        raise Permanent("the message has another id than its delivery")
    if envelope.source != f"/services/{envelope.type.partition('.')[0]}":
        raise Permanent(f"{envelope.type} was said by somebody else than its service")
    known = SUBSCRIPTIONS.get(subscriber.name)
    if known is not None and envelope.type not in known.types:
        raise Permanent(f"{subscriber.name} takes no {envelope.type}")


_NAME = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_UNSEEN = re.compile(r"[^\x20-\x7e]+")


def tidy(raw: RawMessage) -> RawMessage:
    """The delivery with an id, type and subject that can be stored and stand in a path.

    Ours are left as they are; foreign ones come with whatever somebody liked, and are kept under a name made of their
    bytes.
    """
    if _NAME.fullmatch(raw.id) and _NAME.fullmatch(raw.type) and _NAME.fullmatch(raw.subject):
        return raw
    id = raw.id if _NAME.fullmatch(raw.id) else f"foreign-{sha256(raw.body).hexdigest()[:32]}"
    return RawMessage(id, _UNSEEN.sub(" ", raw.type)[:255], _UNSEEN.sub(" ", raw.subject)[:255], raw.body)
