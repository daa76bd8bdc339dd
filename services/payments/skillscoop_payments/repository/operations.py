"""Operations at the provider, and events of the provider, each of which leads to a poll."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from skillscoop_messages.context import TraceContext
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.picking import picked
from sqlalchemy import ColumnElement, RowMapping, Text, bindparam, cast, exists, func, literal, select, update
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects import postgresql, sqlite

from skillscoop_payments.domain.operation import Kind, Operation, key
from skillscoop_payments.tables import PAYMENTS, PROVIDER_EVENTS, STRIPE_OPERATIONS

CONTACT = "contact_email"
_T = STRIPE_OPERATIONS.c
_INSERT = insert_into(STRIPE_OPERATIONS)
_NEW = (
    "id",
    "kind",
    "payment_id",
    "settlement_id",
    "payout_account_id",
    "parameters",
    "attempt",
    "key",
    "state",
    "due_at",
    "correlation_id",
    "causation_id",
    "created_at",
    "updated_at",
)
# A payment that was not inserted, because its funding has one already, gets no operation.
_INSERT_OF_PAYMENT = insert_into(STRIPE_OPERATIONS).from_select(
    _NEW,
    select(*(bindparam(name, type_=_T[name].type).label(name) for name in _NEW)).where(
        exists().where(PAYMENTS.c.id == bindparam("payment_id"))
    ),
)
_UPDATE = update(STRIPE_OPERATIONS).where(_T.id == bindparam("row_id"))
_CLOSING = select(_T.id).where(
    _T.payment_id == bindparam("of_payment"), _T.kind == "close_payment", _T.state == "pending"
)
_DROP_UNTOUCHED = (
    update(STRIPE_OPERATIONS)
    .where(
        _T.payment_id == bindparam("of_payment"),
        _T.kind.in_(("create_intent", "create_checkout")),
        _T.state == "pending",
        # Tries that were answered, all of them by a no that surely nothing came of, are none.
        _T.tried_at.is_(None),
        _T.unanswered_at.is_(None),
        _T.search_first.is_(False),
        _T.lease_token.is_(None),
    )
    .values(state="dropped")
)


async def insert(
    tx: Transaction,
    environment: str,
    operation_id: str,
    kind: Kind,
    parameters: Mapping[str, Any],
    trace_context: TraceContext,
    *,
    payment_id: str | None = None,
    settlement_id: str | None = None,
    payout_account_id: str | None = None,
) -> None:
    """A new operation, due at once. Its parameters never change again; its key is that of the first attempt."""
    now, wall = tx.now(), tx.wall()
    tx.write(
        _INSERT if payment_id is None else _INSERT_OF_PAYMENT,
        {
            "id": operation_id,
            "kind": kind,
            "payment_id": payment_id,
            "settlement_id": settlement_id,
            "payout_account_id": payout_account_id,
            "parameters": dict(parameters),
            "attempt": 1,
            "key": key(environment, kind, operation_id, 1),
            "state": "pending",
            "due_at": wall,
            "correlation_id": trace_context.correlation_id,
            "causation_id": trace_context.causation_id,
            "created_at": now,
            "updated_at": now,
        },
    )


async def drop_untouched(tx: Transaction, payment_id: str) -> bool:
    """Take back the creation of a payment of which surely nothing came yet; whether that was in time.

    A try commits its claim before it calls, so a row without a claim and without a doubtful try was never carried out.
    """
    result = await tx.execute(_DROP_UNTOUCHED, {"of_payment": payment_id})
    return result.rowcount == 1


def claimed(now: ColumnElement[Any]) -> Mapping[str, ColumnElement[Any]]:
    """What a claim writes beside its lease: a try begins, and an earlier one that nobody answered for is remembered.

    `now` is the moment of the claim. A process killed during its call, or unable to write its outcome, leaves
    `tried_at` behind; what has been answered is cleared by `answered`.
    """
    return {
        "key_since": func.coalesce(_T.key_since, now),
        "unanswered_at": func.coalesce(_T.tried_at, _T.unanswered_at),
        "tried_at": now,
    }


async def begin_try(tx: Transaction, operation_id: str) -> bool:
    """Write down that a try begins without a claim; False where the call is no longer pending."""
    statement = update(STRIPE_OPERATIONS).where(_T.id == operation_id, _T.state == "pending")
    result = await tx.execute(statement.values(**claimed(literal(tx.wall(), _T.tried_at.type))))
    return result.rowcount == 1


def to_operation(row: RowMapping) -> Operation:
    """The domain value of a row."""
    return Operation(
        id=row["id"],
        kind=row["kind"],
        parameters=row["parameters"],
        key=row["key"],
        state=row["state"],
        attempt=row["attempt"],
        tries=row["attempts"],
        payment_id=row["payment_id"],
        settlement_id=row["settlement_id"],
        payout_account_id=row["payout_account_id"],
        object_ref=row["object_ref"],
        key_since=row["key_since"],
        unanswered_at=row["unanswered_at"],
        search_first=row["search_first"],
        search_cursor=row["search_cursor"],
        created_at=row["created_at"],
    )


async def answered(tx: Transaction, operation: Operation, **values: Any) -> None:
    """Write what became of a try; whatever it was, it is no longer under way unless `unanswered_at` says so."""
    await write(tx, operation.id, tried_at=None, **values)


async def write(tx: Transaction, operation_id: str, **values: Any) -> None:
    """Write an operation's next state; its lease is the executor's to give back."""
    tx.write(_UPDATE, {"row_id": operation_id, "updated_at": tx.now(), **values})


async def one(tx: Transaction, operation_id: str) -> RowMapping | None:
    """An operation."""
    return await tx.first(select(STRIPE_OPERATIONS).where(_T.id == operation_id))


async def made_by_us(tx: Transaction, refs: Sequence[str]) -> set[str]:
    """Which of these objects at the provider our own operations made."""
    rows = await tx.all(select(_T.object_ref).where(_T.object_ref.in_(refs)))
    return {row["object_ref"] for row in rows}


async def of_account(tx: Transaction, payout_account_id: str) -> RowMapping | None:
    """The operation that makes a payout account: the newest, where one was refused before."""
    return await tx.first(
        select(STRIPE_OPERATIONS)
        .where(_T.payout_account_id == payout_account_id, _T.kind == "create_recipient")
        .order_by(_T.id.desc())
        .limit(1)
    )


async def hurry(tx: Transaction, payment_ids: Sequence[str], kind: Kind) -> None:
    """What waited for another try is due now."""
    await tx.execute(
        update(STRIPE_OPERATIONS)
        .where(
            _T.id.in_(
                # Rows somebody is settling right now are left to them: waiting here could wait in a circle.
                picked(
                    select(_T.id)
                    .where(_T.payment_id.in_(payment_ids), _T.kind == kind, _T.state == "pending")
                    .with_for_update(skip_locked=True)
                )
            )
        )
        .values(due_at=tx.wall())
    )


def for_operators(state: str | None, kind: str | None, older_than: datetime | None) -> Any:
    """The statement of operations as operators list them."""
    statement = select(STRIPE_OPERATIONS)
    if state is not None:
        statement = statement.where(_T.state == state)
    if kind is not None:
        statement = statement.where(_T.kind == kind)
    return statement if older_than is None else statement.where(_T.created_at < older_than)


_EVENT = {
    "postgresql": postgresql.insert(PROVIDER_EVENTS).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(PROVIDER_EVENTS).on_conflict_do_nothing(),
}
_E = PROVIDER_EVENTS.c


def _again(insert: Any) -> Any:
    now = {"state": "pending", "due_at": insert.excluded.due_at, "created_at": insert.excluded.created_at}
    return insert.on_conflict_do_update(index_elements=["origin", "event_id"], set_={**now, "attempts": 0})


_POLL_ONCE_MORE = {
    "postgresql": _again(postgresql.insert(PROVIDER_EVENTS)),
    "sqlite": _again(sqlite.insert(PROVIDER_EVENTS)),
}
_EVENT_UPDATE = update(PROVIDER_EVENTS).where(_E.id == bindparam("row_id"))


async def keep_provider_event(
    tx: Transaction,
    *,
    origin: str,
    event_id: str,
    type: str,
    subject: str,
    subject_ref: str | None,
    payload: Mapping[str, Any] | None = None,
    after: timedelta = timedelta(0),
) -> None:
    """Keep an event once per origin and id. Without a reference there is nothing to poll: it is only kept."""
    wall = tx.wall()
    tx.write(
        _EVENT[tx.dialect],
        {
            "id": new_message_id(),
            "origin": origin,
            "event_id": event_id,
            "type": type,
            "subject": subject,
            "subject_ref": subject_ref,
            "payload": payload,
            "state": "pending" if subject_ref else "ignored",
            "due_at": wall + after,
            "created_at": wall,
        },
    )


async def poll_once_more(tx: Transaction, *, origin: str, subject: str, subject_ref: str) -> None:
    """Have an object polled now, by the one row this origin has for it, however often that is asked for."""
    wall = tx.wall()
    new = {
        "id": new_message_id(),
        "origin": origin,
        "event_id": subject_ref,
        "type": "look",
        "subject": subject,
        "subject_ref": subject_ref,
        "state": "pending",
        "due_at": wall,
        "created_at": wall,
    }
    tx.write(_POLL_ONCE_MORE[tx.dialect], new)


async def declines(tx: Transaction, intent_ref: str) -> int:
    """How many cards the provider told us it declined for this payment."""
    of_payment = (_E.type == "payment_intent.payment_failed", _E.subject_ref == intent_ref)
    row = await tx.first(select(func.count().label("count")).select_from(PROVIDER_EVENTS).where(*of_payment))
    return int(row["count"]) if row else 0


async def write_provider_event(tx: Transaction, row_id: str, **values: Any) -> None:
    """Write an event's next state; its lease is the executor's to give back."""
    tx.write(_EVENT_UPDATE, {"row_id": row_id, **values})


async def empty_payloads(tx: Transaction, before: datetime) -> int:
    """Forget what webhooks carried before `before`: it may hold people's data, and nothing needs it any more."""
    result = await tx.execute(
        update(PROVIDER_EVENTS)
        .where(_E.created_at < before, _E.payload.is_not(None), _E.state != "pending")
        .values(payload=None)
    )
    return result.rowcount


async def forget_contacts(tx: Transaction) -> int:
    """Take people's mail addresses out of calls that made an account: Stripe has them, and nobody needs them here.

    A call that may be sent again keeps them, because every try must send the same.
    """
    rows = await tx.all(
        select(_T.id, _T.parameters).where(
            _T.payout_account_id.is_not(None), _T.state != "pending", cast(_T.parameters, Text).contains(CONTACT)
        )
    )
    for row in rows:
        kept = {name: value for name, value in row["parameters"].items() if name != CONTACT}
        await write(tx, row["id"], parameters=kept)
    return len(rows)


async def is_closing(tx: Transaction, payment_id: str) -> bool:
    """Whether an operation that ends this payment is under way."""
    row = await tx.first(_CLOSING, {"of_payment": payment_id})
    return row is not None
