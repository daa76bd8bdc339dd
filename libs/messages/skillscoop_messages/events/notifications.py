"""What the notifications service says. Ids only: chat stays in the chat."""

from typing import ClassVar

from skillscoop_messages.events.base import AboutContract


class MessagePosted(AboutContract):
    """A party wrote in the conversation."""

    type: ClassVar[str] = "notifications.message.posted.v1"
    root: ClassVar[str] = "conversation_id"

    conversation_id: str
    message_id: str
    author_id: str
