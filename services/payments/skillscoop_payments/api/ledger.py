"""The ledger of a contract, for its parties and for those who work on a dispute about it; and quotes."""

from collections.abc import Sequence
from itertools import groupby

from fastapi import APIRouter
from skillscoop_chassis.access import may_read_for_dispute
from skillscoop_chassis.http.dependencies import ReadRequest, WriteRequest
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.models import MoneyView
from skillscoop_chassis.http.problems import documented, invalid, not_found, unavailable
from skillscoop_messages.database import Transaction
from skillscoop_messages.money import Money, fee_of, is_allowed
from starlette.responses import Response

from skillscoop_payments import projections
from skillscoop_payments.api.dependencies import AuditRequest, audited, settings_of
from skillscoop_payments.api.schemas import LedgerEntryView, LedgerLineView, LedgerView, QuoteRequest, QuoteView
from skillscoop_payments.domain.ledger import standing
from skillscoop_payments.repository import ledger as rows
from skillscoop_payments.repository import payments as payment_rows
from skillscoop_payments.repository.ledger import Posted
from skillscoop_payments.tables import DISPUTE_READERS

router = APIRouter(tags=["payments"])

# What the platform has at Stripe and what Stripe keeps of it are one to the parties: Stripe's costs are not theirs.
AS_SHOWN = {"stripe_balance": "stripe", "conversion": "stripe", "stripe_fees": "stripe", "fee_revenue": "fees"}


@router.get("/v1/contracts/{contract_id}/ledger", response_model=LedgerView, summary="A contract's ledger")
async def get_ledger(contract_id: str, request: ReadRequest, log: AuditRequest) -> Response:
    """Where the contract's money is. `charged` is always the sum of the other totals."""
    tx = await request.begin()
    known = await projections.parties(tx, contract_id) or await payment_rows.parties(tx, contract_id)
    reader = request.actor.id
    if known is None:
        raise not_found()
    if reader not in (known["client_id"], known["freelancer_id"]):
        if not await may_read_for_dispute(tx, DISPUTE_READERS, contract_id, request.actor):
            raise not_found()
        await audited(log, "ledger.read", contract_id, "assigned to a dispute of the contract")
    return request.reply(await ledger_view(tx, contract_id, known["currency"]))


async def ledger_view(tx: Transaction, contract_id: str, currency: str) -> LedgerView:
    """The ledger of a contract."""
    # What stands on our balance for converted money is in another currency, and no part of what the parties share.
    posted = [line for line in await rows.of_contract(tx, contract_id) if line.currency == currency]
    sums = standing([line.entry for line in posted], await payment_rows.unbooked(tx, contract_id))

    def money(amount: int) -> MoneyView:
        return MoneyView(amount=amount, currency=currency)

    return LedgerView(
        contract_id=contract_id,
        currency=currency,
        charged=money(sums.charged),
        held=money(sums.held),
        in_transit=money(sums.in_transit),
        released=money(sums.released),
        refunded=money(sums.refunded),
        fees=money(sums.fees),
        charged_back=money(sums.charged_back),
        entries=[_entry(list(lines)) for _, lines in groupby(posted, key=lambda line: line.journal_id)],
    )


def _entry(lines: Sequence[Posted]) -> LedgerEntryView:
    first = lines[0]
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        place = (AS_SHOWN.get(line.entry.kind, line.entry.kind), line.entry.side)
        sums[place] = sums.get(place, 0) + line.entry.amount
    return LedgerEntryView(
        id=first.journal_id,
        at=first.booked_at,
        kind=first.entry.leg,
        milestone_id=first.milestone_id,
        payment_id=first.payment_id,
        lines=[
            LedgerLineView.model_validate(
                {"account": account, "side": side, "amount": MoneyView(amount=amount, currency=first.currency)}
            )
            for (account, side), amount in sums.items()
        ],
    )


@router.post(
    "/v1/quotes",
    response_model=QuoteView,
    responses=documented(503),
    summary="What would reach the freelancer",
    openapi_extra=MATCH_UNUSED,
)
async def quote(body: QuoteRequest, request: WriteRequest) -> Response:
    """The fee on a price, before anyone agrees to it."""
    if body.currency not in settings_of(request).settlement_currencies:
        raise invalid("/currency", "not_allowed", "This currency is not one we settle in.")
    if not is_allowed(Money(body.amount, body.currency)):
        raise invalid("/amount", "out_of_range", "This amount cannot be charged in that currency.")
    tx = await request.begin()
    policy = await projections.fee_policy(tx)
    if policy is None:
        raise unavailable("The fees are not known here yet.", 2)
    fee = fee_of(body.amount, policy["bps"], int(policy["fixed"].get(body.currency, 0)), body.currency)
    return await request.reply(
        QuoteView(
            amount=MoneyView(amount=body.amount, currency=body.currency),
            fee=MoneyView(amount=fee, currency=body.currency),
            net=MoneyView(amount=body.amount - fee, currency=body.currency),
            policy_version=policy["version"],
        )
    )
