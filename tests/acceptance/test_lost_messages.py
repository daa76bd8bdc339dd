"""Whatever single queue loses a confirmed message: the two ends notice, and every story comes to its end.

Each story loses the first copy of every question between the services and of every answer, on three transports.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from skillscoop_messages import asking
from skillscoop_messages.events import contracts, disputes, payments
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.tables import OUTBOX
from skillscoop_messages.transport.simulated import SimulatedTransport

from tests.acceptance.job import Job, sight_of
from tests.conformance.stage import keep_moving
from tests.support.invariants import invariants
from tests.support.world import Templates, running_world

Loss = tuple[str, str]
TraceContext = Callable[[Job], Awaitable[None]]

FUNDING: list[Loss] = [
    ("payments.create_payment_when_funding_requested", contracts.MilestoneFundingRequested.type),
    ("contracts.record_answer_of_payment", payments.PaymentHeld.type),
]
RELEASE: list[Loss] = [
    ("payments.pay_out_when_settlement_decided", contracts.MilestoneSettlementDecided.type),
    ("contracts.finish_settlement_when_completed", payments.SettlementCompleted.type),
]
CANCEL: list[Loss] = [
    ("payments.cancel_payment_when_funding_canceled", contracts.MilestoneFundingCanceled.type),
    ("contracts.record_answer_of_payment", payments.PaymentCanceled.type),
]
RETURN: list[Loss] = [
    ("payments.return_money_when_payment_refused", contracts.MilestonePaymentRefused.type),
    ("contracts.note_returned_payment", payments.PaymentReturned.type),
]
FREEZE: list[Loss] = [
    ("contracts.freeze_when_dispute_opened", disputes.DisputeOpened.type),
    ("disputes.confirm_when_contracts_answered", contracts.DisputeAnswered.type),
]
UNFREEZE: list[Loss] = [
    ("contracts.unfreeze_when_dispute_withdrawn", disputes.DisputeWithdrawn.type),
    ("disputes.note_unfrozen", contracts.DisputeUnfrozen.type),
]
DECISION: list[Loss] = [
    ("contracts.settle_when_dispute_resolved", disputes.DisputeResolved.type),
    ("disputes.record_execution", contracts.DisputeExecuted.type),
    ("disputes.close_when_milestones_final", contracts.MilestoneSplit.type),
]


@asynccontextmanager
async def losing(job: Job, *losses: Loss) -> AsyncIterator[None]:
    """Lose these messages in the block, while the time to ask again passes over and over; then all must be well."""
    world = job.world
    world.losses.lost.clear()
    world.losses.wanted.update(losses)

    async def time_passes() -> None:
        while True:
            await world.ask_again()
            await asyncio.sleep(0.2)

    passing = asyncio.create_task(time_passes())
    try:
        yield
        await world.until("everything lost that should be", lambda: nothing_left_to_lose(job))
        assert sorted(world.losses.lost) == sorted(losses)
        await job.heard_all()
        await world.until("every question answered", lambda: nothing_open(job))
    finally:
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
        world.losses.wanted.clear()


async def nothing_left_to_lose(job: Job) -> bool | None:
    """Whether every message that should be lost has come and gone."""
    return None if job.world.losses.wanted else True


async def nothing_open(job: Job) -> bool | None:
    """Whether no service waits for an answer about this contract any more."""
    for name in ("contracts", "disputes"):
        async with job.world.services[name].database.read() as tx:
            open_ones = await tx.all(OUTBOX.select().where(OUTBOX.c.ask_again_at.is_not(None)))
        if any(job.contract_id.encode() in bytes(row["body"]) for row in open_ones):
            return None
    return True


async def story_of_a_release(job: Job) -> None:
    """Given a contract, when a milestone is funded and released, then the freelancer is paid once."""
    await job.active(40_000)
    await job.onboarded()
    async with losing(job, *FUNDING, *RELEASE):
        await job.funded()
        assert (await job.release()).status_code == 202
        await job.becomes("released")
    assert await job.ledger() == {"charged": 40_000, "released": 40_000}


async def story_of_a_canceled_try(job: Job) -> None:
    """Given an open try to pay, when the client cancels it, then the milestone is planned again."""
    await job.active(40_000)
    async with losing(job, *CANCEL):
        await job.abandoned_try()


async def story_of_unwanted_money(job: Job) -> None:
    """Given an abandoned try, when it is paid all the same after another one, then the second payment goes back."""
    await job.active(40_000)
    abandoned = await job.abandoned_try()
    async with losing(job, *RETURN):
        await job.funded()
        await job.paid_at_stripe(abandoned["id"], 40_000)
        await job.row_becomes(abandoned["id"], "returned")
    assert await job.ledger() == {"charged": 80_000, "held": 40_000, "refunded": 40_000}


async def story_of_a_withdrawn_dispute(job: Job) -> None:
    """Given held money, when a dispute about it is opened and withdrawn, then it is frozen and free again."""
    await job.ready(40_000)
    async with losing(job, *FREEZE, *UNFREEZE):
        path = await job.disputed(1)
        await job.done(job.cast.ada, "POST", f"{path}/withdraw")
        await job.seen("unfrozen", job.milestone_path(), lambda one: not one["frozen_by"])


async def story_of_a_decision(job: Job) -> None:
    """Given held money, when a dispute about it is decided, then both get their parts and the dispute is closed."""
    await job.ready(40_000)
    async with losing(job, *FREEZE, *DECISION, *RELEASE):
        path = await job.decided(1, 15_000)
        await job.becomes("split")
        await job.seen("closed", path, lambda one: one["state"] == "closed")
    assert await job.ledger() == {"charged": 40_000, "released": 15_000, "refunded": 25_000}


STORIES = [
    story_of_a_release,
    story_of_a_canceled_try,
    story_of_unwanted_money,
    story_of_a_withdrawn_dispute,
    story_of_a_decision,
]


@pytest.mark.parametrize("tell", STORIES)
async def test_every_lost_question_and_answer_is_said_again(job: Job, tell: TraceContext) -> None:
    await tell(job)


async def test_a_milestone_whose_answer_is_overdue_says_so_until_it_is_there(job: Job) -> None:
    """Given a settlement nobody heard of, when it was asked again in vain, then all can see that and it is counted."""
    await job.ready(40_000)
    losses = job.world.losses
    asked = ("payments.pay_out_when_settlement_decided", contracts.MilestoneSettlementDecided.type)
    losses.wanted.add(asked)
    assert (await job.release()).status_code == 202
    await job.world.until("the question lost", lambda: nothing_left_to_lose(job))
    assert "answer_overdue" not in await warnings(job)

    losses.wanted.add(asked)
    await job.world.ask_again()
    await job.world.until("the question lost again", lambda: nothing_left_to_lose(job))

    assert "answer_overdue" in await warnings(job)
    async with job.world.services["contracts"].database.read() as tx:
        assert (await asking.counts(tx))[1] >= 1

    await job.world.ask_again()
    await job.becomes("released")
    assert "answer_overdue" not in await warnings(job)


async def warnings(job: Job) -> list[str]:
    """The codes of a milestone's warnings."""
    return [one["code"] for one in (await job.milestone())["warnings"]]


async def test_every_lost_question_and_answer_is_said_again_on_the_simulated_transport(tmp_path: Path) -> None:
    simulated = SimulatedTransport(7, SUBSCRIPTIONS.values())
    ground = Templates(tmp_path / "templates").sqlite(tmp_path / "databases")
    moving = asyncio.create_task(keep_moving(simulated))
    try:
        async with running_world(tmp_path / "data", ground, simulated) as world:
            for tell in STORIES:
                await tell(Job(world, world.cast()))
            await invariants(sight_of(world))
    finally:
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
