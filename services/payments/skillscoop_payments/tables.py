"""The tables of payments. The ledger's are append-only and balanced by triggers that its first migration makes."""

from typing import Any

from skillscoop_messages.columns import JsonDocument, UtcDateTime
from skillscoop_messages.executor import lease_columns
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

METADATA = MetaData()


def _trace() -> list[Column[str]]:
    """Which trace set the row in motion, so that what happens later is told as part of it."""
    return [Column("correlation_id", Text, nullable=False), Column("causation_id", Text)]


def _times() -> list[Column[object]]:
    return [Column("created_at", UtcDateTime, nullable=False), Column("updated_at", UtcDateTime, nullable=False)]


def _watch() -> list[Column[object]]:
    """When to poll the provider again (wall time; null: nothing is outstanding) and how often it was done."""
    return [Column("look_at", UtcDateTime), Column("looks", Integer, nullable=False, server_default=text("0"))]


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


PAYMENTS = Table(
    "payments",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("funding_id", Text, nullable=False),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("freelancer_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("method", Text),
    Column("return_url", Text),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("intent_ref", Text),
    Column("checkout_ref", Text),
    Column("charge_ref", Text),
    Column("secret", Text),
    Column("checkout_url", Text),
    Column("declined_code", Text),
    Column("declined_message", Text),
    Column("cancel_reason", Text),
    Column("refuse_reason", Text),
    Column("second_of", Text),
    Column("paid", BigInteger, nullable=False, server_default=text("0")),
    Column("booking_ref", Text),
    Column("booking_amount", BigInteger),
    Column("booking_fee", BigInteger),
    Column("booking_currency", Text),
    Column("under_review", Boolean, nullable=False, server_default=false()),
    *_watch(),
    *_trace(),
    *_times(),
    UniqueConstraint("funding_id", name="payments_funding"),
    UniqueConstraint("intent_ref", name="payments_intent"),
    UniqueConstraint("checkout_ref", name="payments_checkout"),
    Index("payments_milestone", "milestone_id", "id"),
    Index("payments_contract", "contract_id", "id"),
    Index("payments_client", "client_id", "created_at", "id"),
    Index("payments_freelancer", "freelancer_id", "created_at", "id"),
    Index("payments_look", "look_at", **_where("look_at IS NOT NULL")),
    comment="each try of a client to fund a milestone",
)

SETTLEMENTS = Table(
    "settlements",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("payment_id", Text, ForeignKey("payments.id", name="settlements_payment"), nullable=False),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("freelancer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("to_freelancer", BigInteger, nullable=False),
    Column("to_client", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("transfer", Text, nullable=False),
    Column("refund", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("transfer_block", Text),
    Column("refund_block", Text),
    Column("blocked_reason", Text),
    Column("refund_debited", Boolean, nullable=False, server_default=false()),
    Column("transfer_ref", Text),
    Column("refund_ref", Text),
    Column("refund_operation", Text),
    *_watch(),
    *_trace(),
    *_times(),
    # One decision per payment: whoever comes second finds this row, whatever they read before.
    UniqueConstraint("payment_id", name="settlements_one_per_payment"),
    UniqueConstraint("transfer_ref", name="settlements_transfer"),
    UniqueConstraint("refund_ref", name="settlements_refund"),
    Index("settlements_payee_waits", "freelancer_id", **_where("state <> 'completed'")),
    Index("settlements_look", "look_at", **_where("look_at IS NOT NULL")),
    comment="the delivery of each decision on held money, and of each return of unwanted money",
)

PAYOUT_ACCOUNTS = Table(
    "payout_accounts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("account_ref", Text),
    Column("requirements", JsonDocument, nullable=False),
    *_watch(),
    *_trace(),
    *_times(),
    UniqueConstraint("user_id", name="payout_accounts_user"),
    UniqueConstraint("account_ref", name="payout_accounts_account"),
    Index("payout_accounts_look", "look_at", **_where("look_at IS NOT NULL")),
    comment="where each freelancer is paid",
)

STRIPE_OPERATIONS = Table(
    "stripe_operations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payment_id", Text),
    Column("settlement_id", Text),
    Column("payout_account_id", Text),
    Column("parameters", JsonDocument, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("key_since", UtcDateTime),
    Column("tried_at", UtcDateTime),
    Column("unanswered_at", UtcDateTime),
    Column("search_first", Boolean, nullable=False, server_default=false()),
    Column("search_cursor", Text),
    Column("object_ref", Text),
    Column("failure_code", Text),
    *lease_columns(),
    *_trace(),
    *_times(),
    UniqueConstraint("key", name="stripe_operations_key"),
    Index("stripe_operations_due", "due_at", **_where("state = 'pending'")),
    # One object was made by one operation. Closing a payment makes none: it ends somebody else's.
    Index("stripe_operations_object", "object_ref", unique=True, **_where("object_ref IS NOT NULL")),
    Index("stripe_operations_one_open_payment", "payment_id", "kind", unique=True, **_where("state = 'pending'")),
    Index("stripe_operations_payment", "payment_id"),
    Index("stripe_operations_settlement", "settlement_id"),
    Index("stripe_operations_account", "payout_account_id"),
    comment="every write at Stripe, committed before its call",
)

PROVIDER_EVENTS = Table(
    "provider_notices",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_ref", Text),
    Column("payload", JsonDocument),
    *lease_columns(),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("origin", "event_id", name="provider_notices_once"),
    Index("provider_notices_due", "due_at", **_where("state = 'pending'")),
    Index("provider_notices_declines", "subject_ref", **_where("type = 'payment_intent.payment_failed'")),
    Index("provider_notices_payload", "created_at", **_where("payload IS NOT NULL")),
    comment="what Stripe, or our sweeper, wants us to look at; each leads to one look at the object",
)

OPERATOR_ALERTS = Table(
    "operator_alerts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("payment_id", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    UniqueConstraint("kind", "subject", name="operator_alerts_once"),
    Index("operator_alerts_open", "created_at", "id", **_where("resolved_at IS NULL")),
    comment="what about money only a person can decide, each told once",
)

SWEEPS = Table(
    "sweeps",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("until", UtcDateTime, nullable=False),
    comment="how far each list of the provider's was read",
)

LEDGER_JOURNALS = Table(
    "ledger_journals",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("source_kind", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("leg", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("booked_at", UtcDateTime, nullable=False),
    UniqueConstraint("source_kind", "source_id", "leg", name="ledger_journals_once"),
    Index("ledger_journals_contract", "contract_id", "id"),
    comment="balanced bookings; never changed, never deleted",
)

LEDGER_LINES = Table(
    "ledger_lines",
    METADATA,
    Column("journal_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("journal_id", "position"),
    # Lines come first and their journal closes them: its trigger sees them all, and none can be added afterwards.
    ForeignKeyConstraint(
        ["journal_id"], ["ledger_journals.id"], name="ledger_lines_journal", deferrable=True, initially="DEFERRED"
    ),
    CheckConstraint("amount > 0", name="ledger_lines_positive"),
    CheckConstraint("side IN ('debit', 'credit')", name="ledger_lines_side"),
    Index("ledger_lines_account", "account"),
    comment="the sides of each journal; never changed, never deleted",
)

CONTRACT_PARTIES = Table(
    "contract_parties",
    METADATA,
    Column("contract_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("freelancer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    comment="our copy: who the parties of an approved contract are",
)

DISPUTE_READERS = Table(
    "dispute_readers",
    METADATA,
    Column("dispute_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("agent_id", Text),
    Column("second_approver_id", Text),
    Column("sequence", BigInteger, nullable=False),
    Index("dispute_readers_contract", "contract_id"),
    comment="our copy: who works on a dispute, and so may read its contract's ledger",
)

FEE_POLICIES = Table(
    "fee_policies",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("bps", Integer, nullable=False),
    Column("fixed", JsonDocument, nullable=False),
    comment="our copy: the fee of each policy version; the highest is in force for quotes",
)
