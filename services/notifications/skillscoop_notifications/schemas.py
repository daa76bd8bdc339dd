"""What clients see: the same shapes over HTTP and on the live stream."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from skillscoop_chassis.http.models import Resource, SubjectView, View


class NotificationView(Resource):
    """One notice in a user's feed. `kind` is also the name of its e-mail preference; `read_at` is null while unread."""

    object: Literal["notification"] = "notification"
    kind: str = Field(examples=["milestone.funded"])
    title: str = Field(examples=["“Landing page” is funded"])
    body: str = Field(examples=["Ada paid: $125.00 is held securely via Stripe. You can start."])
    subject: SubjectView
    contract_id: str | None = None
    read_at: datetime | None = None


class CardView(View):
    """A move shown in the chat: `type` is what happened, `subject` what it happened to, `data` its facts."""

    type: str = Field(examples=["milestone.submitted"])
    subject: SubjectView
    data: dict[str, Any] = Field(examples=[{"description": "Landing page", "note": "All files are in the folder."}])


class MessageView(Resource):
    """One entry of a conversation. `author_id` is null when time, Stripe or our team made the move."""

    object: Literal["message"] = "message"
    conversation_id: str
    author_id: str | None = None
    kind: Literal["text", "card"]
    text: str | None = Field(default=None, examples=["Shall we talk about the colours tomorrow?"])
    card: CardView | None = None
    attachments: list[dict[str, Any]] = Field(default_factory=list, examples=[[]])


class ParticipantView(View):
    """A party of a conversation; `name` is null while they told none, and for a freelancer who has not acted yet."""

    user_id: str
    role: Literal["client", "freelancer"]
    name: str | None = Field(default=None, examples=["Ada"])


class ConversationView(Resource):
    """The conversation of one contract. `unread_count` and `other_read_up_to` (a message id) are the caller's view."""

    object: Literal["conversation"] = "conversation"
    contract_id: str
    title: str = Field(examples=["New shop"])
    participants: list[ParticipantView]
    last_message: MessageView | None = None
    unread_count: int = Field(examples=[2])
    other_read_up_to: str | None = None


class UnreadCountView(View):
    """How many notices of the caller are unread."""

    object: Literal["unread_count"] = "unread_count"
    unread_count: int = Field(examples=[3])


class ContactView(Resource):
    """How the caller can be reached. Mail goes to `email` only once `email_confirmed` is true."""

    object: Literal["contact"] = "contact"
    email: str | None = Field(default=None, examples=["ada@example.org"])
    email_confirmed: bool
    name: str | None = Field(default=None, examples=["Ada"])
    locale: str = Field(examples=["en"])
    time_zone: str = Field(examples=["Europe/Berlin"])


class PreferencesView(Resource):
    """Which kinds of notices the caller also gets by mail: every kind, with the choice made or the default."""

    object: Literal["notification_preferences"] = "notification_preferences"
    email: dict[str, bool] = Field(examples=[{"milestone.funded": True}])


class TicketView(View):
    """Leave to open one stream within 60 s without a header. `last_event_id` is the caller's stream position now."""

    object: Literal["stream_ticket"] = "stream_ticket"
    ticket: str
    expires_at: datetime
    last_event_id: str = Field(examples=["42"])


class ObjectNews(BaseModel):
    """On the stream only: an object changed; fetch it when the version is newer than the one at hand."""

    model_config = ConfigDict(frozen=True)

    type: str
    id: str
    contract_id: str | None
    version: int
    state: str


UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "If-None-Match names the current version"}}
"""`responses=` of routes that answer with an ETag."""
