"""Operators' routes of payments: operations at Stripe, and the platform's books."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from skillscoop_chassis.http.dependencies import MoneyWriteRequest, PageQuery, ReadRequest, WriteRequest
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.models import Flag
from skillscoop_chassis.http.paging import Page, keyset, page
from skillscoop_chassis.http.problems import conflict, invalid, not_found, register_codes
from sqlalchemy import RowMapping
from starlette.responses import Response

from skillscoop_payments.api.dependencies import dependencies_of, note
from skillscoop_payments.api.schemas import AccountSums, AlertView, OperationView, RetryRequest, TrialBalanceView
from skillscoop_payments.domain.errors import NothingToRetry, PayeeNotReady, RefundStillOut
from skillscoop_payments.domain.operation import Kind
from skillscoop_payments.repository import alerts, operations
from skillscoop_payments.repository import ledger as ledger_rows
from skillscoop_payments.tables import OPERATOR_ALERTS, STRIPE_OPERATIONS
from skillscoop_payments.usecases import retrying, reviewing

router = APIRouter(prefix="/v1/admin/payments", tags=["operators"])
OperationState = Literal["pending", "done", "refused", "dropped"]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

register_codes(
    {
        "operation_finished": (
            409,
            "The operation is finished",
            "It was carried out, or refused for good, so there is nothing to try again.",
        ),
        "payee_not_ready": (
            409,
            "The payee cannot receive money",
            "The payout account is not active; the transfer goes on by itself as soon as it is.",
        ),
        "refund_still_out": (
            409,
            "The refund has not come back",
            "It failed, and Stripe has not put its money back on the platform's balance: another refund would be paid"
            " out of money that belongs to others. Stripe may take days; we keep asking.",
        ),
    }
)


def operation_view(row: RowMapping) -> OperationView:
    """An operation; the reference of its object is Stripe's id, for looking it up there."""
    return OperationView.model_validate({name: row[name] for name in OperationView.model_fields if name != "object"})


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is None:
        raise invalid("?older_than", "malformed", "A number with s, m, h or d, such as 2h.")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


@router.get("/operations", response_model=Page[OperationView], summary="Operations at Stripe")
async def list_operations(
    request: ReadRequest,
    params: PageQuery,
    state: Annotated[OperationState | None, Query(description="How it stands")] = None,
    kind: Annotated[Kind | None, Query(description="What is asked of Stripe")] = None,
    older_than: Annotated[str | None, Query(max_length=16, description="2h, for example")] = None,
) -> Response:
    """Writes at Stripe, newest first."""
    request.require_role("ops")
    age, cursor = _age(older_than), request.cursor(params)
    tx = await request.begin()
    statement = operations.for_operators(state, kind, tx.now() - age if age is not None else None)
    found = await tx.all(keyset(statement, STRIPE_OPERATIONS.c.created_at, STRIPE_OPERATIONS.c.id, cursor))
    return request.reply(page(found, cursor, operation_view))


@router.get("/operations/{operation_id}", response_model=OperationView, summary="One operation")
async def get_operation(operation_id: str, request: ReadRequest) -> Response:
    """One write at Stripe."""
    request.require_role("ops")
    tx = await request.begin()
    row = await operations.one(tx, operation_id)
    if row is None:
        raise not_found()
    return request.reply(operation_view(row))


@router.post(
    "/operations/{operation_id}/retry",
    response_model=OperationView,
    summary="Try an operation again now",
    openapi_extra=MATCH_UNUSED,
)
async def retry_operation(operation_id: str, body: RetryRequest, request: MoneyWriteRequest) -> Response:
    """One that waits is due at once, with its own key; a refund that was refused or broke is ordered anew."""
    request.require_role("ops")
    tx = await request.begin()
    row = await operations.one(tx, operation_id)
    if row is None:
        raise not_found()
    try:
        await retrying.retry(tx, dependencies_of(request), row)
    except NothingToRetry as error:
        raise conflict(
            "operation_finished", "There is nothing to try again.", state=row["state"], allowed=[]
        ) from error
    except RefundStillOut as error:
        raise conflict("refund_still_out", "The refund has not come back yet.", state=row["state"]) from error
    except PayeeNotReady as error:
        raise conflict("payee_not_ready", "The payee cannot receive money now.", state=row["state"]) from error
    await note(request, tx, "operation.retry", operation_id, body.reason)
    row = await operations.one(tx, operation_id)
    assert row is not None, "operations are never deleted"
    return await request.reply(operation_view(row))


@router.get("/alerts", response_model=Page[AlertView], summary="What only a person can decide")
async def list_alerts(
    request: ReadRequest,
    params: PageQuery,
    resolved: Annotated[Flag, Query(description="Those that were dealt with instead of the open ones")] = False,
) -> Response:
    """What happened to money that the service does not decide about by itself, newest first."""
    request.require_role("ops")
    cursor = request.cursor(params)
    tx = await request.begin()
    statement = alerts.for_operators(resolved)
    found = await tx.all(keyset(statement, OPERATOR_ALERTS.c.created_at, OPERATOR_ALERTS.c.id, cursor))
    return request.reply(page(found, cursor, alert_view))


@router.post(
    "/alerts/{alert_id}/resolve",
    response_model=AlertView,
    summary="An alert was dealt with",
    openapi_extra=MATCH_UNUSED,
)
async def resolve_alert(alert_id: str, body: RetryRequest, request: WriteRequest) -> Response:
    """It no longer waits for anybody; money that it held moves on. Resolved twice, it stays as it was."""
    request.require_role("ops")
    tx = await request.begin()
    if await alerts.one(tx, alert_id) is None:
        raise not_found()
    resolved = await alerts.resolve(tx, alert_id)
    row = await alerts.one(tx, alert_id)
    assert row is not None, "alerts are never deleted"
    if resolved:
        await note(request, tx, "alert.resolve", alert_id, body.reason)
        await reviewing.resolved(tx, dependencies_of(request), row)
    return await request.reply(alert_view(row))


def alert_view(row: RowMapping) -> AlertView:
    """An alert as operators see it."""
    return AlertView.model_validate({name: row[name] for name in AlertView.model_fields if name != "object"})


@router.get("/ledger", response_model=TrialBalanceView, summary="The platform's books")
async def get_trial_balance(request: ReadRequest) -> Response:
    """Debits and credits of every kind of account. They are equal in each currency, or something is broken."""
    request.require_role("ops")
    tx = await request.begin()
    rows = await ledger_rows.trial_balance(tx)
    debits: dict[str, int] = {}
    credits: dict[str, int] = {}
    for row in rows:
        debits[row["currency"]] = debits.get(row["currency"], 0) + int(row["debits"])
        credits[row["currency"]] = credits.get(row["currency"], 0) + int(row["credits"])
    return request.reply(
        TrialBalanceView(
            debits=debits,
            credits=credits,
            balanced=debits == credits,
            accounts=[
                AccountSums(
                    currency=row["currency"],
                    account=row["kind"],
                    debits=int(row["debits"]),
                    credits=int(row["credits"]),
                )
                for row in rows
            ],
        )
    )
