"""What this service tells the others: ids only, what people write stays in the chat."""

from collections.abc import Mapping
from typing import Any

from skillscoop_messages.events.notifications import MessagePosted


def message_posted(thread: Mapping[Any, Any], message: Mapping[str, Any]) -> MessagePosted:
    """A party wrote in a conversation."""
    return MessagePosted(
        contract_id=thread["contract_id"],
        client_id=thread["client_id"],
        freelancer_id=thread["freelancer_id"],
        title=thread["title"],
        conversation_id=thread["id"],
        message_id=message["id"],
        author_id=message["author_id"],
    )
