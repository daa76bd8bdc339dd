"""HTTP in: conversations, the feed, the live stream, and how people can be reached."""

from skillscoop_notifications.api.contact import router as _contact
from skillscoop_notifications.api.conversations import router as _conversations
from skillscoop_notifications.api.feed import router as _feed
from skillscoop_notifications.api.stream import router as _stream

PUBLIC_PATHS: tuple[str, ...] = ("GET /v1/stream?ticket=",)
"""A ticket stands for the token there."""

routers = (_conversations, _feed, _stream, _contact)
