"""Payout accounts, for the freelancer they belong to."""

from fastapi import APIRouter
from skillscoop_chassis.http.dependencies import ReadRequest, WriteRequest
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.models import NextMove
from skillscoop_chassis.http.problems import conflict, documented, invalid, not_found, register_codes, unavailable
from skillscoop_chassis.http.return_urls import check_return_url
from sqlalchemy import RowMapping
from starlette.responses import Response

from skillscoop_payments.api.dependencies import dependencies_of, settings_of
from skillscoop_payments.api.schemas import (
    OnboardingLinkRequest,
    OnboardingLinkView,
    PayoutAccountRequest,
    PayoutAccountView,
)
from skillscoop_payments.domain.errors import CountryIsSettled
from skillscoop_payments.domain.payout_account import available_actions
from skillscoop_payments.gateway import Gateway, Unreachable
from skillscoop_payments.repository import accounts as rows
from skillscoop_payments.repository import operations
from skillscoop_payments.usecases import onboarding

router = APIRouter(tags=["payout accounts"])

register_codes(
    {
        "payout_account_closed": (
            409,
            "The payout account is closed",
            "Stripe rejected this account for good; no link will open it again.",
        ),
        "payout_account_country": (
            409,
            "The payout account has another country",
            "An account is made in one country and stays there. Ask without a country for the one there is.",
        ),
    }
)


def account_view(row: RowMapping) -> PayoutAccountView:
    """An account as its owner sees it."""
    account = rows.to_account(row)
    return PayoutAccountView(
        id=account.id,
        version=account.version,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        state=account.state,
        country=account.country,
        requirements=list(account.requirements),
        next=[NextMove(action=action, actor=actor) for action, actor in available_actions(account)],
    )


@router.post(
    "/v1/payout-accounts",
    response_model=PayoutAccountView,
    status_code=201,
    responses={
        200: {"model": PayoutAccountView, "description": "The account the caller has already"},
        **documented(409),
    },
    summary="Ask for a payout account",
    openapi_extra=MATCH_UNUSED,
)
async def open_payout_account(request: WriteRequest, body: PayoutAccountRequest | None = None) -> Response:
    """The caller's account: a new one, or, with 200, the one there is. Its country is chosen once."""
    countries = settings_of(request).payout_countries
    country = body.country.upper() if body is not None and body.country is not None else None
    if country is not None and country not in countries:
        raise invalid("/country", "not_allowed", "Freelancers cannot be paid in this country yet.")
    tx = await request.begin()
    try:
        email = body.email if body is not None else None
        row, new = await onboarding.open_account(
            tx, dependencies_of(request), request.actor.id, country, countries[0], email
        )
    except CountryIsSettled as error:
        raise conflict(
            "payout_account_country",
            f"The account is made for {error.country}; Stripe cannot move it to another country.",
            state=error.state,
            version=error.version,
        ) from error
    view = account_view(row)
    location = "/v1/payout-accounts/me"
    return await request.reply(
        view, status=201 if new else 200, version=view.version, location=location if new else None
    )


@router.get(
    "/v1/payout-accounts/me", response_model=PayoutAccountView, responses=documented(404), summary="My payout account"
)
async def get_my_payout_account(request: ReadRequest) -> Response:
    """The caller's account; 404 until they asked for one."""
    tx = await request.begin()
    row = await rows.of_user(tx, request.actor.id)
    if row is None:
        raise not_found()
    view = account_view(row)
    return request.reply(view, version=view.version)


@router.post(
    "/v1/payout-accounts/me/onboarding-link",
    response_model=OnboardingLinkView,
    responses=documented(404, 409, 503),
    summary="A link to Stripe's onboarding page",
)
async def make_onboarding_link(request: ReadRequest, body: OnboardingLinkRequest | None = None) -> Response:
    """A fresh link for one use, made while the caller waits and never given twice."""
    asked, settings = body or OnboardingLinkRequest(), settings_of(request)
    for field, url in (("/return_url", asked.return_url), ("/refresh_url", asked.refresh_url)):
        check_return_url(field, url, settings.return_url_origins, production=settings.environment == "production")
    async with request.service.database.read() as tx:
        row = await rows.of_user(tx, request.actor.id)
        operation = await operations.of_account(tx, row["id"]) if row is not None else None
    if row is None:
        raise not_found()
    if row["state"] == "rejected":
        raise conflict(
            "payout_account_closed", "Stripe closed this account.", state=row["state"], version=row["version"]
        )
    gateway: Gateway = dependencies_of(request).gateway
    database = request.service.database
    account_ref = row["account_ref"] or await onboarding.made_now(database, gateway, operation)
    if account_ref is None and operation is not None and operation["state"] == "pending":
        account_ref = await onboarding.made_meanwhile(database, request.actor.id)
    if account_ref is None:
        raise unavailable("The account is being made; ask again in a moment.", 1)
    fallback = dependencies_of(request).return_url
    try:
        link = await gateway.onboarding_link(account_ref, asked.return_url or fallback, asked.refresh_url or fallback)
    except Unreachable as error:
        raise unavailable("Stripe cannot be reached; please ask again.", 2) from error
    return request.reply(OnboardingLinkView(url=link.url, expires_at=link.expires_at))
