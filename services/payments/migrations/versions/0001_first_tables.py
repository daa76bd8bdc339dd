"""The first tables of payments: its own, the post's and the chassis', and a ledger the database itself keeps honest.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from skillscoop_messages.columns import JsonDocument, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A journal is balanced when it is closed: its lines are there already, at least two, with equal sides.
# Afterwards nothing of it can be added, changed or removed, by whatever program.
SQLITE_LEDGER = (
    """
    CREATE TRIGGER ledger_journal_balanced BEFORE INSERT ON ledger_journals
    WHEN (SELECT count(*) FROM ledger_lines WHERE journal_id = NEW.id) < 2
      OR (SELECT sum(CASE side WHEN 'debit' THEN amount ELSE -amount END)
          FROM ledger_lines WHERE journal_id = NEW.id) <> 0
    BEGIN SELECT RAISE(ABORT, 'ledger: a journal needs two lines or more and equal sides'); END
    """,
    """
    CREATE TRIGGER ledger_line_in_time BEFORE INSERT ON ledger_lines
    WHEN EXISTS (SELECT 1 FROM ledger_journals WHERE id = NEW.journal_id)
    BEGIN SELECT RAISE(ABORT, 'ledger: the journal is closed'); END
    """,
    *(
        f"""
        CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, 'ledger: entries are never changed or removed'); END
        """
        for table in ("ledger_journals", "ledger_lines")
        for verb in ("UPDATE", "DELETE")
    ),
)
POSTGRESQL_LEDGER = (
    """
    CREATE FUNCTION ledger_check_journal() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        lines bigint;
        difference numeric;
    BEGIN
        SELECT count(*), sum(CASE side WHEN 'debit' THEN amount ELSE -amount END)
        INTO lines, difference FROM ledger_lines WHERE journal_id = NEW.id;
        IF lines < 2 OR difference <> 0 THEN
            RAISE EXCEPTION 'ledger: a journal needs two lines or more and equal sides'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    # The lock makes a line of another transaction wait until the journal is committed, and then see it.
    """
    CREATE FUNCTION ledger_check_line() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended(NEW.journal_id, 7321));
        IF EXISTS (SELECT 1 FROM ledger_journals WHERE id = NEW.journal_id) THEN
            RAISE EXCEPTION 'ledger: the journal is closed' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'ledger: entries are never changed or removed' USING ERRCODE = 'check_violation';
    END $$
    """,
    "CREATE TRIGGER ledger_journal_balanced BEFORE INSERT ON ledger_journals"
    " FOR EACH ROW EXECUTE FUNCTION ledger_check_journal()",
    "CREATE TRIGGER ledger_line_in_time BEFORE INSERT ON ledger_lines"
    " FOR EACH ROW EXECUTE FUNCTION ledger_check_line()",
    *(
        f"CREATE TRIGGER {table}_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
        for table in ("ledger_journals", "ledger_lines")
    ),
)


