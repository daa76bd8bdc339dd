"""The composition root: everything a payments process owns, built and joined here."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from skillscoop_chassis.http.app import create_app
from skillscoop_chassis.http.bodies import BodyRule
from skillscoop_chassis.parts import open_parts
from skillscoop_chassis.service import Service
from skillscoop_messages.clock import Clocks
from skillscoop_messages.database import Transaction
from skillscoop_messages.executor import Executor
from skillscoop_messages.transport.base import Transport
from sqlalchemy import RowMapping

from skillscoop_payments import api
from skillscoop_payments.adapters.stripe import StripeGateway
from skillscoop_payments.domain.operation import Outcome
from skillscoop_payments.gateway import Gateway
from skillscoop_payments.jobs import jobs
from skillscoop_payments.repository import alerts
from skillscoop_payments.repository import operations as operation_rows
from skillscoop_payments.settings import PaymentsSettings
from skillscoop_payments.subscribers import subscribers, timers
from skillscoop_payments.tables import PROVIDER_EVENTS, STRIPE_OPERATIONS
from skillscoop_payments.usecases import making_calls, payouts, polling, reviewing
from skillscoop_payments.usecases.dependencies import Dependencies

WEBHOOK_LIMIT = 512 * 1024


def build(
    settings: PaymentsSettings,
    *,
    clocks: Clocks | None = None,
    transport: Transport | None = None,
    gateway: Gateway | None = None,
) -> Service:
    """The payments service. `gateway` stands in for Stripe, `clocks` and `transport` for the real ones."""
    parts = open_parts(settings, "payments", clocks=clocks, transport=transport)
    database = parts.database
    provider = gateway or StripeGateway(
        settings.stripe_api_key.get_secret_value(),
        settings.stripe_api_base,
        timeout=settings.stripe_timeout,
        connections=settings.stripe_concurrency,
    )

    def nudge() -> None:
        operations.nudge()

    def poll_soon() -> None:
        polls.nudge()

    deps = Dependencies(
        environment=settings.stripe_environment or settings.environment,
        gateway=provider,
        nudge=nudge,
        poll=poll_soon,
        return_url=settings.return_url,
        poll_after=timedelta(seconds=settings.look_after_seconds),
        declines=settings.cap_declines,
        book_after=timedelta(seconds=settings.book_after_seconds),
        recheck_after=timedelta(seconds=settings.recheck_after_seconds),
    )

    async def carry_out(row: RowMapping) -> Outcome:
        held = await reviewing.must_wait(database, row)
        if held is not None:
            return held
        return await making_calls.call(provider, database, parts.clocks.wall, row)

    async def record_outcome(tx: Transaction, row: RowMapping, outcome: Outcome) -> None:
        await making_calls.record(tx, deps, row, outcome)

    async def poll(row: RowMapping) -> polling.PollResult:
        return await polling.call(provider, database, row)

    async def record_poll(tx: Transaction, row: RowMapping, result: polling.PollResult) -> None:
        await polling.record(tx, deps, row, result)

    # A lease outlives its call, so that no second one begins while the first may still succeed; and not by much, so
    # that what a killed process had in hand goes on soon.
    lease = timedelta(seconds=settings.stripe_timeout + 1)
    operations = Executor(
        "payments.operations",
        STRIPE_OPERATIONS,
        carry_out,
        record_outcome,
        lease,
        settings.stripe_concurrency,
        claim_values=operation_rows.claimed,
    )
    polls = Executor("payments.polls", PROVIDER_EVENTS, poll, record_poll, lease, settings.stripe_concurrency)

    payout_watch = payouts.PayoutWatch()

    async def open_alerts() -> Mapping[str, float]:
        async with database.read() as tx:
            waiting = await alerts.count_open(tx)
        return {"payments_operator_alerts_open": waiting, "payments_payouts_manual": payout_watch.manual}

    @asynccontextmanager
    async def connections() -> AsyncIterator[None]:
        await provider.open()
        try:
            yield
        finally:
            await provider.close()

    service = Service(
        name="payments",
        settings=settings,
        clocks=parts.clocks,
        database=database,
        transport=parts.transport,
        subscribers=subscribers(deps),
        timers=timers(deps),
        executors=[operations, polls],
        jobs=jobs(database, deps, timedelta(seconds=settings.moved_every_seconds), payout_watch),
        resources=[connections()],
        outside={"dependencies": deps, "gateway": provider},
    )
    service.vitals.gauges(open_alerts)
    if settings.live:
        service.vitals.checks["payouts"] = payout_watch.trouble
    create_app(service, api.ROUTERS, api.PUBLIC_PATHS, bodies=[BodyRule("/webhooks/*", WEBHOOK_LIMIT, "raw")])
    return service
