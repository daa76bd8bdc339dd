"""Situation 8: a timer fires late, twice, or after the state has moved: no effect beyond the one that is due."""

from datetime import timedelta

from skillscoop_contracts.domain.agreement import LapseTerms
from skillscoop_contracts.domain.completion import AutoComplete
from skillscoop_contracts.domain.funding import LapseFunding
from skillscoop_contracts.usecases import timer_of
from skillscoop_messages.scheduled import schedule

from tests.acceptance.contract_flow import ContractFlow


async def ring_again(flow: ContractFlow, timer: str, key: str) -> None:
    """An timer of contracts fires although nobody set it."""
    service = flow.system.services["contracts"]
    async with service.database.begin() as tx:
        await schedule(tx, timer, key, tx.now() - timedelta(days=1))
    assert service.messaging is not None
    service.messaging.scheduled.nudge()
    await flow.heard_all()


async def state(flow: ContractFlow) -> str:
    """The contract's."""
    return str((await flow.contract())["state"])


async def test_an_offer_nobody_answered_lapses_once_however_late(flow: ContractFlow) -> None:
    await flow.draft(40_000)
    await flow.done(flow.cast.ada, "POST", f"{flow.path}/send")
    await ring_again(flow, timer_of(LapseTerms), flow.contract_id)
    assert await state(flow) == "proposed"

    flow.system.pass_time(days=40)

    lapsed = await flow.seen("expired", flow.path, lambda one: one["state"] == "expired")
    await ring_again(flow, timer_of(LapseTerms), flow.contract_id)
    assert (await flow.contract())["version"] == lapsed["version"]
    late = await flow.ask(flow.cast.grace, "POST", f"{flow.path}/approve", {"revision": 1}, match="*")
    assert (late.status_code, late.json()["state"]) == (409, "expired")
    assert len(await flow.seen_notices(flow.cast.grace, "terms.lapsed")) == 1


async def test_an_approved_offer_no_longer_lapses(flow: ContractFlow) -> None:
    await flow.active(40_000)
    flow.system.pass_time(days=15)
    await ring_again(flow, timer_of(LapseTerms), flow.contract_id)
    assert await state(flow) == "active"


async def test_a_pending_revision_lapses_and_the_terms_in_force_stay(flow: ContractFlow) -> None:
    await flow.active(40_000)
    assert (await flow.edit(45_000)).status_code == 200
    flow.system.pass_time(days=6)
    assert (await flow.edit(46_000)).status_code == 200
    # Stated anew, its time starts anew.
    flow.system.pass_time(days=6)
    await flow.heard_all()
    assert (await flow.contract())["pending_revision"]["revision"] == 3
    flow.system.pass_time(days=1)
    contract = await flow.seen("dropped", flow.path, lambda one: one["pending_revision"] is None)
    assert (contract["state"], contract["revision"]) == ("active", 1)
    await flow.funded()


async def test_a_checkout_nobody_paid_is_closed_and_one_that_was_paid_is_not(flow: ContractFlow) -> None:
    await flow.active(40_000, 30_000)
    assert (await flow.fund(1, "checkout")).status_code == 202
    await flow.payment(lambda one: bool(one.get("checkout_url")))
    await flow.funded(2)

    flow.system.pass_time(minutes=61)

    assert (await flow.becomes("planned"))["failure_reason"]
    assert [one["state"] for one in await flow.payment_rows(1)] == ["canceled"]
    await ring_again(flow, timer_of(LapseFunding), flow.milestones[0])
    await ring_again(flow, timer_of(LapseFunding), flow.milestones[1])
    assert (await flow.milestone(2))["state"] == "funded"
    await flow.funded(1)


async def test_a_job_that_is_done_completes_by_itself_once(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    assert (await flow.release()).status_code == 202
    await flow.becomes("released")
    await ring_again(flow, timer_of(AutoComplete), flow.contract_id)
    assert await state(flow) == "active"
    flow.system.pass_time(days=14, minutes=1)
    done = await flow.seen("completed", flow.path, lambda one: one["state"] == "completed")
    await ring_again(flow, timer_of(AutoComplete), flow.contract_id)
    assert (await flow.contract())["version"] == done["version"]
    late = await flow.ask(flow.cast.ada, "POST", f"{flow.path}/complete")
    assert (late.status_code, late.json()["state"]) == (409, "completed")


async def test_deadlines_that_passed_while_nobody_was_there_are_kept_afterwards(flow: ContractFlow) -> None:
    await flow.draft(40_000)
    await flow.done(flow.cast.ada, "POST", f"{flow.path}/send")
    await flow.heard_all()
    await flow.system.stop("contracts")
    flow.system.pass_time(days=20)
    await flow.system.start("contracts")
    await flow.seen("expired", flow.path, lambda one: one["state"] == "expired")


async def test_silence_in_a_dispute_moves_it_on_and_a_late_answer_is_refused(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    case = await flow.disputed(1)
    flow.system.pass_time(days=8)
    moved = await flow.seen("in review", case, lambda one: one["state"] == "in_review")
    assert moved["silent"]
    await flow.proposed(case, first=10_000)
    flow.system.pass_time(days=6)
    await flow.seen("in review again", case, lambda one: one["state"] == "in_review")
    late = await flow.ask(flow.cast.grace, "POST", f"{case}/proposal/accept")
    assert (late.status_code, late.json()["state"]) == (409, "in_review")
    assert (await flow.milestone())["held"]["amount"] == 40_000
