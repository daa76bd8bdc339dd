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

from tests.acceptance.contract_flow import ContractFlow, sight_of
from tests.conformance.messaging_fixtures import keep_moving
from tests.support.invariants import invariants
from tests.support.system import Templates, running_system

Loss = tuple[str, str]
TraceContext = Callable[[ContractFlow], Awaitable[None]]

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
async def losing(flow: ContractFlow, *losses: Loss) -> AsyncIterator[None]:
    """Lose these messages in the block, while the time to ask again passes over and over; then all must be well."""
    system = flow.system
    system.losses.lost.clear()
    system.losses.wanted.update(losses)

    async def time_passes() -> None:
        while True:
            await system.ask_again()
            await asyncio.sleep(0.2)

    passing = asyncio.create_task(time_passes())
    try:
        yield
        await system.until("everything lost that should be", lambda: nothing_left_to_lose(flow))
        assert sorted(system.losses.lost) == sorted(losses)
        await flow.heard_all()
        await system.until("every question answered", lambda: nothing_open(flow))
    finally:
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
        system.losses.wanted.clear()


async def nothing_left_to_lose(flow: ContractFlow) -> bool | None:
    """Whether every message that should be lost has come and gone."""
    return None if flow.system.losses.wanted else True


async def nothing_open(flow: ContractFlow) -> bool | None:
    """Whether no service waits for an answer about this contract any more."""
    for name in ("contracts", "disputes"):
        async with flow.system.services[name].database.read() as tx:
            open_ones = await tx.all(OUTBOX.select().where(OUTBOX.c.ask_again_at.is_not(None)))
        if any(flow.contract_id.encode() in bytes(row["body"]) for row in open_ones):
            return None
    return True


async def story_of_a_release(flow: ContractFlow) -> None:
    """Given a contract, when a milestone is funded and released, then the freelancer is paid once."""
    await flow.active(40_000)
    await flow.onboarded()
    async with losing(flow, *FUNDING, *RELEASE):
        await flow.funded()
        assert (await flow.release()).status_code == 202
        await flow.becomes("released")
    assert await flow.ledger() == {"charged": 40_000, "released": 40_000}


async def story_of_a_canceled_try(flow: ContractFlow) -> None:
    """Given an open try to pay, when the client cancels it, then the milestone is planned again."""
    await flow.active(40_000)
    async with losing(flow, *CANCEL):
        await flow.abandoned_try()


async def story_of_unwanted_money(flow: ContractFlow) -> None:
    """Given an abandoned try, when it is paid all the same after another one, then the second payment goes back."""
    await flow.active(40_000)
    abandoned = await flow.abandoned_try()
    async with losing(flow, *RETURN):
        await flow.funded()
        await flow.paid_at_stripe(abandoned["id"], 40_000)
        await flow.row_becomes(abandoned["id"], "returned")
    assert await flow.ledger() == {"charged": 80_000, "held": 40_000, "refunded": 40_000}


async def story_of_a_withdrawn_dispute(flow: ContractFlow) -> None:
    """Given held money, when a dispute about it is opened and withdrawn, then it is frozen and free again."""
    await flow.ready(40_000)
    async with losing(flow, *FREEZE, *UNFREEZE):
        path = await flow.disputed(1)
        await flow.done(flow.cast.ada, "POST", f"{path}/withdraw")
        await flow.seen("unfrozen", flow.milestone_path(), lambda one: not one["frozen_by"])


async def story_of_a_decision(flow: ContractFlow) -> None:
    """Given held money, when a dispute about it is decided, then both get their parts and the dispute is closed."""
    await flow.ready(40_000)
    async with losing(flow, *FREEZE, *DECISION, *RELEASE):
        path = await flow.decided(1, 15_000)
        await flow.becomes("split")
        await flow.seen("closed", path, lambda one: one["state"] == "closed")
    assert await flow.ledger() == {"charged": 40_000, "released": 15_000, "refunded": 25_000}


STORIES = [
    story_of_a_release,
    story_of_a_canceled_try,
    story_of_unwanted_money,
    story_of_a_withdrawn_dispute,
    story_of_a_decision,
]


@pytest.mark.parametrize("tell", STORIES)
async def test_every_lost_question_and_answer_is_said_again(flow: ContractFlow, tell: TraceContext) -> None:
    await tell(flow)


async def test_a_milestone_whose_answer_is_overdue_says_so_until_it_is_there(flow: ContractFlow) -> None:
    """Given a settlement nobody heard of, when it was asked again in vain, then all can see that and it is counted."""
    await flow.ready(40_000)
    losses = flow.system.losses
    asked = ("payments.pay_out_when_settlement_decided", contracts.MilestoneSettlementDecided.type)
    losses.wanted.add(asked)
    assert (await flow.release()).status_code == 202
    await flow.system.until("the question lost", lambda: nothing_left_to_lose(flow))
    assert "answer_overdue" not in await warnings(flow)

    losses.wanted.add(asked)
    await flow.system.ask_again()
    await flow.system.until("the question lost again", lambda: nothing_left_to_lose(flow))

    assert "answer_overdue" in await warnings(flow)
    async with flow.system.services["contracts"].database.read() as tx:
        assert (await asking.counts(tx))[1] >= 1

    await flow.system.ask_again()
    await flow.becomes("released")
    assert "answer_overdue" not in await warnings(flow)


async def warnings(flow: ContractFlow) -> list[str]:
    """The codes of a milestone's warnings."""
    return [one["code"] for one in (await flow.milestone())["warnings"]]


async def test_every_lost_question_and_answer_is_said_again_on_the_simulated_transport(tmp_path: Path) -> None:
    simulated = SimulatedTransport(7, SUBSCRIPTIONS.values())
    backing = Templates(tmp_path / "templates").sqlite(tmp_path / "databases")
    moving = asyncio.create_task(keep_moving(simulated))
    try:
        async with running_system(tmp_path / "data", backing, simulated) as system:
            for tell in STORIES:
                await tell(ContractFlow(system, system.cast()))
            await invariants(sight_of(system))
    finally:
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
