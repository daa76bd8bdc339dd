"""The one place where a message becomes an effect: decode, inbox, handler, commit, acknowledge."""

from skillscoop_messages.consumer.consuming import Consumer
from skillscoop_messages.consumer.subscriber import (
    Decode,
    MessageHandler,
    Observe,
    Subscriber,
    handle_message,
    ignore,
)
from skillscoop_messages.retry import RetryPolicy

__all__ = ["Consumer", "Decode", "MessageHandler", "Observe", "RetryPolicy", "Subscriber", "handle_message", "ignore"]
