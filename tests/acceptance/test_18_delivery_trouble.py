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

from tests.acceptance.contract_flow import ContractFlow, Json, at_once
from tests.support.system import System


async def test_people_are_told_everything_once_when_notifications_was_away_for_a_day(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await flow.heard_all()
    await flow.system.stop("notifications")
    await flow.onboarded()
    await flow.funded()
    await flow.submit()
    assert (await flow.release()).status_code == 202
    await flow.becomes("released")
    flow.system.pass_time(days=1)

    await flow.system.start("notifications")

    for person in (flow.cast.ada, flow.cast.grace):
        for kind in ("milestone.funded", "milestone.submitted", "milestone.released"):
            assert len(await flow.seen_notices(person, kind)) == 1
    await flow.heard_all()
    conversation = (await flow.see(f"/v1/conversations?contract_id={flow.contract_id}"))["data"][0]["id"]
    messages = (await flow.see(f"/v1/conversations/{conversation}/messages"))["data"]
    cards = [one["card"]["type"] for one in messages if one["kind"] == "card"]
    assert len(cards) == len(set(cards))


async def test_a_decision_waits_for_payments_that_was_away_for_a_day(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    await flow.heard_all()
    await flow.system.stop("payments")
    assert (await flow.release()).status_code == 202
    flow.system.pass_time(days=1)
    assert (await flow.milestone())["state"] == "settling"
    await flow.system.start("payments")
    await flow.becomes("released")


async def test_a_try_that_lapsed_while_payments_was_away_has_one_answer(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await flow.heard_all()
    await flow.system.stop("payments")
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    flow.system.pass_time(days=1)
    await flow.seen("given up", f"{flow.path}/timeline", lambda one: one["data"][-1]["action"] == "lapse")
    await flow.system.start("payments")
    await flow.becomes("planned")
    assert [one["state"] for one in await flow.payment_rows()] == ["canceled"]
    await flow.funded()


async def test_what_stripe_says_while_contracts_is_away_is_heard_afterwards(flow: ContractFlow) -> None:
    await flow.active(40_000)
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    payment = await flow.payment(lambda one: bool(one.get("client_secret")))
    await flow.heard_all()
    await flow.system.stop("contracts")
    assert (await flow.confirm(payment)).is_success
    await flow.row_becomes(payment["id"], "held")
    down = await flow.ask(flow.cast.ada, "GET", flow.path)
    assert down.status_code == 503
    await flow.system.start("contracts")
    await flow.becomes("funded")


async def parked(flow: ContractFlow, service: str, fits: str) -> Json:
    """Olga sees what is parked: the one that has this in it."""

    async def probe() -> Json | None:
        found = await flow.see(f"/v1/admin/{service}/parked", flow.cast.olga)
        return next((one for one in found["data"] if fits in str(one)), None)

    return await flow.system.until(f"something parked about {fits}", probe)


async def discarded(flow: ContractFlow, service: str, parked_id: str) -> None:
    """Two operators give a parked message about money up; one alone cannot."""
    path, body = f"/v1/admin/{service}/parked/{parked_id}/discard", {"reason": "It was never ours."}
    olga, oscar = flow.cast.olga, flow.system.cast().olga
    assert (await flow.ask(olga, "POST", path, body)).status_code == 202
    alone = await flow.ask(olga, "POST", path, body)
    assert (alone.status_code, alone.json()["code"]) == (409, "second_operator_differs")
    assert (await flow.ask(oscar, "POST", path, body)).status_code == 200
    assert (await flow.ask(olga, "GET", f"/v1/admin/{service}/parked/{parked_id}")).status_code == 404


async def replayed(flow: ContractFlow, service: str, parked_id: str) -> None:
    """Olga has it tried again."""
    await flow.done(flow.cast.olga, "POST", f"/v1/admin/{service}/parked/{parked_id}/replay", {})


async def test_poison_is_parked_and_never_blocks_its_queue(flow: ContractFlow) -> None:
    await flow.active(40_000, 30_000)
    poison = RawMessage(new_message_id(), PaymentHeld.type, new_id("pay"), b"\xff not even text")
    flow.system.given_up.add(poison.id)
    await flow.system.services["payments"].transport.publish([poison])
    for number in (1, 2):
        await flow.funded(number)

    found = await parked(flow, "contracts", poison.id)
    assert (found["reason"], found["money"]) == ("unreadable", True)
    await replayed(flow, "contracts", found["id"])
    again = await parked(flow, "contracts", poison.id)
    assert again["reason"] == "unreadable"
    await discarded(flow, "contracts", found["id"])


async def test_an_order_that_can_never_be_carried_out_is_parked_and_moves_no_money(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    assert (await flow.release()).status_code == 202
    await flow.becomes("released")
    payment = await flow.payment()

    await flow.system.say(
        "contracts",
        MilestonePaymentRefused(
            **await flow.about(), funding_id=payment["funding_id"], payment_id=payment["id"], reason="already_funded"
        ),
    )

    found = await parked(flow, "payments", flow.contract_id)
    assert found["reason"] == "permanent"
    shown = await flow.see(f"/v1/admin/payments/parked/{found['id']}", flow.cast.olga)
    assert shown["event"]["data"]["payment_id"] == payment["id"]
    assert await flow.ledger() == {"charged": 40_000, "released": 40_000}
    await discarded(flow, "payments", found["id"])


async def test_a_message_about_an_unknown_contract_waits_a_day_and_is_parked(flow: ContractFlow) -> None:
    await flow.active(40_000)
    unknown = {**await flow.about(), "contract_id": new_id("ctr"), "milestone_id": new_id("ms")}
    funding_id = new_id("fnd")
    held = PaymentHeld(**unknown, funding_id=funding_id, payment_id=new_id("pay"), paid=40_000)
    await flow.system.say("payments", held)

    contracts = flow.system.services["contracts"]
    mine = sa.and_(SCHEDULED.c.kind == "message", SCHEDULED.c.subject == held.subject)

    async def kept() -> bool | None:
        async with contracts.database.read() as tx:
            return True if await tx.all(sa.select(SCHEDULED.c.message_id).where(mine)) else None

    await flow.system.until("the message to be kept", kept)
    await flow.funded()
    async with contracts.database.begin() as tx:
        long_ago = tx.wall() - timedelta(hours=25)
        await tx.execute(SCHEDULED.update().where(mine).values(first_at=long_ago, due_at=tx.wall()))
    found = await parked(flow, "contracts", held.subject)
    assert found["reason"] == "not_yet_for_too_long"
    await replayed(flow, "contracts", found["id"])
    async with contracts.database.begin() as tx:
        await tx.execute(SCHEDULED.update().where(mine).values(first_at=long_ago, due_at=tx.wall()))
    await discarded(flow, "contracts", (await parked(flow, "contracts", held.subject))["id"])


@asynccontextmanager
async def database_away(system: System, service: str) -> AsyncIterator[None]:
    """The database of a service lets nobody in for the block, and has thrown everybody out."""
    url = sa.make_url(system.backing.databases[service])
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
async def test_while_a_database_is_away_everything_waits_for_it(flow: ContractFlow, service: str) -> None:
    await flow.active(40_000)
    await flow.onboarded()
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    payment = await flow.payment(lambda one: bool(one.get("client_secret")))
    await flow.heard_all()

    async with database_away(flow.system, service):
        assert (await flow.confirm(payment)).is_success
        if flow.system.backing.kind == "servers":
            await refused(flow, service, flow.cast.ada)

    await flow.becomes("funded")
    await flow.seen_notices(flow.cast.grace, "milestone.funded")
    assert (await flow.release()).status_code == 202
    await flow.becomes("released")


async def refused(flow: ContractFlow, service: str, who: Person) -> None:
    """Meanwhile the service says plainly that it cannot: 503, and not ready."""
    own = {"contracts": flow.path, "payments": f"{flow.path}/ledger", "notifications": "/v1/notifications"}

    async def probe() -> bool | None:
        answer = await flow.ask(who, "GET", own[service])
        return True if answer.status_code == 503 and answer.headers.get("retry-after") else None

    await flow.system.until("503 with Retry-After", probe)
    ready = await flow.ask(None, "GET", "/readyz")
    assert ready.status_code == 503
    assert "database" in str(ready.json())


async def test_every_service_restarted_in_the_middle_of_a_job_goes_on(flow: ContractFlow) -> None:
    await flow.active(40_000)
    await flow.onboarded()
    first, _ = await at_once(flow.fund(1), flow.ask(flow.cast.grace, "GET", flow.path))
    assert first.status_code == 202
    for service in tuple(flow.system.services):
        await flow.system.stop(service)
        await asyncio.sleep(0)
        await flow.system.start(service)
    await flow.becomes("funded")
    await flow.decided(1, 10_000)
    for service in tuple(flow.system.services):
        await flow.system.stop(service)
        await flow.system.start(service)
    await flow.becomes("split")
