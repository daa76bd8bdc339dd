"""Tables the chassis keeps in each service's own database."""

from __future__ import annotations

import sqlalchemy as sa
from skillscoop_messages.columns import JsonDocument, UtcDateTime

METADATA = sa.MetaData()

IDEMPOTENCY_KEYS = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True, comment="sha256 of subject, method, path and key"),
    sa.Column("fingerprint", sa.String(64), nullable=False, comment="sha256 of the body as it was sent"),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("headers", JsonDocument, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("idempotency_keys_created_at", "created_at"),
)
"""Answers of commands that were done, written in the transaction of the command itself. Kept for 30 days."""

AUDIT_LOG = sa.Table(
    "audit_log",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("before", JsonDocument),
    sa.Column("after", JsonDocument),
    sa.Column("reason", sa.Text),
    sa.Column("request_id", sa.String(128)),
    sa.Index("audit_log_subject", "subject", "id"),
)
"""Who did what to which object, and why. Rows are only ever added."""

SECOND_OPERATOR = sa.Table(
    "second_operator",
    METADATA,
    sa.Column("operation", sa.String(300), primary_key=True, comment="method and path"),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("asked_by", sa.String(255), nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)
"""Operations on money that one operator asked for and another one has yet to confirm. Wall clock, 24 hours."""
