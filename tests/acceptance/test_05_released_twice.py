"""Situation 5: release clicked twice, and a dispute's decision at the same time: one settlement, one transfer."""

from skillscoop_messages.events.disputes import DisputeResolved, Share
from skillscoop_messages.ids import new_id

from tests.acceptance.job import Job, at_once, codes


async def legs(job: Job, number: int = 1) -> dict[str, list[int]]:
    """What Stripe moved for a milestone: amounts of transfers and of refunds."""
    about = {"milestone_id": job.milestones[number - 1]}
    found = {kind: await job.world.stripe.objects(kind, **about) for kind in ("transfer", "refund")}
    return {kind: [one["amount"] for one in many] for kind, many in found.items() if many}


async def test_release_clicked_twice_is_one_transfer(job: Job) -> None:
    await job.ready(40_000)

    answers = await at_once(job.release(), job.release(), job.release())

    assert codes(answers) == [202, 409, 409]
    assert (await job.becomes("released"))["settlement"]["to_freelancer"]["amount"] == 40_000
    assert await legs(job) == {"transfer": [40_000]}
    assert await job.ledger() == {"charged": 40_000, "released": 40_000}


async def test_a_retried_release_is_answered_as_before(job: Job) -> None:
    await job.ready(40_000)
    key = new_id("key")
    first, again = await job.release(key=key), await job.release(key=key)
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (202, 202, "true")
    assert again.json() == first.json()
    await job.becomes("released")
    assert (await job.release(key=key)).json() == first.json()
    assert await legs(job) == {"transfer": [40_000]}


async def test_releases_lose_against_a_decision_in_the_same_instant(job: Job) -> None:
    await job.ready(40_000)
    case = await job.disputed(1)
    await job.proposed(case, first=15_000)
    await job.done(job.cast.ada, "POST", f"{case}/proposal/accept")
    accept = job.ask(job.cast.grace, "POST", f"{case}/proposal/accept")

    accepted, *releases = await at_once(accept, job.release(), job.release())

    assert accepted.status_code == 200
    assert codes(releases) == [409, 409]
    assert {one.json()["code"] for one in releases} <= {"milestone_frozen", "move_not_allowed"}
    await job.becomes("split")
    assert await legs(job) == {"transfer": [15_000], "refund": [25_000]}
    await job.seen("closed", case, lambda one: one["state"] == "closed")


async def test_release_while_the_dispute_is_withdrawn_happens_once(job: Job) -> None:
    await job.ready(40_000)
    case = await job.disputed(1)
    withdraw = job.ask(job.cast.ada, "POST", f"{case}/withdraw")

    withdrawn, *releases = await at_once(withdraw, job.release(), job.release())

    assert withdrawn.status_code == 200
    assert codes(releases) in ([202, 409], [409, 409])
    if codes(releases) == [409, 409]:
        await job.seen("unfrozen", job.milestone_path(), lambda one: not one["frozen_by"])
        assert (await job.release()).status_code == 202
    await job.becomes("released")
    assert await legs(job) == {"transfer": [40_000]}


async def test_a_decision_told_twice_is_executed_once(job: Job) -> None:
    await job.ready(40_000)
    case = await job.decided(1, 10_000)
    await job.becomes("split")

    seen, contract = await job.see(case), await job.contract()
    again = DisputeResolved(
        contract_id=job.contract_id,
        client_id=job.cast.ada.id,
        freelancer_id=job.cast.grace.id,
        title=contract["title"],
        dispute_id=seen["id"],
        decision=seen["decision"]["number"],
        decided_by=job.cast.sam.id,
        accepted=True,
        milestones=[Share(milestone_id=job.milestones[0], to_freelancer=40_000)],
    )
    await job.world.say("disputes", again)
    await job.heard_all()

    assert await legs(job) == {"transfer": [10_000], "refund": [30_000]}
    assert await job.ledger() == {"charged": 40_000, "released": 10_000, "refunded": 30_000}
