"""Payments, for the two parties of their contract."""

from typing import Annotated

from fastapi import APIRouter, Query
from skillscoop_chassis.http.dependencies import PageQuery, ReadRequest
from skillscoop_chassis.http.models import MoneyView, NextMove, Warning
from skillscoop_chassis.http.paging import Page, page
from skillscoop_chassis.http.problems import not_found
from sqlalchemy import RowMapping
from starlette.responses import HTMLResponse, Response

from skillscoop_payments.api.dependencies import settings_of
from skillscoop_payments.api.schemas import FailureView, PaymentView
from skillscoop_payments.domain.payment import available_actions
from skillscoop_payments.repository import payments as rows

router = APIRouter(tags=["payments"])


def payment_view(row: RowMapping, reader: str, publishable_key: str) -> PaymentView:
    """A payment as `reader`, one of its parties, may see it."""
    payment = rows.to_payment(row)
    paying = reader == payment.about.client_id and payment.state == "requires_action"
    declined = payment.declined
    return PaymentView(
        id=payment.id,
        version=payment.version,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        contract_id=payment.about.contract_id,
        milestone_id=payment.about.milestone_id,
        funding_id=payment.funding_id,
        state=payment.state,
        amount=MoneyView(amount=payment.about.amount, currency=payment.about.currency),
        failure=FailureView(code=declined.code, message=declined.message) if declined else None,
        next=[NextMove(action=action, actor=actor) for action, actor in available_actions(payment)],
        warnings=[Warning(code="under_review")] if payment.under_review else [],
        checkout_url=payment.checkout_url if paying else None,
        client_secret=payment.secret if paying else None,
        publishable_key=publishable_key if paying and payment.secret else None,
    )


def _for_party(row: RowMapping | None, reader: str) -> RowMapping:
    if row is None or reader not in (row["client_id"], row["freelancer_id"]):
        raise not_found()
    return row


@router.get(
    "/v1/milestones/{milestone_id}/payment", response_model=PaymentView, summary="The current payment of a milestone"
)
async def get_milestone_payment(milestone_id: str, request: ReadRequest) -> Response:
    """The newest try to fund the milestone; 404 until there was one."""
    tx = await request.begin()
    row = _for_party(await rows.latest_of_milestone(tx, milestone_id), request.actor.id)
    view = payment_view(row, request.actor.id, settings_of(request).stripe_publishable_key)
    return request.reply(view, version=view.version)


@router.get("/v1/payments", response_model=Page[PaymentView], summary="My payments")
async def list_payments(
    request: ReadRequest,
    params: PageQuery,
    contract_id: Annotated[str | None, Query(max_length=64, description="Only those of this contract")] = None,
) -> Response:
    """Payments the caller is a party of, newest first."""
    cursor, reader = request.cursor(params), request.actor.id
    tx = await request.begin()
    found = await tx.all(rows.of_person(reader, contract_id, cursor))
    key = settings_of(request).stripe_publishable_key
    return request.reply(page(found, cursor, lambda row: payment_view(row, reader, key)))


@router.get("/v1/payments/{payment_id}", response_model=PaymentView, summary="One payment")
async def get_payment(payment_id: str, request: ReadRequest) -> Response:
    """One payment of the caller's."""
    tx = await request.begin()
    row = _for_party(await rows.one(tx, payment_id), request.actor.id)
    view = payment_view(row, request.actor.id, settings_of(request).stripe_publishable_key)
    return request.reply(view, version=view.version)


@router.get("/v1/returned", response_class=HTMLResponse, summary="Back from Stripe's page")
async def back_from_provider() -> HTMLResponse:
    """Where people come back to when nobody named another place. Whether they paid, or went
    back without paying, is not known here."""
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>SkillScoop</title>"
        "<p>You can close this page; SkillScoop shows how it goes on.</p></html>"
    )