def upgrade() -> None:
    op.create_table(
        "contract_parties",
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("freelancer_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contract_id"),
        comment="our copy: who the parties of an approved contract are",
    )
    op.create_table(
        "dispute_readers",
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("second_approver_id", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dispute_id"),
        comment="our copy: who works on a dispute, and so may read its contract's ledger",
    )
    op.create_index("dispute_readers_contract", "dispute_readers", ["contract_id"], unique=False)
    op.create_table(
        "fee_policies",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bps", sa.Integer(), nullable=False),
        sa.Column("fixed", JsonDocument(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
        comment="our copy: the fee of each policy version; the highest is in force for quotes",
    )
    op.create_table(
        "ledger_journals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source_kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("milestone_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("booked_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_kind", "source_id", "leg", name="ledger_journals_once"),
        comment="balanced bookings; never changed, never deleted",
    )
    op.create_index("ledger_journals_contract", "ledger_journals", ["contract_id", "id"], unique=False)
    op.create_table(
        "payments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("funding_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("milestone_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("freelancer_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("return_url", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("intent_ref", sa.Text(), nullable=True),
        sa.Column("checkout_ref", sa.Text(), nullable=True),
        sa.Column("charge_ref", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("declined_code", sa.Text(), nullable=True),
        sa.Column("declined_message", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("refuse_reason", sa.Text(), nullable=True),
        sa.Column("paid", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("booking_ref", sa.Text(), nullable=True),
        sa.Column("booking_amount", sa.BigInteger(), nullable=True),
        sa.Column("booking_fee", sa.BigInteger(), nullable=True),
        sa.Column("look_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("causation_id", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("checkout_ref", name="payments_checkout"),
        sa.UniqueConstraint("funding_id", name="payments_funding"),
        sa.UniqueConstraint("intent_ref", name="payments_intent"),
        comment="each try of a client to fund a milestone",
    )
    op.create_index("payments_client", "payments", ["client_id", "created_at", "id"], unique=False)
    op.create_index("payments_contract", "payments", ["contract_id", "id"], unique=False)
    op.create_index("payments_freelancer", "payments", ["freelancer_id", "created_at", "id"], unique=False)
    op.create_index(
        "payments_look",
        "payments",
        ["look_at"],
        unique=False,
        postgresql_where=sa.text("look_at IS NOT NULL"),
        sqlite_where=sa.text("look_at IS NOT NULL"),
    )
    op.create_index("payments_milestone", "payments", ["milestone_id", "id"], unique=False)
    op.create_table(
        "payout_accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("account_ref", sa.Text(), nullable=True),
        sa.Column("requirements", JsonDocument(), nullable=False),
        sa.Column("look_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("causation_id", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_ref", name="payout_accounts_account"),
        sa.UniqueConstraint("user_id", name="payout_accounts_user"),
        comment="where each freelancer is paid",
    )
    op.create_index(
        "payout_accounts_look",
        "payout_accounts",
        ["look_at"],
        unique=False,
        postgresql_where=sa.text("look_at IS NOT NULL"),
        sqlite_where=sa.text("look_at IS NOT NULL"),
    )
    op.create_table(
        "provider_notices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_ref", sa.Text(), nullable=True),
        sa.Column("payload", JsonDocument(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("origin", "event_id", name="provider_notices_once"),
        comment="what Stripe, or our sweeper, wants us to look at; each leads to one look at the object",
    )
    op.create_index(
        "provider_notices_due",
        "provider_notices",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "provider_notices_payload",
        "provider_notices",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("payload IS NOT NULL"),
        sqlite_where=sa.text("payload IS NOT NULL"),
    )
    op.create_table(
        "stripe_operations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("settlement_id", sa.Text(), nullable=True),
        sa.Column("payout_account_id", sa.Text(), nullable=True),
        sa.Column("parameters", JsonDocument(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("search_first", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("object_ref", sa.Text(), nullable=True),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("causation_id", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="stripe_operations_key"),
        comment="every write at Stripe, committed before its call",
    )
    op.create_index("stripe_operations_account", "stripe_operations", ["payout_account_id"], unique=False)
    op.create_index(
        "stripe_operations_due",
        "stripe_operations",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "stripe_operations_object",
        "stripe_operations",
        ["object_ref"],
        unique=True,
        postgresql_where=sa.text("object_ref IS NOT NULL"),
        sqlite_where=sa.text("object_ref IS NOT NULL"),
    )
    op.create_index(
        "stripe_operations_one_open_payment",
        "stripe_operations",
        ["payment_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index("stripe_operations_payment", "stripe_operations", ["payment_id"], unique=False)
    op.create_index("stripe_operations_settlement", "stripe_operations", ["settlement_id"], unique=False)
    op.create_table(
        "ledger_lines",
        sa.Column("journal_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("side IN ('debit', 'credit')", name="ledger_lines_side"),
        sa.CheckConstraint("amount > 0", name="ledger_lines_positive"),
        sa.ForeignKeyConstraint(
            ["journal_id"], ["ledger_journals.id"], name="ledger_lines_journal", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("journal_id", "position"),
        comment="the sides of each journal; never changed, never deleted",
    )
    op.create_index("ledger_lines_account", "ledger_lines", ["account"], unique=False)
    op.create_table(
        "settlements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("milestone_id", sa.Text(), nullable=False),
        sa.Column("freelancer_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("to_freelancer", sa.BigInteger(), nullable=False),
        sa.Column("to_client", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("transfer", sa.Text(), nullable=False),
        sa.Column("refund", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("transfer_block", sa.Text(), nullable=True),
        sa.Column("refund_block", sa.Text(), nullable=True),
        sa.Column("blocked_reason", sa.Text(), nullable=True),
        sa.Column("refund_debited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("transfer_ref", sa.Text(), nullable=True),
        sa.Column("refund_ref", sa.Text(), nullable=True),
        sa.Column("look_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("causation_id", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="settlements_payment"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("payment_id", name="settlements_one_per_payment"),
        sa.UniqueConstraint("refund_ref", name="settlements_refund"),
        sa.UniqueConstraint("transfer_ref", name="settlements_transfer"),
        comment="the delivery of each decision on held money, and of each return of unwanted money",
    )
    op.create_index(
        "settlements_look",
        "settlements",
        ["look_at"],
        unique=False,
        postgresql_where=sa.text("look_at IS NOT NULL"),
        sqlite_where=sa.text("look_at IS NOT NULL"),
    )
    op.create_index(
        "settlements_payee_waits",
        "settlements",
        ["freelancer_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'completed'"),
        sqlite_where=sa.text("state <> 'completed'"),
    )
    op.create_table(
        "event_sequences",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
        comment="the highest sequence given to an event of each root",
    )
    op.create_table(
        "inbox",
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subscriber", "message_id"),
        comment="messages a subscriber has handled; the row commits with the effect",
    )
    op.create_table(
        "later",
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("first_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("parked_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("subscriber", "message_id"),
        comment="what must happen at a time: retries, alarms (message_id is the alarm's key), and parked messages",
    )
    op.create_index(
        "later_parked",
        "later",
        ["parked_at"],
        unique=False,
        postgresql_where=sa.text("state = 'parked'"),
        sqlite_where=sa.text("state = 'parked'"),
    )
    op.create_index(
        "later_waiting",
        "later",
        ["kind", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("published_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="events recorded by committed transactions; unmarked rows still have to be published",
    )
    op.create_index("outbox_correlation", "outbox", ["correlation_id"], unique=False)
    op.create_index(
        "outbox_unpublished",
        "outbox",
        ["recorded_at"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
        sqlite_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("before", JsonDocument(), nullable=True),
        sa.Column("after", JsonDocument(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_log_subject", "audit_log", ["subject", "id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.String(length=64), nullable=False, comment="sha256 of subject, method, path and key"),
        sa.Column("fingerprint", sa.String(length=64), nullable=False, comment="sha256 of the body as it was sent"),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", JsonDocument(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "second_operator",
        sa.Column("operation", sa.String(length=300), nullable=False, comment="method and path"),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("asked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("operation"),
    )
    keep_ledger_honest()


def keep_ledger_honest() -> None:
    """Triggers: balanced when closed, closed for ever."""
    statements = SQLITE_LEDGER if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_LEDGER
    for statement in statements:
        op.execute(sa.text(statement))


def downgrade() -> None:
    raise RuntimeError("a ledger is not taken down by a migration")
