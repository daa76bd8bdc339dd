"""Situation 18: a consumer away for a day, poison, an unknown contract, a database away: nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from skillscoop_cli.story.people import Person
from skillscoop_messages.events.contracts import MilestonePaymentRefused
from skillscoop_messages.events.payments import PaymentHeld
from skillscoop_messages.ids import new_id, new_message_id
from skillscoop_messages.tables import SCHEDULED
from skillscoop_messages.transport.base import RawMessage

from tests.acceptance.job import Job, Json, at_once
from tests.support.world import World


async def test_people_are_told_everything_once_when_notifications_was_away_for_a_day(job: Job) -> None:
    await job.active(40_000)
    await job.heard_all()
    await job.world.stop("notifications")
    await job.onboarded()
    await job.funded()
    await job.submit()
    assert (await job.release()).status_code == 202
    await job.becomes("released")
    job.world.pass_time(days=1)

    await job.world.start("notifications")

    for person in (job.cast.ada, job.cast.grace):
        for kind in ("milestone.funded", "milestone.submitted", "milestone.released"):
            assert len(await job.seen_notices(person, kind)) == 1
    await job.heard_all()
    conversation = (await job.see(f"/v1/conversations?contract_id={job.contract_id}"))["data"][0]["id"]
    messages = (await job.see(f"/v1/conversations/{conversation}/messages"))["data"]
    cards = [one["card"]["type"] for one in messages if one["kind"] == "card"]
    assert len(cards) == len(set(cards))


async def test_a_decision_waits_for_payments_that_was_away_for_a_day(job: Job) -> None:
    await job.ready(40_000)
    await job.heard_all()
    await job.world.stop("payments")
    assert (await job.release()).status_code == 202
    job.world.pass_time(days=1)
    assert (await job.milestone())["state"] == "settling"
    await job.world.start("payments")
    await job.becomes("released")


async def test_a_try_that_lapsed_while_payments_was_away_has_one_answer(job: Job) -> None:
    await job.active(40_000)
    await job.heard_all()
    await job.world.stop("payments")
    assert (await job.fund(1, "payment_intent")).status_code == 202
    job.world.pass_time(days=1)
    await job.seen("given up", f"{job.path}/timeline", lambda one: one["data"][-1]["action"] == "lapse")
    await job.world.start("payments")
    await job.becomes("planned")
    assert [one["state"] for one in await job.payment_rows()] == ["canceled"]
    await job.funded()


async def test_what_stripe_says_while_contracts_is_away_is_heard_afterwards(job: Job) -> None:
    await job.active(40_000)
    assert (await job.fund(1, "payment_intent")).status_code == 202
    payment = await job.payment(lambda one: bool(one.get("client_secret")))
    await job.heard_all()
    await job.world.stop("contracts")
    assert (await job.confirm(payment)).is_success
    await job.row_becomes(payment["id"], "held")
    down = await job.ask(job.cast.ada, "GET", job.path)
    assert down.status_code == 503
    await job.world.start("contracts")
    await job.becomes("funded")


async def parked(job: Job, service: str, fits: str) -> Json:
    """Olga sees what is parked: the one that has this in it."""

    async def probe() -> Json | None:
        found = await job.see(f"/v1/admin/{service}/parked", job.cast.olga)
        return next((one for one in found["data"] if fits in str(one)), None)

    return await job.world.until(f"something parked about {fits}", probe)


async def discarded(job: Job, service: str, parked_id: str) -> None:
    """Two operators give a parked message about money up; one alone cannot."""
    path, body = f"/v1/admin/{service}/parked/{parked_id}/discard", {"reason": "It was never ours."}
    olga, oscar = job.cast.olga, job.world.cast().olga
    assert (await job.ask(olga, "POST", path, body)).status_code == 202
    alone = await job.ask(olga, "POST", path, body)
    assert (alone.status_code, alone.json()["code"]) == (409, "second_operator_differs")
    assert (await job.ask(oscar, "POST", path, body)).status_code == 200
    assert (await job.ask(olga, "GET", f"/v1/admin/{service}/parked/{parked_id}")).status_code == 404


async def replayed(job: Job, service: str, parked_id: str) -> None:
    """Olga has it tried again."""
    await job.done(job.cast.olga, "POST", f"/v1/admin/{service}/parked/{parked_id}/replay", {})


async def test_poison_is_parked_and_never_blocks_its_queue(job: Job) -> None:
    await job.active(40_000, 30_000)
    poison = RawMessage(new_message_id(), PaymentHeld.type, new_id("pay"), b"\xff not even text")
    job.world.given_up.add(poison.id)
    await job.world.services["payments"].transport.publish([poison])
    for number in (1, 2):
        await job.funded(number)

    found = await parked(job, "contracts", poison.id)
    assert (found["reason"], found["money"]) == ("unreadable", True)
    await replayed(job, "contracts", found["id"])
    again = await parked(job, "contracts", poison.id)
    assert again["reason"] == "unreadable"
    await discarded(job, "contracts", found["id"])


async def test_an_order_that_can_never_be_carried_out_is_parked_and_moves_no_money(job: Job) -> None:
    await job.ready(40_000)
    assert (await job.release()).status_code == 202
    await job.becomes("released")
    payment = await job.payment()

    await job.world.say(
        "contracts",
        MilestonePaymentRefused(
            **await job.about(), funding_id=payment["funding_id"], payment_id=payment["id"], reason="already_funded"
        ),
    )

    found = await parked(job, "payments", job.contract_id)
    assert found["reason"] == "permanent"
    shown = await job.see(f"/v1/admin/payments/parked/{found['id']}", job.cast.olga)
    assert shown["event"]["data"]["payment_id"] == payment["id"]
    assert await job.ledger() == {"charged": 40_000, "released": 40_000}
    await discarded(job, "payments", found["id"])


async def test_a_message_about_an_unknown_contract_waits_a_day_and_is_parked(job: Job) -> None:
    await job.active(40_000)
    unknown = {**await job.about(), "contract_id": new_id("ctr"), "milestone_id": new_id("ms")}
    funding_id = new_id("fnd")
    held = PaymentHeld(**unknown, funding_id=funding_id, payment_id=new_id("pay"), paid=40_000)
    await job.world.say("payments", held)

    contracts = job.world.services["contracts"]
    mine = sa.and_(SCHEDULED.c.kind == "message", SCHEDULED.c.subject == held.subject)

    async def kept() -> bool | None:
        async with contracts.database.read() as tx:
            return True if await tx.all(sa.select(SCHEDULED.c.message_id).where(mine)) else None

    await job.world.until("the message to be kept", kept)
    await job.funded()
    async with contracts.database.begin() as tx:
        long_ago = tx.wall() - timedelta(hours=25)
        await tx.execute(SCHEDULED.update().where(mine).values(first_at=long_ago, due_at=tx.wall()))
    found = await parked(job, "contracts", held.subject)
    assert found["reason"] == "not_yet_for_too_long"
    await replayed(job, "contracts", found["id"])
    async with contracts.database.begin() as tx:
        await tx.execute(SCHEDULED.update().where(mine).values(first_at=long_ago, due_at=tx.wall()))
    await discarded(job, "contracts", (await parked(job, "contracts", held.subject))["id"])


@asynccontextmanager
async def database_away(world: World, service: str) -> AsyncIterator[None]:
    """The database of a service lets nobody in for the block, and has thrown everybody out."""
    url = sa.make_url(world.ground.databases[service])
    if url.get_backend_name() == "sqlite":
        # A file cannot go away under its process; somebody else may hold it fast.
        with sqlite3.connect(str(url.database), isolation_level=None) as holding:
            holding.execute("BEGIN EXCLUSIVE")
            yield
            holding.execute("ROLLBACK")
        return
    name = sql.Identifier(str(url.database))
    admin = await psycopg.AsyncConnection.connect(
        url.set(database="postgres").render_as_string(hide_password=False), autocommit=True
    )
    async with admin:
        await admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database])
        try:
            yield
        finally:
            await admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


@pytest.mark.parametrize("service", ["contracts", "payments", "notifications"])
async def test_while_a_database_is_away_everything_waits_for_it(job: Job, service: str) -> None:
    await job.active(40_000)
    await job.onboarded()
    assert (await job.fund(1, "payment_intent")).status_code == 202
    payment = await job.payment(lambda one: bool(one.get("client_secret")))
    await job.heard_all()

    async with database_away(job.world, service):
        assert (await job.confirm(payment)).is_success
        if job.world.ground.kind == "servers":
            await refused(job, service, job.cast.ada)

    await job.becomes("funded")
    await job.seen_notices(job.cast.grace, "milestone.funded")
    assert (await job.release()).status_code == 202
    await job.becomes("released")


async def refused(job: Job, service: str, who: Person) -> None:
    """Meanwhile the service says plainly that it cannot: 503, and not ready."""
    own = {"contracts": job.path, "payments": f"{job.path}/ledger", "notifications": "/v1/notifications"}

    async def probe() -> bool | None:
        answer = await job.ask(who, "GET", own[service])
        return True if answer.status_code == 503 and answer.headers.get("retry-after") else None

    await job.world.until("503 with Retry-After", probe)
    ready = await job.ask(None, "GET", "/readyz")
    assert ready.status_code == 503
    assert "database" in str(ready.json())


async def test_every_service_restarted_in_the_middle_of_a_job_goes_on(job: Job) -> None:
    await job.active(40_000)
    await job.onboarded()
    first, _ = await at_once(job.fund(1), job.ask(job.cast.grace, "GET", job.path))
    assert first.status_code == 202
    for service in tuple(job.world.services):
        await job.world.stop(service)
        await asyncio.sleep(0)
        await job.world.start(service)
    await job.becomes("funded")
    await job.decided(1, 10_000)
    for service in tuple(job.world.services):
        await job.world.stop(service)
        await job.world.start(service)
    await job.becomes("split")
