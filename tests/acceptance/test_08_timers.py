"""Situation 8: a timer fires late, twice, or after the state has moved: no effect beyond the one that is due."""

from datetime import timedelta

from skillscoop_contracts.domain.agreement import LapseTerms
from skillscoop_contracts.domain.completion import AutoComplete
from skillscoop_contracts.domain.funding import LapseFunding
from skillscoop_contracts.usecases import timer_of
from skillscoop_messages.scheduled import schedule

from tests.acceptance.job import Job


async def ring_again(job: Job, timer: str, key: str) -> None:
    """An timer of contracts fires although nobody set it."""
    service = job.world.services["contracts"]
    async with service.database.begin() as tx:
        await schedule(tx, timer, key, tx.now() - timedelta(days=1))
    assert service.messaging is not None
    service.messaging.scheduled.nudge()
    await job.heard_all()


async def state(job: Job) -> str:
    """The contract's."""
    return str((await job.contract())["state"])


async def test_an_offer_nobody_answered_lapses_once_however_late(job: Job) -> None:
    await job.draft(40_000)
    await job.done(job.cast.ada, "POST", f"{job.path}/send")
    await ring_again(job, timer_of(LapseTerms), job.contract_id)
    assert await state(job) == "proposed"

    job.world.pass_time(days=40)

    lapsed = await job.seen("expired", job.path, lambda one: one["state"] == "expired")
    await ring_again(job, timer_of(LapseTerms), job.contract_id)
    assert (await job.contract())["version"] == lapsed["version"]
    late = await job.ask(job.cast.grace, "POST", f"{job.path}/approve", {"revision": 1}, match="*")
    assert (late.status_code, late.json()["state"]) == (409, "expired")
    assert len(await job.seen_notices(job.cast.grace, "terms.lapsed")) == 1


async def test_an_approved_offer_no_longer_lapses(job: Job) -> None:
    await job.active(40_000)
    job.world.pass_time(days=15)
    await ring_again(job, timer_of(LapseTerms), job.contract_id)
    assert await state(job) == "active"


async def test_a_pending_revision_lapses_and_the_terms_in_force_stay(job: Job) -> None:
    await job.active(40_000)
    assert (await job.edit(45_000)).status_code == 200
    job.world.pass_time(days=6)
    assert (await job.edit(46_000)).status_code == 200
    # Stated anew, its time starts anew.
    job.world.pass_time(days=6)
    await job.heard_all()
    assert (await job.contract())["pending_revision"]["revision"] == 3
    job.world.pass_time(days=1)
    contract = await job.seen("dropped", job.path, lambda one: one["pending_revision"] is None)
    assert (contract["state"], contract["revision"]) == ("active", 1)
    await job.funded()


async def test_a_checkout_nobody_paid_is_closed_and_one_that_was_paid_is_not(job: Job) -> None:
    await job.active(40_000, 30_000)
    assert (await job.fund(1, "checkout")).status_code == 202
    await job.payment(lambda one: bool(one.get("checkout_url")))
    await job.funded(2)

    job.world.pass_time(minutes=61)

    assert (await job.becomes("planned"))["failure_reason"]
    assert [one["state"] for one in await job.payment_rows(1)] == ["canceled"]
    await ring_again(job, timer_of(LapseFunding), job.milestones[0])
    await ring_again(job, timer_of(LapseFunding), job.milestones[1])
    assert (await job.milestone(2))["state"] == "funded"
    await job.funded(1)


async def test_a_job_that_is_done_completes_by_itself_once(job: Job) -> None:
    await job.ready(40_000)
    assert (await job.release()).status_code == 202
    await job.becomes("released")
    await ring_again(job, timer_of(AutoComplete), job.contract_id)
    assert await state(job) == "active"
    job.world.pass_time(days=14, minutes=1)
    done = await job.seen("completed", job.path, lambda one: one["state"] == "completed")
    await ring_again(job, timer_of(AutoComplete), job.contract_id)
    assert (await job.contract())["version"] == done["version"]
    late = await job.ask(job.cast.ada, "POST", f"{job.path}/complete")
    assert (late.status_code, late.json()["state"]) == (409, "completed")


async def test_deadlines_that_passed_while_nobody_was_there_are_kept_afterwards(job: Job) -> None:
    await job.draft(40_000)
    await job.done(job.cast.ada, "POST", f"{job.path}/send")
    await job.heard_all()
    await job.world.stop("contracts")
    job.world.pass_time(days=20)
    await job.world.start("contracts")
    await job.seen("expired", job.path, lambda one: one["state"] == "expired")


async def test_silence_in_a_dispute_moves_it_on_and_a_late_answer_is_refused(job: Job) -> None:
    await job.ready(40_000)
    case = await job.disputed(1)
    job.world.pass_time(days=8)
    moved = await job.seen("in review", case, lambda one: one["state"] == "in_review")
    assert moved["silent"]
    await job.proposed(case, first=10_000)
    job.world.pass_time(days=6)
    await job.seen("in review again", case, lambda one: one["state"] == "in_review")
    late = await job.ask(job.cast.grace, "POST", f"{case}/proposal/accept")
    assert (late.status_code, late.json()["state"]) == (409, "in_review")
    assert (await job.milestone())["held"]["amount"] == 40_000
