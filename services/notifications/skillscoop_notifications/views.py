"""Rows as the shapes clients see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skillscoop_chassis.http.models import SubjectView

from skillscoop_notifications.domain.people import mail_choices
from skillscoop_notifications.schemas import (
    CardView,
    ContactView,
    MessageView,
    NotificationView,
    PreferencesView,
)

Row = Mapping[Any, Any]


def notification_view(row: Row) -> NotificationView:
    """A row of `notifications`."""
    return NotificationView(
        id=row["id"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        kind=row["kind"],
        title=row["title"],
        body=row["body"],
        subject=SubjectView(type=row["subject_type"], id=row["subject_id"]),
        contract_id=row["contract_id"],
        read_at=row["read_at"],
    )


def message_view(row: Row) -> MessageView:
    """A row of `messages`. Messages never change: their version is always 1."""
    card = row["card"]
    return MessageView(
        id=row["id"],
        version=1,
        created_at=row["created_at"],
        updated_at=row["created_at"],
        conversation_id=row["conversation_id"],
        author_id=row["author_id"],
        kind=row["kind"],
        text=row["text"],
        card=None if card is None else CardView.model_validate(card),
    )


def contact_view(row: Row) -> ContactView:
    """A row of `people`, without its preferences."""
    return ContactView(
        id=row["user_id"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        email=row["email"],
        email_confirmed=row["email_confirmed_at"] is not None,
        name=row["name"],
        locale=row["locale"],
        time_zone=row["time_zone"],
    )


def preferences_view(row: Row) -> PreferencesView:
    """The mail preferences in a row of `people`."""
    return PreferencesView(
        id=row["user_id"],
        version=row["mail_version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        email=mail_choices(row["mail"]),
    )
