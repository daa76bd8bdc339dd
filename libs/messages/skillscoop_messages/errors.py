"""What can go wrong with a message, as one tree.

MessageError
├── NotYet            the handler's row is not there yet: try again later, for up to a day
├── Permanent         will never succeed: park at once
│   ├── UnreadableMessage   the bytes are no message of ours
│   └── UnknownEventType    a message of a type or major version this process does not know
└── TransportError    the transport itself
    ├── TopologyMismatch    a queue or exchange is missing or was declared differently
    └── Hold                deliver again, but only when the reason has gone
"""

from collections.abc import Awaitable, Callable


class MessageError(Exception):
    """Anything the transport raises on purpose."""


class NotYet(MessageError):
    """Raised by a handler whose row does not exist yet, because another event has not arrived. Says which."""


class Permanent(MessageError):
    """Raised by a handler that can never succeed with this message. It is parked at once, for an operator to see."""


class UnreadableMessage(Permanent):
    """The body is not a CloudEvents document of ours, or its data breaks the event's contract."""


class UnknownEventType(Permanent):
    """The document is fine, but this process has no class for its type: newer software published it."""


class TransportError(MessageError):
    """The transport cannot do what it was asked to."""


class TopologyMismatch(TransportError):
    """The broker's queues or exchanges are not what this process needs. The text names the object and the remedy."""


class Hold(TransportError):
    """Raised by a batch handler that cannot work now: give the batch back, and ask `gone()` before the next one.

    `gone` returns when work may go on. Delivering again before that would only use up the broker's patience.
    """

    def __init__(self, text: str, gone: Callable[[], Awaitable[None]]) -> None:
        super().__init__(text)
        self.gone = gone
