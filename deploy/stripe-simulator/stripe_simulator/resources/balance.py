"""Balances and the transactions that move them, of the platform (account "") and of connected accounts."""

from stripe_simulator import ids
from stripe_simulator.errors import Json
from stripe_simulator.parameters import PAGE
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import Call, Operation, page, retrieval
from stripe_simulator.settings import MINIMUM_CHARGE
from stripe_simulator.store import Transaction

_FEE = {"application": None, "description": "Stripe processing fees", "type": "stripe_fee"}


def post(
    tx: Transaction,
    type: str,
    amount: int,
    currency: str,
    *,
    fee: int = 0,
    source: str | None = None,
    available_on: int | None = None,
    account: str = "",
    category: str | None = None,
    rate: float | None = None,
) -> Json:
    """Book a balance transaction of `amount` less `fee`; pending until `available_on` (default: at once).

    `rate` is what one unit of the original currency became, where it was converted.
    """
    ready = max(tx.now, available_on or tx.now)
    settled = ready <= tx.now
    entry = tx.add(
        {
            "id": ids.new("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": ready,
            "balance_type": "payments",
            "created": tx.now,
            "currency": currency,
            "description": None,
            "exchange_rate": rate,
            "fee": fee,
            "fee_details": [{"amount": fee, "currency": currency, **_FEE}] if fee else [],
            "net": amount - fee,
            "reporting_category": category or type,
            "source": source,
            "status": "available" if settled else "pending",
            "type": type,
        },
        account,
    )
    if settled:
        _move(tx, account, currency, available=amount - fee)
    else:
        _move(tx, account, currency, pending=amount - fee)
        tx.at(ready, "settle", entry["id"])
    return entry


def settle(tx: Transaction, id: str) -> None:
    """A pending balance transaction becomes available."""
    entry = tx.get(id, "balance_transaction")
    if entry is None:
        return
    account = str(tx.sql("SELECT account FROM objects WHERE id = ?", (id,)).fetchone()[0])
    tx.put({**entry, "status": "available"})
    _move(tx, account, entry["currency"], available=entry["net"], pending=-entry["net"])
    emit(tx, "balance.available", _balance(tx, account), account=account)
    if not account:
        tx.at(tx.now, "retry_refunds", entry["currency"])


def available(tx: Transaction, currency: str, account: str = "") -> int:
    """What may be spent now."""
    where = "SELECT available FROM balances WHERE account = ? AND currency = ?"
    row = tx.sql(where, (account, currency)).fetchone()
    return int(row[0]) if row else 0


def adjust(tx: Transaction, currency: str, amount: int) -> Json:
    """Put money on the platform's balance or take it away, as an operator of the simulator."""
    if amount >= 0:
        tx.at(tx.now, "retry_refunds", currency)
        return post(tx, "topup", amount, currency)
    return post(tx, "adjustment", amount, currency, category="other_adjustment")


def open_balances(tx: Transaction) -> None:
    """The first state: a large available balance in every currency, and payouts as set."""
    for currency in MINIMUM_CHARGE:
        if tx.settings.opening_balance:
            post(tx, "topup", tx.settings.opening_balance, currency)
    tx.set_meta("payout_interval", tx.settings.payout_interval)


def _move(tx: Transaction, account: str, currency: str, available: int = 0, pending: int = 0) -> None:
    tx.sql(
        "INSERT INTO balances VALUES (?, ?, ?, ?) ON CONFLICT (account, currency) DO UPDATE"
        " SET available = available + excluded.available, pending = pending + excluded.pending",
        (account, currency, available, pending),
    )


def _balance(tx: Transaction, account: str) -> Json:
    rows = tx.sql(
        "SELECT currency, available, pending FROM balances WHERE account = ? ORDER BY currency", (account,)
    ).fetchall() or [("usd", 0, 0)]
    body: Json = {"object": "balance", "livemode": False}
    for name, column in (("available", 1), ("pending", 2)):
        body[name] = [
            {"amount": row[column], "currency": row[0], "source_types": {"card": row[column]}} for row in rows
        ]
    return body


def _settings(tx: Transaction) -> Json:
    return {
        "object": "balance_settings",
        "payments": {
            "debit_negative_balances": False,
            "payouts": {
                "minimum_balance_by_currency": None,
                "schedule": {"interval": tx.meta("payout_interval", "manual")},
                "statement_descriptor": None,
                "status": "enabled",
            },
            "settlement_timing": {"delay_days": tx.settings.settlement_days},
        },
    }


def _change_settings(call: Call) -> Json:
    payouts = (call["payments"] or {}).get("payouts") or {}
    interval = (payouts.get("schedule") or {}).get("interval")
    before = call.tx.meta("payout_interval", "manual")
    if interval and interval != before:
        call.tx.set_meta("payout_interval", interval)
        emit(call.tx, "balance_settings.updated", _settings(call.tx))
    return _settings(call.tx)


def _list(call: Call) -> Json:
    return page(call, "balance_transaction", type=call["type"], source=call["source"], currency=call["currency"])


OPERATIONS = (
    Operation(
        "GET", "/v1/balance", lambda call: _balance(call.tx, call.account), {"expand": "texts"}, for_accounts=True
    ),
    Operation("GET", "/v1/balance_settings", lambda call: _settings(call.tx), {"expand": "texts"}),
    Operation(
        "POST",
        "/v1/balance_settings",
        _change_settings,
        {
            "payments": {"payouts": {"schedule": {"interval": ("daily", "manual", "monthly", "weekly")}}},
            "expand": "texts",
        },
    ),
    Operation(
        "GET",
        "/v1/balance_transactions",
        _list,
        {**PAGE, "created": "range", "type": "text", "source": "text", "currency": "text"},
        for_accounts=True,
    ),
    retrieval("/v1/balance_transactions/{id}", "balance_transaction", for_accounts=True),
)
